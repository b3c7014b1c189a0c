"""What is made of an article's words alone: the verdicts, and of a match its signature, its names, its keys and its credit.

Nothing of it needs the database, so a worker makes it; the process that crawls has enough to do with its one core.
"""

from __future__ import annotations

from datetime import date

from msgspec import Struct
from msgspec.structs import replace

from crawler import similar
from crawler.classify import Judge, Verdict
from crawler.event_keys import event_keys
from crawler.mentions import kinds, mention_records, shipped_tagger, sure_names
from crawler.syndication import Credit, family_of, find_credit
from crawler.urls import path_words
from storage.seen import MentionRecord, SeenEntry, Triage


class Words(Struct, frozen=True):
    """What is judged of an article: its title and text as they will be stored. `day`, UTC, is when its names were those people;
    author, the feed's summary and the address may tell whose text it is. `kept`: it is stored even if nothing matches."""

    title: str
    text: str
    language: str | None
    day: date
    author: str | None
    summary: str
    url: str | None
    kept: bool = False


class Made(Struct, frozen=True):
    """What is stored of a match beside its text: see `storage.articles.ArticleRecord`."""

    words: int
    signature: bytes | None
    bands: tuple[int, ...]
    mentions: tuple[MentionRecord, ...]
    event_keys: frozenset[str]
    family: str
    credit: Credit | None


class Judged(Struct, frozen=True):
    """One verdict per topic by the judge of this version (`model`); `made` of what is stored, else None."""

    model: str
    verdicts: tuple[Verdict, ...]
    made: Made | None = None

    @property
    def matched(self) -> bool:
        """Whether any topic's verdict is a match."""
        return any(verdict.matched for verdict in self.verdicts)


def judged(judge: Judge, words: Words) -> Judged:
    """Judge an article. Of a hundred articles one matches; of the others nothing more is made."""
    verdicts = judge.judge(title=words.title, text=words.text, language=words.language)
    found = Judged(judge.version, verdicts)
    return replace(found, made=_made(words, tag=found.matched)) if found.matched or words.kept else found


def _made(words: Words, *, tag: bool) -> Made:
    tags = shipped_tagger().tag(words.title, words.text, words.language, words.day) if tag else ()
    signature = similar.signature(words.text)
    return Made(
        words=len(words.text.split()),
        signature=signature,
        bands=similar.bands(signature) if signature else (),
        mentions=mention_records(tags),
        event_keys=event_keys(words.title, words.text or words.summary, sure_names(tags), kinds()),
        family=family_of(words.url),
        credit=find_credit(author=words.author, text=words.text, summary=words.summary, url=words.url),
    )


def triaged(judge: Judge, entry: SeenEntry) -> Triage:
    """What the judge says of an entry by its title, or where it has none by the words of its address, and its summary."""
    title = entry.title or path_words(entry.canonical_url or "")
    said = judge.triage(title=title, summary=entry.summary, language=entry.language)
    return Triage(said.score, said.candidate)
