"""What stands right beside a name: the items of a list, an age, a trade, a border. PURE."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from crawler.classify.document import Document, Spot

# what stands between the items of a list, and how much of the text on either side is looked at for items
_BETWEEN = re.compile(
    r"[,/•|\s](?:(?<!\s)|(?<=\s)(?:(?:and|or|et|ou|und|oder|sowie|ve|veya|ile|y|o|e|i|oraz|и|или|û|an|na|iyo|fi)\s|\s*و(?=\S{3})))"
)
_REACH = 90
_ITEM = 3  # words, the middle one a particle (Corée du Nord): more is a clause, no item
_PARTICLE = 3  # letters
_STOP = re.compile(r"[.!?:\n]")
_AND = "و"
_LIKE = "ك"
LISTED = 2  # other items that make a list
# an age makes the person beside it the subject: "a 22-year-old Syrian", "siriano di 29 anni"
_AGE_BEFORE = re.compile(r"\b\d\d.{0,2}(?:year|jahre|jahr|yas|let|ans|anos|anni|lat|sal).{0,9}$")
_AGE_BEHIND = re.compile(
    r"^[ ,(]{1,2}(?:de |di |von |w wieku |aged |im alter von )?[1-9]\d\b(?! ?(?:%|percent|million|thousand))"
)
PAIR = 40  # characters between the two of a pair
_JOINED = re.compile(
    r"[^.!?:;\d\n]{0,20}?(?:\W(?:and|or|et|ou|und|oder|sowie|ve|veya|ile|y|o|e|i|oraz|lub|и|или|û|an|na|iyo|fi)\W|[\s,]و|/)"
)
_DIGIT = re.compile(r"\d")
BESIDE = 14  # characters between "Syrian" and "man": room for one adjective


def in_lists(document: Document, anchors: Sequence[Spot]) -> list[Spot]:
    """The anchors that stand in a list with at least two items of another kind: "Iraq, Yemen and Syria"."""
    starts = {name: [spot.mention.start for spot in anchors if spot.field == name] for name in ("title", "text")}
    return [spot for spot in anchors if _is_listed(document, spot, starts[spot.field])]


def _is_listed(document: Document, spot: Spot, anchors: Sequence[int]) -> bool:
    """Whether at least two short items that hold no anchor themselves stand right beside a spot."""
    text = (document.title if spot.field == "title" else document.text).text
    first, last = spot.mention.start, spot.mention.end
    left, right = _left(text, first), text[last : last + _REACH]
    behind = before = 0.0
    # looking for lists is dear; a glance at the words that touch the spot mostly ends it
    words = right.split(None, _ITEM + 1)
    touching = right[: len(right) - len(words[-1])] if len(words) > _ITEM + 1 else right
    found = _BETWEEN.search(touching)
    if found and len(touching[: found.start()].split()) <= _ITEM - 1:
        behind = _run(_cut(right, last), anchors, open_end=True)
    words = left.rsplit(None, _ITEM + 1)
    touching = left[len(words[0]) :] if len(words) > _ITEM + 1 else left
    if len(_BETWEEN.split(touching)[-1].split()) <= _ITEM - 1:
        before = _run(_cut(left, first - len(left))[::-1], anchors, open_end=False)
    return before + behind >= LISTED


def _left(text: str, first: int) -> str:
    """What stands before a spot; the Arabic letter for "and" at the front of its word is the comma of a list."""
    left = text[max(first - _REACH, 0) : first]
    begin = len(left)
    while begin and left[begin - 1].isalnum():
        begin -= 1
    return f"{left[:begin]}, " if left[begin : begin + 1] == _AND else left


def _cut(text: str, offset: int) -> list[tuple[int, str]]:
    """The pieces of a text with their places, without the one that touches the anchor."""
    pieces, at = [], 0
    for found in _BETWEEN.finditer(text):
        pieces.append((offset + at, text[at : found.start()]))
        at = found.end()
    pieces.append((offset + at, text[at:]))
    return pieces


def _run(pieces: list[tuple[int, str]], anchors: Sequence[int], *, open_end: bool) -> float:
    """How many pieces in a row, from the anchor outward, are items; one that goes on as a clause ends the row and is half one."""
    number = 0.0
    for place, piece in pieces[1:]:
        words = _STOP.split(piece)[0 if open_end else -1].split()
        if not words:
            break
        clause = len(words) > _ITEM or (len(words) == _ITEM and len(words[1]) > _PARTICLE)
        at = bisect_right(anchors, place - 1)
        if at == len(anchors) or anchors[at] >= place + len(piece):
            number += 0.5 if clause else 1.0
        if clause:
            break
    return number


def by_age(document: Document, anchors: Sequence[Spot]) -> list[Spot]:
    """The anchors that stand beside somebody's age."""
    found = []
    for spot in anchors:
        text = (document.title if spot.field == "title" else document.text).text
        first, last = spot.mention.start, spot.mention.end
        if not _DIGIT.search(text, max(first - 24, 0), last + 24):
            continue
        before, behind = text[max(first - 24, 0) : first], text[last : last + 24]
        if _AGE_BEFORE.search(before) or _AGE_BEHIND.search(behind):
            found.append(spot)
    return found


def beside_words(anchors: Sequence[Spot], words: Sequence[Spot]) -> list[Spot]:
    """The anchors with one of these words right behind them, or right before: "a Syrian man", "the border with Syria"."""
    found: list[Spot] = []
    for name in ("title", "text"):
        mine = [spot.mention for spot in words if spot.field == name]
        if not mine:
            continue
        starts, ends = sorted(one.start for one in mine), sorted(one.end for one in mine)
        for spot in anchors:
            first, last = spot.mention.start, spot.mention.end
            if spot.field == name and (_within(starts, last, last + BESIDE) or _within(ends, first - BESIDE, first)):
                found.append(spot)
    return found


def _within(places: Sequence[int], first: int, last: int) -> bool:
    """Whether one of these sorted places lies from `first` up to and without `last`."""
    at = bisect_left(places, first)
    return at < len(places) and places[at] < last


def is_likened(document: Document, spot: Spot) -> bool:
    """Whether the Arabic letter for "like" is all that stands before a name in its word: كحلب."""
    text, first = (document.title if spot.field == "title" else document.text).text, spot.mention.start
    return text[first - 1 : first] == _LIKE and not text[max(first - 2, 0) : first - 1].isalnum()


def paired(document: Document, anchors: Sequence[Spot], others: Sequence[Spot]) -> list[Spot]:
    """The anchors that "and" or "or" joins to one of these: "al-Qaeda and the Islamic State"."""
    found = []
    for spot in anchors:
        text = (document.title if spot.field == "title" else document.text).text
        for other in others:
            first, last = (other, spot) if other.mention.start < spot.mention.start else (spot, other)
            gap = last.mention.start - first.mention.end
            if (
                other.field == spot.field
                and 0 < gap <= PAIR
                and _JOINED.match(text, first.mention.end, last.mention.start)
            ):
                found.append(spot)
                break
    return found
