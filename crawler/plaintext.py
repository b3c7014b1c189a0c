"""Markup to plain text, for titles, summaries and whatever else strangers send. PURE, linear in its input, never raises."""

from __future__ import annotations

import html
import re
import unicodedata

_DROPPED = re.compile(
    r"<(script|style|template|noscript|iframe|svg|math|object)\b.*?(?:</\1\s*>|$)", re.DOTALL | re.IGNORECASE
)
_COMMENT = re.compile(r"<!--.*?(?:-->|$)|<!\[CDATA\[|\]\]>", re.DOTALL)
_BREAK = re.compile(
    r"</?(?:p|div|br|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|section|article|figure|figcaption|hr|dd|dt)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-zA-Z](?:[^<>\"']|\"[^<\"]*\"|'[^<']*')*>|</?[a-zA-Z][^<>]*>")
# a summary cut by its length often ends inside a tag; "a <b" is arithmetic
_CUT_TAG = re.compile(r"</?(?:a|img|p|br|div|span|strong|em|iframe|li|ul|figure)\b[^<>]*$", re.IGNORECASE)
_ESCAPED_MARKUP = re.compile(r"&lt;/?[a-zA-Z]|&amp;(?:[a-zA-Z]{2,8}|#\d{2,6}|#x[0-9a-fA-F]{2,5});")
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,6}|#x[0-9a-fA-F]{2,5});")
# what a terminal, a page or a log line could obey: controls, directions, invisible joiners at the wrong place, surrogates
_UNSAFE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffc\ud800-\udfff]"
)
_ANY_TAG = re.compile(r"<[/!?]?[a-zA-Z][^<>]*>")
_BEGINS_TAG = re.compile(r"<(?=[/!?]?[a-zA-Z])")
_BRACKETED = re.compile(r"<[^>]*>")
# NFC sorts combining marks by insertion: 80,000 of them in a row take 5 s. UAX #15 calls 30 in a row the most that a text needs
_MARKS = re.compile(r"[^\w\s\x00-\x7f]{31,}")

_MOST_ESCAPES = 3  # text that passed through three systems, each of which escaped it


def clean(text: str) -> str:
    """Text without control and direction characters and lone surrogates, its white space folded to single spaces, NFC.

    The zero-width joiner and non-joiner stay: Persian and emoji need them.
    """
    if text.isascii():
        return " ".join((text if text.isprintable() else _UNSAFE.sub("", text)).split())
    text = _MARKS.sub(_unmarked, _UNSAFE.sub("", text))
    return " ".join(unicodedata.normalize("NFC", text).split())


def _unmarked(run: re.Match[str]) -> str:
    return "".join(char for char in run.group() if not unicodedata.combining(char))


def plain_text(markup: str, *, limit: int) -> str:
    """The text of a piece of HTML, or of text that only looks like it, on one line, at most `limit` characters.

    Entities are decoded, those that were escaped twice, too; tags go; scripts and styles go with their content.
    """
    text = markup[: limit * 20]  # markup around a text is rarely more than a few times its length
    for _ in range(_MOST_ESCAPES):
        if not _ESCAPED_MARKUP.search(text):
            break
        text = html.unescape(text)
    if "<" in text:
        text = _COMMENT.sub(" ", _DROPPED.sub(" ", text))
        text = _CUT_TAG.sub("", _TAG.sub("", _BREAK.sub(" ", text)))
    if _ENTITY.search(text):
        text = html.unescape(text)
    return clip(_without_tags(clean(text)), limit)


def _without_tags(line: str) -> str:
    """The line without what a tag is still in it, because another stood inside of it or an escape too many around it."""
    for _ in range(_MOST_ESCAPES):
        if not _ANY_TAG.search(line):
            return line
        line = clean(_TAG.sub("", line))
    if not _ANY_TAG.search(line):
        return line
    end = line.rfind(">") + 1  # up to here every "<" finds its ">": the search stays linear
    return clean(_BRACKETED.sub(lambda found: _BEGINS_TAG.sub(" ", found.group()), line[:end]) + line[end:])


def clip(text: str, limit: int) -> str:
    """The text cut at a word's end, with an ellipsis, when it is longer than `limit`."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit * 0.8 else cut).rstrip() + "…"
