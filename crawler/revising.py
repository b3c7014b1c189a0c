"""Two versions of an article: are they the same, which words changed, which numbers. PURE; bounded in time and size.

Words are compared as they stand, after spaces, quotes and dashes are made alike and lines that only tell the age of a
page ("Updated 5 minutes ago") are left out.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from msgspec import Struct

MOST_COMPARED = 4_000_000  # words times words compared at once: 2,000 against 2,000, which took 0.4 s at worst
MOST_PARAGRAPHS = 2_000
MOST_EDITS = 200  # kept of one revision; both texts are kept whole anyway
MOST_CHARS = 600  # shown of one edit
CONTEXT = 3  # words shown on either side
SHORT_RUN = 8  # words: numbers of a replaced run that is no longer stand for each other by their order
MOST_NUMBERS = 50
MOST_SEARCHED = 5_000  # words of one run in which numbers are looked for

_ALIKE = str.maketrans({
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "‑": "-", "−": "-",
    "\u00ad": "", "\u200b": "", "\ufeff": "", "\u200e": "", "\u200f": "",
})  # fmt: skip
# a short line that tells how old the page is: another one at every request
_AGE = re.compile(
    r"\d+\s*(?:seconds?|secs?|minutes?|mins?|hours?|hrs?|days?)\s+ago|(?:vor|il y a|hace)\s+\d+\s+\w+|\d+\s+\w+\s+(?:önce|назад)|(?:منذ|قبل)\s+\d+\s+\w+",
    re.IGNORECASE,
)
_AGE_WORDS = 8
_NUMBER = re.compile(r"[^\w%]*?(\d{1,3}(?:[,.٬' \u00a0]\d{3})+|\d+(?:[.,٫]\d{1,2})?)(%?)[^\w%]*")
_BARE = re.compile(r"[^\w-]+")


class Edit(Struct, frozen=True):
    """Words that stand in another's place; `before` or `after` is '' where words were added or removed."""

    field: str  # title | text
    before: str
    after: str
    left: str  # the words on either side, for reading
    right: str


class NumberChange(Struct, frozen=True):
    """A number that another stands for: as written, and as values."""

    field: str
    before: str
    after: str
    was: float
    now: float
    left: str
    right: str


class Comparison(Struct, frozen=True):
    """What changed from one version to the next; `added` and `removed` count words of the text and title."""

    edits: tuple[Edit, ...]
    numbers: tuple[NumberChange, ...]
    added: int
    removed: int


def same(old_title: str, old_text: str, title: str, text: str) -> bool:
    """Whether two versions say the same, letter by letter but for typography and where paragraphs end."""
    return all(
        normalised(one).split() == normalised(two).split() for one, two in ((old_title, title), (old_text, text))
    )


def normalised(text: str) -> str:
    """The text as versions are compared: NFC, plain quotes and dashes, single spaces, no line about the page's age."""
    lines = (" ".join(line.split()) for line in unicodedata.normalize("NFC", text).translate(_ALIKE).split("\n"))
    return "\n".join(line for line in lines if line and not _tells_age(line))


def _tells_age(line: str) -> bool:
    return len(line) < 120 and len(line.split()) <= _AGE_WORDS and bool(_AGE.search(line))


def compare(old_title: str, old_text: str, title: str, text: str) -> Comparison:
    """The words and numbers that changed, the title's first."""
    edits: list[Edit] = []
    numbers: list[NumberChange] = []
    added = removed = 0
    for field, before, after in (("title", old_title, title), ("text", old_text, text)):
        old, new = _words(before), _words(after)
        if _without_ends(old) == _without_ends(new):
            continue
        for from_, to, start, end in _runs(old, new):
            if _without_ends(old[from_:to]) == _without_ends(new[start:end]):
                continue
            removed, added = removed + to - from_, added + end - start
            if len(edits) < MOST_EDITS:
                edits.append(_edit(field, old, new, (from_, to, start, end)))
            numbers.extend(_numbers(field, old, new, (from_, to, start, end)))
    return Comparison(tuple(edits), tuple(numbers[:MOST_NUMBERS]), added, removed)


def replaced(old_title: str, old_text: str, title: str, text: str) -> Comparison:
    """The comparison of versions that cannot be compared in time: all of one for all of the other."""
    old, new = _words(f"{old_title}\n{old_text}"), _words(f"{title}\n{text}")
    return Comparison((_edit("text", old, new, (0, len(old), 0, len(new))),), (), len(new), len(old))


_Run = tuple[int, int, int, int]  # old from, to, new from, to


def _words(text: str) -> list[str]:
    plain = normalised(text)
    return plain.replace("\n", " \n ").split(" ") if plain else []


def _without_ends(words: Sequence[str]) -> list[str]:
    return [word for word in words if word != "\n"]


def _runs(old: Sequence[str], new: Sequence[str]) -> Iterator[_Run]:
    """Where the words differ. What is alike at both ends is cut off first: a correction is a few words of many."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    inner_old, inner_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(inner_old) * len(inner_new) <= MOST_COMPARED:
        found = _matched(inner_old, inner_new)
    else:
        found = _by_paragraph(inner_old, inner_new)
    for from_, to, start, end in found:
        yield from_ + head, to + head, start + head, end + head


def _matched(old: Sequence[str], new: Sequence[str]) -> Iterator[_Run]:
    matcher = SequenceMatcher(None, old, new, autojunk=len(old) * len(new) > 250_000)
    for what, from_, to, start, end in matcher.get_opcodes():
        if what != "equal":
            yield from_, to, start, end


def _by_paragraph(old: Sequence[str], new: Sequence[str]) -> Iterator[_Run]:
    """Paragraphs are compared first, then the words of those that differ; what is too much even then is replaced whole."""
    olds, news = _paragraphs(old), _paragraphs(new)
    if max(len(olds), len(news)) > MOST_PARAGRAPHS:
        yield 0, len(old), 0, len(new)
        return
    left = MOST_COMPARED
    for a, b, c, d in _matched([text for _, text in olds], [text for _, text in news]):
        from_, start = _start(olds, a, len(old)), _start(news, c, len(new))
        to, end = _start(olds, b, len(old)), _start(news, d, len(new))
        cost = (to - from_) * (end - start)
        if cost > left:
            yield from_, to, start, end
            continue
        left -= cost
        for one in _matched(old[from_:to], new[start:end]):
            yield one[0] + from_, one[1] + from_, one[2] + start, one[3] + start


def _paragraphs(words: Sequence[str]) -> list[tuple[int, str]]:
    """Each paragraph with the place of its first word."""
    found, start = [], 0
    for at, word in enumerate((*words, "\n")):
        if word == "\n":
            found.append((start, " ".join(words[start:at])))
            start = at + 1
    return found


def _start(paragraphs: Sequence[tuple[int, str]], number: int, end: int) -> int:
    return paragraphs[number][0] if number < len(paragraphs) else end


def _edit(field: str, old: Sequence[str], new: Sequence[str], run: _Run) -> Edit:
    from_, to, start, end = run
    left, right = _around(new, start, end)
    return Edit(field, _shown(old[from_:to]), _shown(new[start:end]), left, right)


def _around(words: Sequence[str], start: int, end: int) -> tuple[str, str]:
    return _shown(words[max(start - CONTEXT, 0) : start]), _shown(words[end : end + CONTEXT])


def _shown(words: Sequence[str]) -> str:
    text = " ".join(" ".join(words[:MOST_CHARS]).split())
    return text if len(text) <= MOST_CHARS else text[: MOST_CHARS - 1] + "…"


# --- numbers ---


def _numbers(field: str, old: Sequence[str], new: Sequence[str], run: _Run) -> Iterator[NumberChange]:
    """Numbers of a run that stand for each other: by their order in a short run, else by the word next to them."""
    from_, to, start, end = run
    to, end = min(to, from_ + MOST_SEARCHED), min(end, start + MOST_SEARCHED)
    before = [(at, value) for at in range(from_, to) if (value := number(old[at])) is not None]
    after = [(at, value) for at in range(start, end) if (value := number(new[at])) is not None]
    short = max(to - from_, end - start) <= SHORT_RUN
    if short and len(before) == len(after):
        pairs = list(zip(before, after, strict=True))
    else:
        pairs = list(_alike(old, before, new, after))
    for (was_at, was), (now_at, now) in pairs:
        if was != now:
            left, right = _around(new, now_at, now_at + 1)
            yield NumberChange(field, _clean(old[was_at]), _clean(new[now_at]), was, now, left, right)


def _alike(
    old: Sequence[str], before: Sequence[tuple[int, float]], new: Sequence[str], after: Sequence[tuple[int, float]]
) -> Iterator[tuple[tuple[int, float], tuple[int, float]]]:
    """Pairs of numbers that are followed, else preceded, by the same word; each number once."""
    left = list(after[:MOST_NUMBERS])
    for one in before[:MOST_NUMBERS]:
        for side in (1, -1):
            word = _neighbour(old, one[0] + side)
            twin = next((two for two in left if word and _neighbour(new, two[0] + side) == word), None)
            if twin is not None:
                left.remove(twin)
                yield one, twin
                break


def _neighbour(words: Sequence[str], at: int) -> str:
    return _BARE.sub("", words[at]).casefold() if 0 <= at < len(words) else ""


def number(word: str) -> float | None:
    """The number that a word is: digits of any script, with thousands and a fraction, or a word for one. No clock times."""
    found = _NUMBER.fullmatch(word)
    if found is None:
        return _numerals().get(_BARE.sub("", word).casefold())
    digits = "".join(str(unicodedata.digit(sign)) if sign.isdigit() else sign for sign in found.group(1))
    whole, mark, fraction = digits, "", ""
    if not re.search(r"[^\d]\d{3}$", digits) and (parts := re.fullmatch(r"(\d+)([.,٫])(\d{1,2})", digits)):
        whole, mark, fraction = parts.groups()
    whole = re.sub(r"\D", "", whole)
    return float(f"{whole}.{fraction}") if mark else float(whole) if len(whole) <= 15 else None


def _clean(word: str) -> str:
    return word.strip(".,;:!?()[]\"'،؛")


@cache
def _numerals() -> dict[str, float]:
    """Words for numbers, from two on: "one" is an article in most languages."""
    data = tomllib.loads(Path(__file__).with_name("numerals.toml").read_text(encoding="utf-8"))
    return {word.casefold(): float(value) for words in data.values() for value, said in words.items() for word in said}
