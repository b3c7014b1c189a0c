"""Who wrote an article, by its JSON-LD, its meta elements or the bylines that readers see. PURE; a room of `crawler.pagehead`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from crawler import jsonld
from crawler.plaintext import plain_text

NAME_CHARS, MOST_AUTHORS = 100, 8
_AUTHORS = ("author", "article:author", "byl", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator", "article:author_name",
            "cxenseparse:author", "authors", "article.author", "creator")  # fmt: skip
# "By Jane Doe", in the languages of the watch
_BY = re.compile(
    r"^(?:written by|posted by|story by|words by|reporting by|by|von|par|por|di|de|door|af|av|autor|autore|auteur|автор|текст|haber|yazan|yazar|"
    r"بقلم|كتب|كتبت|تحرير|نویسنده|یکی از)\b\s*:?\s*|^\s*(?:[✍|•·-]\s*)+",
    re.IGNORECASE,
)
_AND = re.compile(
    r"\s*(?:;|\||•|·|\s/\s|\band\b|\bund\b|\bet\b|\by\b(?=\s+[A-ZÁÉÍÓÚ])|\s&\s|\s+ve\s+(?=[A-ZÇĞİÖŞÜ])|،|,)\s*"
)
_ROLE = re.compile(
    r"\b(?:editor|correspondent|reporter|journalist|writer|staff|columnist|producer|contributor|redakteur|redakteurin|redaktion|korrespondent|"
    r"journaliste|rédacteur|rédaction|muhabir|editör|redactor|periodista|bureau chief|analyst|fellow|professor)\b",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"https?:|www\.|@|\.(?:com|net|org|co|de)\b|^\W*$|\d{2,}|^(?:admin|administrator|editor|staff|webmaster|null|none|undefined|author|user|guest)$",
    re.IGNORECASE,
)
_BYLINE = re.compile(r"(?:^|[\s_-])(?:byline|author|by-author|author-name|article-author|post-author|vcard|autor|auteur|yazar)(?:$|[\s_-])|byline__name|author__name|c-byline", re.IGNORECASE)  # fmt: skip


_SPEAKS_OF_AUTHORS = re.compile(r"author(?!i[tsz])|byline|writer|journalist|zuozhe|bianji", re.IGNORECASE)
_NAMES_ONE = re.compile(r"author-?name|^\W*author\W*$", re.IGNORECASE)
_NOT_THE_AUTHORS = re.compile(r"comment|sidebar|quote|follow|hidden|related|teaser", re.IGNORECASE)
_NO_BYLINES = frozenset(
    {"html", "head", "body", "meta", "script", "style", "button", "form", "input", "select", "figure", "th", "time"}
)
_USUAL = frozenset({"a", "address", "div", "h3", "h4", "li", "p", "span", "strong", "ul"})
_AFTER_BY = re.compile(r"\b[Bb][Yy]\b")  # before it stand a day, a section, a role
LEAST_CHARS, MOST_CHARS = 3, 120  # of a byline; more is a biography


def authors(
    tree: Any, node: dict[str, Any], nodes: list[dict[str, Any]], metas: dict[str, list[str]], site: str | None
) -> list[str]:
    """Who wrote it, by its own account; nobody that is only the site."""
    for told in _bylined_by(tree, node, nodes, metas):
        names = [name for one in told for name in bylined(one) if not site or name.lower() != site.lower()]
        if names:
            return list(dict.fromkeys(names))[:MOST_AUTHORS]
    return []


def _bylined_by(
    tree: Any, node: dict[str, Any], nodes: list[dict[str, Any]], metas: dict[str, list[str]]
) -> Iterator[list[str]]:
    """Bylines, the surest first; the page is searched for them only when none is declared."""
    yield jsonld.names_of(node.get("author"), nodes, persons_only=True)
    yield [value for name in _AUTHORS for value in metas.get(name, ())]
    yield _bylines(tree)


def bylined(told: str) -> list[str]:
    """Names of people in a byline: no "By", no roles, no addresses, no handles."""
    told = plain_text(told, limit=500)
    told = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\S+@\S+|https?://\S+|(?<!\w)@\w+", " ", told)
    names: list[str] = []
    for part in _AND.split(_BY.sub("", told.strip())):
        name = _BY.sub("", part.strip(" -–—:/.\t")).strip(" -–—:/\t")
        if not name or len(name) > NAME_CHARS or len(name.split()) > 6 or _NO_NAME.search(name):
            continue
        if names and (_ROLE.search(name) or name.islower()):
            continue
        names.append(" ".join(word.capitalize() for word in name.split()) if name.isupper() and " " in name else name)
    return names


@lru_cache(maxsize=2_000)  # pages give a few names to all their elements
def _is_byline(kind: str) -> bool:
    return bool(_BYLINE.search(kind))


def _bylines(tree: Any) -> list[str]:
    """Visible bylines: links with rel=author, itemprop=author, then classes that name them."""
    found: list[tuple[bool, int, str]] = []
    for element in tree.iter("a", "span", "div", "p", "address", "li", "strong"):
        marked = element.get("rel") == "author" or "author" in (element.get("itemprop") or "")
        kind = element.get("class") or ""
        if (marked or _is_byline(kind)) and "comment" not in kind.lower():
            text = plain_text(" ".join(element.itertext())[:2_000], limit=200)
            if text and len(text.split()) <= 12:
                found.append((not marked, len(found), text))
                if len(found) > 20:
                    break
    return [text for _, _, text in sorted(found)[:2]][:1]


def likely_authors(tree: Any) -> list[str]:
    """Who may have written an article that neither declares it nor has a byline of a common form: the names in the element that
    speaks of an author most surely, be it only that of the house."""
    best: tuple[int, list[str]] | None = None
    for element in tree.iter():
        rank = _rank(element)
        if rank is None or (best is not None and rank >= best[0]):
            continue
        text = " ".join(" ".join(element.xpath(".//text()[not(ancestor::time)]")).split())
        if (
            LEAST_CHARS <= len(text) < MOST_CHARS
            and not _is_aside(element)
            and (names := bylined(_AFTER_BY.split(text)[-1]))
        ):
            best = rank, names
            if rank == 0:
                break
    return best[1][:MOST_AUTHORS] if best else []


def _rank(element: Any) -> int | None:
    """How surely an element names the author, 0 the surest; None for one that does not look it."""
    if element.tag in _NO_BYLINES or not element.attrib:
        return None
    get = element.get
    name = f"{get('class', '')} {get('id', '')} {get('itemprop', '')} {get('data-component', '')}"
    if element.get("rel") == "author":
        return 0
    if not _SPEAKS_OF_AUTHORS.search(name):  # whoever names one speaks of one
        return None
    return 0 if _NAMES_ONE.search(name) else 1 if element.tag in _USUAL else 2


def _is_aside(element: Any) -> bool:
    return any(
        one.tag == "figure" or _NOT_THE_AUTHORS.search(f"{one.get('class') or ''} {one.get('id') or ''}")
        for one in (element, *element.iterancestors())
        if one.tag not in ("html", "body")
    )
