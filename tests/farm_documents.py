"""Feed documents that mean harm or are merely odd, and what is kept of them. Data for `test_hostile`."""

from __future__ import annotations

from tests.farm import Case, answers
from tests.farm_answers import FEED, MB


def rss(items: str | bytes, *, prolog: str = "<?xml version='1.0'?>", channel: str = "") -> bytes:
    """An RSS document with these items, as they are."""
    start = f"{prolog}<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel><title>Odd</title>{channel}".encode()
    return start + (items if isinstance(items, bytes) else items.encode()) + b"</channel></rss>"


def item(number: int | str, title: str = "Rain expected", *, link: str | None = None, more: str = "") -> str:
    """An item of its own; its link is on an invented outlet."""
    link = f"https://odd.example/{number}" if link is None else link
    return f"<item><guid isPermaLink='false'>odd-{number}</guid><link>{link}</link><title>{title}</title>{more}</item>"


def doc(
    name: str,
    body: bytes,
    outcome: str = "ok",
    seen: int | None = None,
    *titles: str,
    kind: str = "application/rss+xml",
) -> Case:
    """A document that is served as it is."""
    return Case(f"feed-{name}", answers(body, kind=kind), outcome, seen, tuple(titles) or None)


def entities(levels: int, each: int) -> str:
    """The declarations of a billion laughs."""
    first = "<!ENTITY e0 'ha'>"
    rest = "".join(f"<!ENTITY e{level} '{f'&e{level - 1};' * each}'>" for level in range(1, levels))
    return f"<?xml version='1.0'?><!DOCTYPE rss [{first}{rest}]>"


def titled(name: str, title: str, kept: str) -> Case:
    """A feed of one entry with this title, and what the entry is called afterwards."""
    return doc(f"title-{name}", rss(item(f"title-{name}", title)), "ok", 1, kept)


SLOW = "parse-timeout|ok|not-a-feed|too-large"  # what takes feedparser minutes is killed, what a fast machine reads is kept
LONG = "word " * 20_000
XXE = "<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY x SYSTEM '{}'>]>"

BOMBS = (
    doc("billion-laughs", rss(item("laughs", "&e9;"), prolog=entities(10, 10))),
    doc(
        "quadratic-entity",
        rss(
            item("quadratic", "&q;" * 50_000),
            prolog=f"<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY q '{'q' * 50_000}'>]>",
        ),
        SLOW,
    ),
    doc("xxe-file", rss(item("xxe", "before &x; after"), prolog=XXE.format("file:///etc/passwd"))),
    doc("xxe-http", rss(item("xxe-http", "before &x; after"), prolog=XXE.format("http://127.0.0.2:9/x"))),
    doc(
        "xxe-parameter",
        rss(
            item("xxe-par"),
            prolog="<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY % p SYSTEM 'http://127.0.0.2:9/x.dtd'> %p;]>",
        ),
        "ok",
        1,
    ),
    doc(
        "external-dtd",
        rss(item("dtd"), prolog="<?xml version='1.0'?><!DOCTYPE rss SYSTEM 'http://127.0.0.2:9/x.dtd'>"),
        "ok",
        1,
    ),
    doc(
        "xinclude",
        rss(
            "<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd' parse='text'/>"
            + item("xi")
        ),
        "ok",
        1,
    ),
    doc(
        "stylesheet",
        rss(
            item("xsl"),
            prolog="<?xml version='1.0'?><?xml-stylesheet href='http://127.0.0.2:9/x.xsl' type='text/xsl'?>",
        ),
        "ok",
        1,
    ),
    doc(
        "100000-attributes",
        rss("<item " + " ".join(f"a{n}='1'" for n in range(100_000)) + "><title>Rain</title></item>"),
        SLOW,
    ),
    doc("author-of-600-kb", rss(item("author", more=f"<author>{'a@' * 300_000}</author>")), SLOW),
    doc("author-of-600-kb-of-dots", rss(item("dots", more=f"<author>{'a.' * 300_000}</author>")), SLOW),
    doc(
        "100000-nested",
        rss("<item><title>Deep</title>" + "<a>" * 100_000 + "</a>" * 100_000 + "</item>" + item("nested")),
        SLOW,
    ),
    doc("100000-nested-in-title", rss("<item><title>" + "<b>" * 100_000 + "</title></item>"), SLOW),
    doc("100000-unclosed", rss("<item><title>Unclosed</title>" + "<a>" * 100_000), SLOW),
    doc(
        "50000-namespaces",
        rss("<item " + " ".join(f"xmlns:n{n}='u{n}'" for n in range(50_000)) + "><title>Rain</title></item>"),
        SLOW,
    ),
    doc("3-mb-of-less-than", rss("<" * (3 * MB)), SLOW),
    doc("3-mb-of-ampersands", rss("&" * (3 * MB)), SLOW),
    doc("3-mb-of-open-comments", rss("<!--" * (3 * MB // 4)), SLOW),
    doc("3-mb-of-open-cdata", rss("<![CDATA[" * (3 * MB // 9)), SLOW),
    doc("3-mb-of-open-tags-in-a-title", rss(item("open-tags", "&lt;a " * (3 * MB // 6))), SLOW),
    doc("3-mb-of-combining-marks", rss(item("marks", "a" + "\u0301\u0323" * (3 * MB // 4))), SLOW),
    doc("3-mb-of-spaces", rss(" " * (3 * MB) + item("spaces")), "ok", 1),
    doc("3-mb-of-dates", rss(item("dates", more=f"<pubDate>{'1 Jan ' * 500_000}</pubDate>")), "ok", 1),
    doc("200000-items", rss("".join(f"<item><guid>n{n}</guid></item>" for n in range(200_000))), "too-large"),
    doc("3-mb-of-json-brackets", b"[" * (3 * MB), "not-a-feed"),
    doc(
        "json-number-of-1-mb",
        b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": ' + b"9" * MB + b"}]}",
        "ok|not-a-feed",
    ),
)

CODES = (
    doc("nul", rss(item("nul", "Rain\x00 expected")), "ok", 1, "Rain expected"),
    doc("nul-everywhere", b"\x00" + b"\x00".join(FEED[i : i + 1] for i in range(len(FEED)))),
    doc("only-nul", bytes(10_000), "not-a-feed"),
    doc("lone-surrogate", rss(item("surrogate", "Rain &#xD800;expected")), "ok", 1),
    doc("surrogate-bytes", rss(item("surrogate-b").encode().replace(b"Rain", b"Rain\xed\xa0\x80")), "ok", 1),
    doc("invalid-utf-8", rss(item("invalid").encode().replace(b"Rain", b"Rain \xff\xfe\xc3")), "ok", 1),
    doc("overlong-utf-8", rss(item("overlong").encode().replace(b"Rain", b"Rain \xc0\xaf\xe0\x80\xaf")), "ok", 1),
    doc("beyond-unicode", rss(item("beyond", "Rain &#x110000; &#99999999999; &#-5; expected")), "ok", 1),
    doc(
        "declared-utf-7",
        rss(
            item("utf-7", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-"), prolog="<?xml version='1.0' encoding='utf-7'?>"
        ),
        "ok",
        1,
    ),
    doc("declared-idna", rss(item("idna"), prolog="<?xml version='1.0' encoding='idna'?>"), "ok", 1),
    doc("declared-a-codec-that-is-none", rss(item("rot13"), prolog="<?xml version='1.0' encoding='rot13'?>"), "ok", 1),
    doc(
        "declared-unicode-escape",
        rss(item("escape"), prolog="<?xml version='1.0' encoding='unicode_escape'?>"),
        "ok",
        1,
    ),
    doc("declared-of-10-kb", rss(item("long-enc"), prolog=f"<?xml version='1.0' encoding='{'x' * 10_000}'?>"), "ok", 1),
    doc(
        "utf-16-with-bom",
        rss(item("utf-16"), prolog="<?xml version='1.0' encoding='utf-16'?>").decode().encode("utf-16"),
        "ok",
        1,
        "Rain expected",
    ),
    doc(
        "utf-16-without-bom",
        rss(item("utf-16le"), prolog="<?xml version='1.0' encoding='utf-16'?>").decode().encode("utf-16-le"),
        "ok",
        1,
        "Rain expected",
    ),
    doc("utf-16-cut-in-half", rss(item("utf-16c")).decode().encode("utf-16")[:-1], "ok", 1),
    doc("utf-32", rss(item("utf-32")).decode().encode("utf-32"), "ok", 1, "Rain expected"),
    doc("bom-twice", "\ufeff\ufeff".encode() + rss(item("bom")), "ok", 1, "Rain expected"),
    doc("junk-before", b"<br />\n<b>Warning</b>: mysql_connect()\n" + rss(item("junk")), "ok", 1),
    doc("junk-behind", rss(item("behind")) + b"\n<!-- cached -->\n<script>track()</script>", "ok", 1, "Rain expected"),
    doc("two-documents", rss(item("two-1")) + rss(item("two-2"))),
    doc("cut", rss(item("cut-1") + item("cut-2") + item("cut-3"))[:-100]),
    doc("only-a-prolog", b"<?xml version='1.0'?>", "not-a-feed"),
    doc("an-image", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, "not-a-feed"),
    doc("a-pdf", b"%PDF-1.7\n" + bytes(range(256)) * 40, "not-a-feed"),
    doc("a-zip", b"PK\x03\x04" + bytes(range(256)) * 40, "not-a-feed"),
    doc("a-path", b"/etc/passwd", "not-a-feed"),
    doc("an-address", b"http://127.0.0.2:9/feed.xml", "not-a-feed"),
    doc("json-null", b"null", "not-a-feed"),
    doc("json-of-no-feed", b'{"error": "rate limit"}', "not-a-feed"),
)

TITLES = (
    titled("of-100-kb", LONG, ("word " * 199).rstrip() + "…"),
    titled("of-100-kb-without-a-space", "w" * 100_000, "w" * 999 + "…"),
    titled("empty", "", ""),
    titled("script", "&lt;script&gt;alert(1)&lt;/script&gt;Rain", "Rain"),
    titled("script-twice-escaped", "&amp;lt;script&amp;gt;alert(1)&amp;lt;/script&amp;gt;Rain", "Rain"),
    titled("image", "&lt;img src=x onerror=alert(1)&gt;Rain", "Rain"),
    titled("svg", "<![CDATA[<svg onload=alert(1)>Rain</svg>]]> falls", "falls"),
    titled(
        "newlines", "Rain\r\n2026-01-01 ERROR crawler: forged&#10;line", "Rain 2026-01-01 ERROR crawler: forged line"
    ),
    titled("line-separators", "Rain&#x2028;over&#x2029;the&#x85;north", "Rain over the…north"),
    titled("escape-codes", "Rain \x1b[31m&#27;[2J red", "Rain [31m\ufffd[2J red"),
    titled("controls", "R&#7;a\x08i\x0bn&#127;", "R\ufffdain"),
    titled("bidi", "Rain \u202egnp.exe\u202c \u2066over\u2069", "Rain gnp.exe over"),
    titled("zero-width", "Ra\u200bin\ufeff \u2060here", "Rain here"),
    titled("formula", '=HYPERLINK("http://x","y")', '=HYPERLINK("http://x","y")'),
    titled("formula-dde", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    titled("formula-at", "@SUM(1+1)", "@SUM(1+1)"),
    titled(
        "format-string",
        "%s %n {0} {self.__class__} ${jndi:ldap://127.0.0.2/x}",
        "%s %n {0} {self.__class__} ${jndi:ldap://127.0.0.2/x}",
    ),
    titled("sql", "'); DROP TABLE entries; --", "'); DROP TABLE entries; --"),
    titled(
        "rich-markup",
        "[bold red]Rain[/] [link=file:///etc/passwd]x[/link]",
        "[bold red]Rain[/] [link=file:///etc/passwd]x[/link]",
    ),
    titled("decomposed", "Cafe\u0301", "Café"),
    titled("of-many-emoji", "\U0001f327" * 300, "\U0001f327" * 300),
    titled("arabic", "أمطار غزيرة في الشمال", "أمطار غزيرة في الشمال"),
)


def linked(name: str, link: str, kept: bool) -> Case:
    """A feed of one entry with this link; whether the entry keeps one."""
    return doc(
        f"link-{name}{'' if kept else '-none'}",
        rss(item(f"link-{name}", f"Link {name}", link=link)),
        "ok",
        1,
        f"Link {name}",
    )


LINKS = (
    linked("javascript", "javascript:alert(1)", False),
    linked("data", "data:text/html,&lt;script&gt;", False),
    linked("file", "file:///etc/passwd", False),
    linked("mailto", "mailto:editor@odd.example", False),
    linked("of-100-kb", "https://odd.example/" + "l" * 100_000, False),
    linked("dots", "../../../../etc/passwd", True),
    linked("newlines", "https://odd.example/a&#10;b", True),
    linked("with-spaces", " https://odd.example/a b ", True),
    linked("half-an-address", "http://[::1", False),
    linked("port-99999", "http://odd.example:99999/", False),
    linked("bytes", "https://odd.example/%ff%00%zz", True),
    linked("backslashes", "https:\\\\odd.example\\win", True),
    linked("emoji-host", "https://\U0001f4a9.example/", True),
    linked("credentials", "https://editor:s3cret@odd.example/x", True),
)

IDS = (
    doc(
        "ids-all-alike",
        rss("".join(f"<item><guid isPermaLink='false'>same</guid><title>Title {n}</title></item>" for n in range(5))),
        "ok",
        5,
    ),
    doc(
        "ids-of-100-kb",
        rss(f"<item><guid isPermaLink='false'>{'i' * 100_000}</guid><title>Long id</title></item>"),
        "ok",
        1,
        "Long id",
    ),
    doc(
        "ids-with-paths",
        rss("<item><guid isPermaLink='false'>../../../../etc/passwd</guid><title>Path id</title></item>"),
        "ok",
        1,
        "Path id",
    ),
    doc(
        "ids-with-nul",
        rss("<item><guid isPermaLink='false'>a\x00b</guid><title>Nul id</title></item>"),
        "ok",
        1,
        "Nul id",
    ),
    doc(
        "ids-with-newlines",
        rss("<item><guid isPermaLink='false'>a\n\nERROR b</guid><title>Line id</title></item>"),
        "ok",
        1,
        "Line id",
    ),
    doc("ids-empty", rss("<item><guid></guid><title>No id</title></item>"), "ok", 1, "No id"),
    doc("items-empty", rss("<item/>" * 50)),
    doc("items-without-anything", rss(""), "ok", 0),
    doc(
        "links-all-alike",
        rss("".join(item(f"alike-{n}", f"Alike {n}", link="https://odd.example/live") for n in range(4))),
        "ok",
        4,
        *(f"Alike {n}" for n in range(4)),
    ),
    *(
        doc(f"date-{name}", rss(item(f"date-{name}", more=f"<pubDate>{date}</pubDate>")), "ok", 1, "Rain expected")
        for name, date in {
            "year-0": "Sat, 01 Jan 0000 00:00:00 GMT",
            "year-9999": "Fri, 31 Dec 9999 23:59:59 -2359",
            "year-99999": "99999-01-01T00:00:00Z",
            "negative": "-1",
            "epoch": "1234567890",
            "feb-30": "30 Feb 2026 00:00 GMT",
            "leap-second": "2026-06-30T23:59:60Z",
            "zone": "2026-06-30T23:59:59+99:99",
            "huge": "9" * 4000,
            "controls": "\x01\x00 Mon",
            "words": "the day before yesterday",
            "arabic": "٢٥ نوفمبر ٢٠٢٦",
        }.items()
    ),
    doc(
        "icon-inner",
        rss(item("icon"), channel="<image><url>http://127.0.0.2:9/i.png</url><link>http://127.0.0.2:9/</link></image>"),
        "ok",
        1,
    ),
    doc(
        "hub-inner",
        rss(
            item("hub"),
            channel="<atom:link rel='hub' href='http://127.0.0.2:9/hub'/><cloud domain='127.0.0.2' port='9' path='/rpc'/>",
        ),
        "ok",
        1,
    ),
    doc(
        "next-inner",
        rss(
            item("next"),
            channel="<atom:link rel='next' href='http://127.0.0.2:9/2'/><atom:link rel='self' href='http://127.0.0.2:9/'/>",
        ),
        "ok",
        1,
    ),
    doc(
        "enclosure-inner",
        rss(item("enclosure", more="<enclosure url='http://127.0.0.2:9/a.mp3' length='-1' type='audio/mpeg'/>")),
        "ok",
        1,
    ),
    doc(
        "new-feed-url-inner",
        rss(
            item("moved"),
            channel="<itunes:new-feed-url xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'>http://127.0.0.2:9/</itunes:new-feed-url>",
        ),
        "ok",
        1,
    ),
    doc(
        "ttl-huge",
        rss(item("ttl"), channel="<ttl>99999999999999</ttl><skipHours><hour>-1</hour><hour>99</hour></skipHours>"),
        "ok",
        1,
    ),
    doc(
        "one-bad-entry",
        rss(
            item("good-1", "Good one")
            + "<item><pubDate>\x00</pubDate><title>&#xD800;</title><link>http://[</link></item>"
            + item("good-2", "Good two")
        ),
        "ok",
        3,
    ),
)

DOCUMENTS = (*BOMBS, *CODES, *TITLES, *LINKS, *IDS)
