"""The outlets of the newsroom and their feeds, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutletFeed:
    """A feed of an outlet. `form` is rss, atom, rdf, json or sitemap; `well_formed` False leaves ampersands bare."""

    name: str
    form: str
    path: str
    title: str
    encoding: str = "utf-8"
    content_type: str = "application/rss+xml"
    charset_in_header: bool = True
    well_formed: bool = True
    full_text: bool = False
    tracked: bool = False  # its links say where the reader came from


@dataclass(frozen=True, slots=True)
class Outlet:
    """An invented news outlet. `article_path` is filled with id, slug, section and language; `robots` is its robots.txt."""

    key: str
    name: str
    domain: str
    country: str
    kind: str
    language: str
    article_path: str
    feeds: tuple[OutletFeed, ...]
    robots: str
    tags: tuple[str, ...] = ()

    def feed(self, name: str) -> OutletFeed:
        """The feed of this name; LookupError when it has none."""
        for feed in self.feeds:
            if feed.name == name:
                return feed
        raise LookupError(f"{self.key} has no feed {name!r}")


OUTLETS: tuple[Outlet, ...] = (
    Outlet(
        "meridian", "Meridian News Agency", "meridian-agency.example", "CH", "wire", "en",
        "/story/{id}/{slug}",
        (OutletFeed("wire", "atom", "/wire.atom", "Meridian: the wire", content_type="application/atom+xml"),),
        "User-agent: *\nDisallow: /clients/\nDisallow: /search\n",
        ("world",),
    ),
    Outlet(
        "courier", "The Harbour Courier", "harbourcourier.example", "GB", "newspaper", "en",
        "/{section}/{slug}-{id}.html",
        (
            OutletFeed("world", "rss", "/world/rss.xml", "The Harbour Courier: World and UK", tracked=True),
            OutletFeed("top", "rss", "/rss.xml", "The Harbour Courier: Top stories & more", tracked=True,
                       content_type="text/xml", well_formed=False),
        ),
        "User-agent: *\nDisallow: /account/\nDisallow: /*?print=\n\nUser-agent: GreedyBot\nDisallow: /\n",
        ("world",),
    ),
    Outlet(
        "ledger", "Levant Ledger", "levantledger.example", "LB", "newspaper", "en",
        "/node/{id}",
        (OutletFeed("all", "rdf", "/backend.rdf", "Levant Ledger", content_type="application/rdf+xml"),),
        "User-agent: *\nCrawl-delay: 0\nDisallow: /admin/\nDisallow: /user/\n",
        ("region",),
    ),
    Outlet(
        "prairie", "Prairie Signal", "prairiesignal.example", "US", "newspaper", "en",
        "/articles/{slug}",
        (OutletFeed("news", "json", "/feed.json", "Prairie Signal", content_type="application/feed+json"),),
        "User-agent: *\nDisallow: /subscribe/\n",
    ),
    Outlet(
        "gazette", "Continental Gazette", "continentalgazette.example", "BE", "newspaper", "en",
        "/news/{id}-{slug}/",
        (OutletFeed("sitemap", "sitemap", "/sitemap-news.xml", "Continental Gazette", content_type="application/xml"),),
        "User-agent: *\nDisallow: /newsletter/\nSitemap: /sitemap-news.xml\n",
    ),
    Outlet(
        "mina", "صحيفة الميناء", "almina.example", "JO", "newspaper", "ar",
        "/article.php?id={id}",
        (OutletFeed("news", "rss", "/rss.php", "صحيفة الميناء - آخر الأخبار", encoding="windows-1256"),),
        "User-agent: *\nAllow: /\n",
    ),
    Outlet(
        "kiyi", "Kıyı Postası", "kiyipostasi.example", "TR", "newspaper", "tr",
        "/haber/{slug}-{id}",
        (OutletFeed("haberler", "rss", "/rss/son-dakika", "Kıyı Postası - Son Dakika", encoding="iso-8859-9",
                    content_type="application/xml", charset_in_header=False),),
        "User-agent: *\nDisallow: /uye/\n",
    ),
    Outlet(
        "crossroads", "Crossroads Monitor", "crossroads.example", "GE", "magazine", "en",
        "/{language}/{id}",
        (OutletFeed("all", "rss", "/feed/", "Crossroads Monitor", full_text=True),),
        "User-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n",
    ),
)  # fmt: skip
