"""Which namespaces and names a plain document may use, as feedparser reads them. PURE.

feedparser takes a document's prefix for a name of its own list, too: a prefix of that list on another namespace, or another
namespace of the list, is no plain document.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

ATOM = "{http://www.w3.org/2005/Atom}"
LANG, XML_BASE = (f"{{http://www.w3.org/XML/1998/namespace}}{name}" for name in ("lang", "base"))
# namespaces whose elements are known here, by the prefix that feedparser gives them
_NAMESPACES = {
    "http://www.w3.org/2005/Atom": "atom",
    "http://purl.org/rss/1.0/modules/content/": "content",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://search.yahoo.com/mrss/": "media",
    "http://search.yahoo.com/mrss": "media",
    "//search.yahoo.com/mrss/": "media",  # on no list of feedparser: it goes by the prefix
    "http://purl.org/rss/1.0/modules/syndication/": "sy",
    "http://purl.org/rss/1.0/modules/slash/": "slash",
    "http://wellformedweb.org/CommentAPI/": "wfw",
    "http://rssnamespace.org/feedburner/ext/1.0": "feedburner",
    "http://www.georss.org/georss": "georss",
    "http://www.w3.org/2003/01/geo/wgs84_pos#": "geo",
    "http://purl.org/dc/terms/": "dcterms",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes",
    "http://www.itunes.com/DTDs/Podcast-1.0.dtd": "itunes",
    "http://www.w3.org/1999/xhtml": "xhtml",
    "http://purl.org/syndication/thread/1.0": "thr",
    "http://www.w3.org/2001/XMLSchema-instance": "xsi",
}
_TAKEN = re.compile(
    r"(?:admin|ag|annotate|audio|blogchannel|cc|creativecommons|co|content|cp|dc|dcterms|email|ev|feedburner|fm|foaf|geo|georss|gml|icbm"
    r"|image|itunes|l|media|pingback|prism|psc|rdf|rdfs|ref|reqv|search|slash|soap|ss|str|sub|sy|szf|taxo|thr|ti|trackback|wfw|wiki|xhtml"
    r"|xlink|xml|xmlns)",
    re.IGNORECASE,
)
_LISTED = re.compile(  # by feedparser, whatever the prefix
    r"backend\.userland|blogs\.law\.harvard|purl\.org|netscape\.com|example\.com|^uri/of|webns\.net|tangent\.org|creativecommons|web\.resource|cyber\.law"
    r"|theinfo\.org|rssnamespace|freshmeat|xmlns\.com|w3\.org|georss|opengis|postneo|itunes\.com|yahoo\.com|madskills|prismstandard"
    r"|hacks\.benhammersley|pocketsoap|xmlsoap|wellformedweb|podlove",
    re.IGNORECASE,
)
_DECLARED = re.compile(r"""xmlns(?<!\wxmlns)(?::([\w.-]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ODD_TARGET = re.compile(r"<\?[^\s?>]*[^\x00-\x7f]")
_BASE = re.compile(r"[\s:]base\s*=", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[\w.:-]+(?:/[\w./-]*)?", re.ASCII)


class UnusualError(Exception):
    """The document holds something that is left to feedparser."""


def check_namespaces(text: str) -> None:
    """Raise UnusualError where the document declares a type, an entity or a namespace that feedparser may bend."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnusualError
    declared = _DECLARED.findall(text)
    if text.count("xmlns") != len(declared):  # in a text, perhaps
        raise UnusualError
    by_prefix: dict[str, str] = {}
    for prefix, one, other in set(declared):
        uri = one or other
        if not prefix.isascii():
            raise UnusualError
        if prefix and by_prefix.setdefault(prefix.lower(), uri) != uri:
            raise UnusualError
        known = _NAMESPACES.get(uri)
        if known is None:
            listed = "backend.userland" in uri or (_LISTED.search(uri) and not uri.startswith("//"))
            if listed or "&" in uri or (prefix and _TAKEN.fullmatch(prefix)):
                raise UnusualError
        elif prefix != known and not (known in ("atom", "xhtml") and not _TAKEN.fullmatch(prefix or "none")):
            raise UnusualError


def check_names(text: str, root: Any) -> None:
    """Raise UnusualError where a name is not all ASCII: libxml2 knows the letters of XML 1.0's fifth edition, expat those of its fourth."""
    if text.isascii():
        return
    if _ODD_TARGET.search(text):
        raise UnusualError
    for element in root.iter():
        if not (element.tag.isascii() and all(map(str.isascii, element.keys()))):
            raise UnusualError


def check_base(text: str, root: Any) -> None:
    """Raise UnusualError unless the document has at most one base, its root's, and that is a plain address."""
    base = root.get(XML_BASE)
    if "base" in text.lower() and len(_BASE.findall(text)) != (base is not None):
        raise UnusualError
    if base is not None and not (_ADDRESS.fullmatch(base) and urljoin(base, base) == base):
        raise UnusualError


def name_of(element: Any, *, is_atom: bool) -> str:
    """An element by feedparser's name for it: "title", "dc:creator"; of an unknown namespace with its prefix after a "?"."""
    tag: str = element.tag
    if tag[0] != "{":
        if is_atom:
            raise UnusualError
        return tag
    uri, _, local = tag[1:].partition("}")
    known = _NAMESPACES.get(uri)
    if known == "atom":
        return local if is_atom else f"atom:{local}"
    if known is None:
        if not element.prefix or local.lower() in ("svg", "math"):
            raise UnusualError
        return f"?{element.prefix}:{local}"
    return f"{known}:{local}"
