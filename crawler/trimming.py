"""Paragraphs of an extracted page without what the publisher put between and around them. PURE.

An appeal is cut where it stands: as whole paragraphs, or as the sentences at a paragraph's beginning or end when it is glued to the
article. What is not clearly furniture stays: a line too many harms a reader less than a sentence that is missing. The patterns, with
their reasons, are data: `trimming.toml`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

from ahocorasick_rs import AhoCorasick

MOST_CUT = (
    0.5  # of the words; more than half would be a page about newsletters (the seed document's appeal is a quarter)
)
SANDWICH = 3  # paragraphs in the publisher's voice between two appeals
TAIL_FROM = 0.5  # a heading like "Comments" ends the article only in its second half
TAIL_MOST = 0.3  # and has at most this share of the words below it
LINK_MOST, LINK_SENTENCE = 40, 12  # words; a sentence of more words is one, also when it is a link
LINK_WORDS = 4  # an anchor of fewer words may be a name that stands alone in a paragraph
HEAD = 3  # paragraphs in which pieces of a byline are looked for
LINE_CHARS, APPEAL_CHARS = 500, 20_000  # longer paragraphs are no lines, and no paragraphs
GLUED_WORDS = 120  # a longer "sentence" is a text without points, not an appeal
# "· Updated": what stood between a name and two dates, once these are gone
_RESIDUE = re.compile(r"\s*[·|](?:\s*\w{1,20}:?){0,2}\s*[·|]?\s*|(?:\w{1,20}:?\s*){1,2}[·|]\s*")
_QUOTE = re.compile(r"[“”«»„\"]")
# a full stop directly before a capital is how a box is glued to a paragraph: "…the difference.US-backed forces"
_SENTENCE = re.compile(r"(?<=[.!?؟。…])[\"”»’)]*(?:\s+|(?=[A-ZÀ-ÖØ-ÞА-ЯЁÇĞİÖŞÜ\u0621-\u064a“\"«‘]))")


@dataclass(frozen=True, slots=True)
class _Patterns:
    strong: re.Pattern[str]
    voice: re.Pattern[str]
    line: re.Pattern[str]
    tail: re.Pattern[str]
    line_words: int
    finder: AhoCorasick  # of hints


@lru_cache(maxsize=1)
def _patterns() -> _Patterns:
    data = tomllib.loads(files("crawler").joinpath("trimming.toml").read_text(encoding="utf-8"))
    union = {
        name: "|".join(f"(?:{one})" for one in data[name]["patterns"]) for name in ("strong", "voice", "line", "tail")
    }
    return _Patterns(
        strong=re.compile(union["strong"], re.IGNORECASE),
        voice=re.compile(union["voice"]),  # "Sie" is not "sie"
        line=re.compile(rf"[\W_]*(?:{union['line']})", re.IGNORECASE),
        tail=re.compile(rf"[\W_]*(?:{union['tail']})", re.IGNORECASE),
        line_words=data["line_words"],
        finder=AhoCorasick(data["strong"]["hints"]),
    )


def trimmed(paragraphs: list[str], *, titles: Iterable[str] = (), anchors: Set[str] = frozenset()) -> list[str]:
    """The paragraphs that are the article's. `titles` are its headlines, `anchors` are the page's link texts as `folded` gives them."""
    kept = _without_tail([paragraph for paragraph in paragraphs if paragraph])
    kept = _without_title(kept, titles)
    kept = [paragraph for number, paragraph in enumerate(kept) if number >= HEAD or not _RESIDUE.fullmatch(paragraph)]
    kept = [paragraph for paragraph in kept if not _points_elsewhere(paragraph, anchors)]
    kept = _without_appeals(kept)
    before, after = _words(paragraphs), _words(kept)
    return kept if after >= before * (1 - MOST_CUT) else [paragraph for paragraph in paragraphs if paragraph]


def is_appeal(sentence: str) -> bool:
    """Whether a sentence asks the reader for money, mail, consent or an account. What somebody is quoted as asking is the article's."""
    if len(sentence.split()) > GLUED_WORDS or _QUOTE.search(sentence):
        return False
    return bool(_patterns().strong.search(sentence))


def folded(text: str) -> str:
    """Words in lower case, for comparing a paragraph with a link's text."""
    return " ".join(re.findall(r"\w+", text.lower()))


def _words(paragraphs: list[str]) -> int:
    return sum(len(paragraph.split()) for paragraph in paragraphs)


def _without_tail(paragraphs: list[str]) -> list[str]:
    for number, paragraph in enumerate(paragraphs):
        late = number >= max(1, len(paragraphs) * TAIL_FROM)
        if late and len(paragraph) < 80 and _patterns().tail.match(paragraph):
            return paragraphs[:number] if _words(paragraphs[number:]) < TAIL_MOST * _words(paragraphs) else paragraphs
    return paragraphs


def _without_title(paragraphs: list[str], titles: Iterable[str]) -> list[str]:
    """The first lines without a repetition of a headline."""
    wanted = set(map(folded, titles))
    for number, paragraph in enumerate(paragraphs[:3]):
        if folded(paragraph) in wanted:
            return paragraphs[:number] + paragraphs[number + 1 :]
    return paragraphs


def _points_elsewhere(paragraph: str, anchors: Set[str]) -> bool:
    """Whether a paragraph is a line of furniture or nothing but a link, perhaps after a word or two ("Read also: …")."""
    if _is_line(paragraph):
        return True
    return bool(anchors) and not anchors.isdisjoint(_as_link(paragraph))


def _is_line(paragraph: str) -> bool:
    if len(paragraph) > LINE_CHARS or not _patterns().line.match(paragraph):
        return False
    return len(folded(paragraph).split()) <= _patterns().line_words


def links_perhaps(paragraphs: Iterable[str]) -> frozenset[str]:
    """What link texts, as `folded` gives them, would make one of these paragraphs nothing but a link."""
    return frozenset(text for paragraph in paragraphs for text in _as_link(paragraph))


def _as_link(paragraph: str) -> Iterator[str]:
    """The paragraph folded, whole and after each of its first words; of a sentence, which a link may be, and of a long one nothing."""
    if len(paragraph) > LINE_CHARS:
        return
    words = folded(paragraph).split()
    is_sentence = paragraph.rstrip().endswith((".", "؟", "。", "?", "!")) and len(words) > LINK_SENTENCE
    if len(words) <= LINK_MOST and not is_sentence:
        for skip in range(4):
            if len(words) - skip >= LINK_WORDS and skip <= len(words) / 3:
                yield " ".join(words[skip:])


def _without_appeals(paragraphs: list[str]) -> list[str]:
    whole = _lower("\n".join(paragraphs))
    hints = sorted(
        set(_patterns().finder.find_matches_as_strings(whole, overlapping=True))
    )  # most articles have few of them
    cut = [_cut_appeal(paragraph, hints) for paragraph in paragraphs]
    touched = [number for number, (before, after) in enumerate(zip(paragraphs, cut, strict=True)) if before != after]
    for first, second in pairwise(touched):
        between = range(first + 1, second)
        if len(between) <= SANDWICH and all(_is_voice(paragraphs[number]) for number in between):
            for number in between:
                cut[number] = ""
    for before, number, after in zip(touched, touched[1:], touched[2:], strict=False):
        amid = before == number - 1 and after == number + 1
        if amid and len(cut[number]) < len(paragraphs[number]) / 2:
            cut[number] = ""
    return [paragraph for paragraph in cut if paragraph]


def _lower(text: str) -> str:
    return text.lower().replace("i̇", "i")


def _has(text: str, hints: Sequence[str]) -> bool:
    lower = _lower(text)
    return any(hint in lower for hint in hints)


def _cut_appeal(paragraph: str, hints: Sequence[str]) -> str:
    """The paragraph without appeals at its beginning and its end; '' when it is all appeal. One of the hints stands in each appeal."""
    if len(paragraph) > APPEAL_CHARS or not _has(paragraph, hints):
        return paragraph
    sentences = [sentence for sentence in _SENTENCE.split(paragraph) if sentence]
    appeals = [_has(sentence, hints) and is_appeal(sentence) for sentence in sentences]
    if not any(appeals):
        return paragraph
    own_voice = [one or _is_voice(sentence) for one, sentence in zip(appeals, sentences, strict=True)]
    start = 0
    while start < len(sentences) and own_voice[start]:
        start += 1
    while start and not appeals[start - 1]:  # only up to the last appeal
        start -= 1
    end = len(sentences)
    while end > start and own_voice[end - 1]:
        end -= 1
    while end < len(sentences) and not appeals[end]:
        end += 1
    return " ".join(sentences[start:end]).strip()


def _is_voice(text: str) -> bool:
    """Whether the publisher speaks; what somebody is quoted as saying is the article's."""
    return not _QUOTE.search(text) and bool(_patterns().voice.search(text))
