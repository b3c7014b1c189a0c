"""Scrapy's settings; each line that differs from Scrapy 2.19's default says why.

Opens no file and no database: what the user configures (delays, limits, contact) is laid over this by
`crawler.crawl.settings_for`, from one validated `crawler.config.Config`.
"""

from crawler import USER_AGENT as _USER_AGENT

BOT_NAME = "levantwatch"
SPIDER_MODULES = ["crawler.spiders"]
COMMANDS_MODULE = "crawler.commands"  # Scrapy's `crawl` exits 0 when the database fails in mid-crawl
USER_AGENT = _USER_AGENT  # publishers see who asks; the contact is added from the configuration

# --- doors that Scrapy leaves open ---
REMOTE_CONTROL_ENABLED = False  # on by default in 2.19: a localhost server that executes Python
TELNETCONSOLE_ENABLED = False  # the same by telnet
DOWNLOAD_VERIFY_CERTIFICATES = True  # False by default: anybody on the way could write our evidence
DOWNLOAD_HANDLERS = {
    "http": "crawler.limits.BoundedHandler",  # Scrapy's own bounds no head, no chain of redirects, no sum of bodies
    "https": "crawler.limits.BoundedHandler",
    "file": None,  # a redirect must not open local files
    "data": None,
    "ftp": None,
    "s3": None,
}
TWISTED_DNS_RESOLVER = "crawler.guard.GuardedResolver"  # Scrapy follows redirects to private addresses
REDIRECT_MAX_TIMES = 8  # 20 by default; browsers' limit is no measure for feeds, real chains end after three

# --- manners ---
ROBOTSTXT_OBEY = True  # for articles, by crawler.robots; feeds are published to be polled: dont_obey_robotstxt
HOST_DELAY = 1.0  # seconds between two requests to one registered domain (config: host_delay); crawler.hosts keeps it
HOST_CONNECTIONS = 2  # requests to one registered domain at a time (config: host_connections)
DOWNLOAD_DELAY = 0  # Scrapy's slots forget it with the crawl, and who waits in one takes a place from all the others
DOWNLOAD_DELAY_JITTER = 0.0  # the same
CONCURRENT_REQUESTS_PER_DOMAIN = 16  # the most that host_connections may be; crawler.hosts holds it
DEFAULT_REQUEST_HEADERS = {"Accept-Language": "*"}  # each request says what it accepts; no language is preferred

# --- size and time ---
CONCURRENT_REQUESTS = 0  # no ceiling: those that wait for a host are no load; crawler.fair counts (config: concurrency)
DOWNLOAD_TIMEOUT = 20  # 180 s by default; a feed that takes longer is down (config: request_timeout)
DNS_TIMEOUT = 10  # 60 s by default
DOWNLOAD_MAXSIZE = 10 * 1024 * 1024  # 1 GiB by default; also holds after decompression
DOWNLOAD_WARNSIZE = 0  # the limit is the news, not the way there
CONCURRENT_ITEMS = 1  # the default 100 starts 100 tasks for every response: doubles the CPU of a warm round

# --- the road ---
WARN_ON_GENERATOR_RETURN_VALUE = False  # reads the source of every callback at each start; mypy knows what they return
DUPEFILTER_CLASS = "scrapy.dupefilters.BaseDupeFilter"  # the default drops every later poll of the same feed
ITEM_PIPELINES = {"crawler.pipelines.Judge": 100, "crawler.pipelines.Store": 900}
# Scrapy imports every class that its base lists name, those that are off as well: the one for cookies brings 14 MB, the remote
# control's aiohttp 0.2 s. So these are lists of what is used. Left out on purpose: proxies (the guard would never see the target),
# cookies, retries (three in a second are rude; polling.py decides),
# meta refresh (a page's own idea, no redirect of its server), compression (the handler unpacks, within its limits), and the
# error filter (a 304 and a 503 are answers that the ledger must learn).
DOWNLOADER_MIDDLEWARES_BASE = {
    "scrapy.downloadermiddlewares.defaultheaders.DefaultHeadersMiddleware": 400,
    "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 500,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": 600,
}
DOWNLOADER_MIDDLEWARES = {
    "crawler.robots.RobotsTxt": 100,  # Scrapy's allows everything on 5xx, and never expires
    "crawler.gate.Gate": 840,  # after redirect and robots: every hop waits for its own host
}
SPIDER_MIDDLEWARES_BASE = {"scrapy.spidermiddlewares.referer.RefererMiddleware": 700}  # redirects warn without it
REFERRER_POLICY = "no-referrer"  # where the watch came from is nobody's business
EXTENSIONS_BASE = {
    "scrapy.extensions.corestats.CoreStats": 0,
    "scrapy.extensions.feedexport.FeedExporter": 0,  # scrapy crawl feeds -O matches.jsonl
}

# --- what is written ---
LOG_LEVEL = "INFO"  # one line per poll and per match (config: log_level)
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LOG_DATEFORMAT = "%Y-%m-%dT%H:%M:%S%z"  # a log line says its zone
LOG_VERSIONS: list[str] = []  # nine lines at every start that nobody asked for
DEFAULT_DROPITEM_LOG_LEVEL = "DEBUG"  # 99 of 100 articles are no match; that is no warning
LOGSTATS_INTERVAL = 0  # polls and matches are logged one by one
STATS_DUMP = False  # the run's counts go into the table `runs`
FEED_EXPORT_ENCODING = "utf-8"  # -O out.jsonl: Arabic as Arabic, not as escapes
