"""Text that was meant as XML to text that an XML parser reads to its end, and that parser. PURE, linear in its input, never raises.

A strict parser stops at the first bare ampersand, undeclared entity or control character; the lenient one behind it is slower and reads
"AT&T" as an entity. What is mended here is read strictly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5
from xml.sax.saxutils import escape

from lxml import etree

HEAD_CHARS = 8192  # a feed begins here, after whatever a broken template printed before it
_BEGINNING = re.compile(
    r"<\?xml\s|<!DOCTYPE\s+(?:rss|rdf|feed)\b|<(?:[\w.-]{1,20}:)?(?:rss|feed|RDF|channel)[\s>]", re.IGNORECASE
)
_HTML = re.compile(r"(?:<!doctype html|<html)\b", re.IGNORECASE)
_DECLARATIONS = re.compile(r"^(?:<\?xml[^<>]{0,300}\?{0,2}>\s*)+")  # a template in a template prints its own, too
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # XML 1.0 section 2.2
_ASCII_NOT_XML = bytes(code for code in range(0x20) if code not in b"\t\n\r")
_AMPERSAND = re.compile(r"&(?:#[xX]([0-9a-fA-F]{1,8});|#(\d{1,8});|([a-zA-Z][a-zA-Z0-9]{1,31});)?")
_BLOCK, _LONGEST_REFERENCE = 64 * 1024, 40
_LARGE = 512 * 1024  # characters; below it nothing is endless
# a title of three megabytes takes feedparser 80 MB, and what is kept of it is a line
_ENDLESS = re.compile(
    r"(<(?:[\w.-]{1,20}:)?(?:title|pubDate|date|issued|modified|published|updated|guid|id|link|author|creator|name)\b[^<>]{0,1000}>[^<]{100000})[^<]+",
    re.IGNORECASE,
)
_RUN = re.compile(r"([^<]{1000000})[^<]+")  # no text of an entry is kept to this length, wherever it stands
_OPEN_LINK = re.compile(
    r"<(?:[\w.-]{1,20}:)?link(?:\s[^<>]*)?(?:(?<!/)>[^<]*)?(?=</?(?:[\w.-]{1,20}:)?(?:item|entry)\b)", re.IGNORECASE
)
_XML_ENTITIES = ("amp", "lt", "gt", "quot", "apos")
_PREFIXED_RSS = re.compile(r"<(/?)rss:(?=[a-zA-Z])", re.IGNORECASE)
_NAMESPACE = re.compile(r"""(\sxmlns(?::[\w.-]{1,60})?\s{0,20}=\s{0,20})(?:"([^"<]{1,4000})"|'([^'<]{1,4000})')""")
_NUMBER = re.compile(r"&#(?:[xX]0*([0-9a-fA-F]{1,8})|0*([0-9]{1,10}))(;)")


def without_controls(text: str) -> str:
    """The text without the characters that XML forbids."""
    if text.isascii():
        data = text.encode()
        kept = data.translate(None, _ASCII_NOT_XML)
        return text if len(kept) == len(data) else kept.decode()
    return _NOT_XML.sub("", text)


def strangers_parser(*, recover: bool = False) -> etree.XMLParser:
    """lxml's parser for what strangers wrote, in UTF-8 whatever it declares: it replaces no entity, reads no file and asks no address."""
    return etree.XMLParser(
        encoding="utf-8",
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )


def with_allowed_numbers(text: str) -> str:
    """The text with U+FFFD for references to characters that XML forbids: lxml lets them pass, and then cannot read the names around them."""
    return _NUMBER.sub(_allowed_number, text)


def mended(text: str) -> str:
    """The document from its beginning on, without a declaration (the text is decoded), its references made such as XML allows."""
    begin = _BEGINNING.search(text, 0, HEAD_CHARS)
    if begin and not _HTML.match(text):
        text = text[begin.start() :]
    if len(text) > _LARGE:
        text = _RUN.sub(r"\1", _ENDLESS.sub(r"\1", text))
    text = without_controls(_DECLARATIONS.sub("", text, count=1).lstrip())
    if "<rss:channel" in text[:HEAD_CHARS]:
        text = _PREFIXED_RSS.sub(r"<\1", text)
    if "<!ENTITY" in text[:HEAD_CHARS]:  # it declares entities of its own
        text = _AMPERSAND.sub(_allowed_number, text)
    else:
        text = "".join(piece if is_cdata else with_xml_references(piece) for is_cdata, piece in _pieces(text))
    return _NAMESPACE.sub(_without_blanks, text)


def _without_blanks(found: re.Match[str]) -> str:
    """A namespace without blanks: Python's reader of XML takes a name apart at them, and feedparser breaks."""
    given = found[2] or found[3]
    meant = "".join(unescape(given).split())
    return found[0] if meant == given else f'{found[1]}"{escape(meant, {chr(34): "&quot;"})}"'


def without_open_links(text: str) -> str:
    """The text without the beginnings of links that an item's beginning or end cuts off: feedparser closes such a link where there is none, and raises."""
    return _OPEN_LINK.sub("", text)


def with_xml_references(text: str) -> str:
    """The text, in which no reference but XML's own five and numbers of characters that it allows is left: HTML's are these characters."""
    return _AMPERSAND.sub(_allowed, text)


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """The sections, long ones in blocks that end before a reference: a list of three million ampersands takes 50 MB."""
    for is_cdata, section in _sections(text):
        at = 0
        while not is_cdata and len(section) - at > _BLOCK:
            begun = section.rfind("&", at + _BLOCK - _LONGEST_REFERENCE, at + _BLOCK)
            end = begun if begun >= 0 else at + _BLOCK
            yield False, section[at:end]
            at = end
        yield is_cdata, section[at:]


def _sections(text: str) -> Iterator[tuple[bool, str]]:
    """The text in pieces: whether it is a CDATA section, and the piece."""
    at = 0
    while (start := text.find("<![CDATA[", at)) >= 0:
        yield False, text[at:start]
        end = text.find("]]>", start)
        at = end + 3 if end >= 0 else len(text)
        yield True, text[start:at]
    yield False, text[at:]


def _allowed(found: re.Match[str]) -> str:
    name = found.group(3)
    if name is None:
        return _allowed_number(found) if len(found.group()) > 1 else "&amp;"
    if name in _XML_ENTITIES:
        return found.group()
    known = html5.get(name + ";")
    if known in ('"', "'"):
        return f"&#{ord(known)};"  # else it might end an attribute
    return known if known and known not in "<>&" else f"&amp;{name};"


def _allowed_number(found: re.Match[str]) -> str:
    """A character reference as it is; U+FFFD for a character that XML forbids: a lone surrogate makes feedparser raise."""
    hexadecimal, decimal, _ = found.groups()
    if hexadecimal is None and decimal is None:
        return found.group()
    point = int(hexadecimal, 16) if hexadecimal else int(decimal)
    forbidden = (
        point > 0x10FFFF
        or 0xD800 <= point <= 0xDFFF
        or point in (0xFFFE, 0xFFFF)
        or (point < 0x20 and point not in (9, 10, 13))
    )
    return "\ufffd" if forbidden else found.group()
