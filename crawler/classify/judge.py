"""The judge: an article to one verdict per topic, with its reasons. PURE but for reading its data files once.

A verdict is a sum: every word that weighed stands in the evidence with its part of the log-odds, the rest is the one item
`bias`, and the score is the logistic function of all of them together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from msgspec import Struct

from crawler.classify.bearers import ABOUT, is_doubtful, is_leisure, is_private
from crawler.classify.document import Document, Feature, Found, Spot, gather
from crawler.classify.features import features
from crawler.classify.folding import Folded, fold
from crawler.classify.languages import language_of
from crawler.classify.lexicon import COMMON, TOPICS, Topic, load_topics, topic_files
from crawler.classify.matching import Hits, Matcher, Mention
from crawler.classify.model import MODEL, Model, load_model, probability

MOST_CHARACTERS = 200_000  # of a text; a book is no article, and what it is about stands in its beginning
# different words that stand beside a topic's names, in title and summary: so many make a page worth fetching without a name;
# two would fetch 5 of 100 ordinary pages, three and the topics' hints 3, and lose fewer (bench/gate.py)
TRIAGE_CONTEXT = 3
_READERS = (
    "bearers",
    "beside",
    "capitals",
    "document",
    "features",
    "folding",
    "languages",
    "matching",
    "people",
    "shape",
    "told",
    "whose",
)  # the modules that a verdict depends on


class Evidence(NamedTuple):  # a frozen dataclass takes three times as long to make, and there are ten to an article
    """A word of the article and its part of the log-odds; `start` and `end` are code points of the field. The item with the
    term `bias` is no word: its field and text are ''."""

    field: str
    start: int
    end: int
    text: str
    term: str
    sense: str
    weight: float


class Verdict(Struct, frozen=True):
    """What the judge says on one topic; `score` is in 0..1, `near` means just under the threshold."""

    topic: str
    score: float
    threshold: float
    matched: bool
    near: bool
    evidence: tuple[Evidence, ...]


class Triage(Struct, frozen=True):
    """Whether an entry's page is worth fetching, by title and summary; `score` is the highest of its topics."""

    score: float
    candidate: bool


class _Glance(Struct, frozen=True):
    """What a first look at title and text (by field) tells: their folded letters, where spellings stand, whether one may be a topic's name."""

    texts: Mapping[str, str]
    folded: Mapping[str, Folded]
    hits: Mapping[str, Hits]
    names: bool


class Judge:
    """Judges articles on the topics of its files. Safe to share between threads."""

    def __init__(self, topics: Sequence[Topic], model: Model, version: str) -> None:
        self.topics = tuple(topic.id for topic in topics if topic.id != COMMON)
        self.version = version
        self._model = model
        self._countries = {topic.id for topic in topics if topic.country}
        forms = [form for topic in topics for form in topic.forms]
        self._matcher = Matcher(form for form in forms if form.concept.sense not in ABOUT)
        self._about = Matcher(form for form in forms if form.concept.sense in ABOUT)
        # of a text that names nothing, which is nearly every one
        self._unnamed = tuple(
            self._verdict(topic, Document.of(fold(""), fold("")), Found(), {}) for topic in self.topics
        )

    @classmethod
    def load(cls, folder: Path = TOPICS, model: Path = MODEL, *, own: Path | None = None) -> Self:
        """The judge of a folder of topic files and a model; a file of the folder `own` stands for the one of its name.

        Raises LexiconError or ModelError.
        """
        files = sorted(topic_files(folder, own), key=lambda file: file.name)
        return cls(load_topics(folder, own), load_model(model), _version([*files, model]))

    def judge(self, *, title: str, text: str, language: str | None = None) -> tuple[Verdict, ...]:
        """One verdict per topic, in the order of `topics`. Of a text over 200,000 characters the beginning is read.

        The declared language is asked only where the text's own words do not tell it: feeds often declare the wrong one.
        """
        glance = self._glance(title, text)
        if not glance.names:
            return self._unnamed
        document, found = self._read(glance, language)
        return tuple(self._verdict(topic, document, found[topic], glance.texts) for topic in self.topics)

    @property
    def model(self) -> Model:
        """The weights in force."""
        return self._model

    def features(self, *, title: str, text: str, language: str | None = None) -> dict[str, dict[str, Feature]]:
        """What the weights are multiplied with, by topic: for fitting them."""
        document, found = self._read(self._glance(title, text), language)
        return {topic: features(document, one) for topic, one in found.items()}

    def triage(self, *, title: str, summary: str, language: str | None = None) -> Triage:
        """Whether the page behind a title and a summary may be about a topic: any name of one, even a doubtful one, will do."""
        document, found = self._read(self._glance(title, summary), language)
        scores = [self._score(topic, document, found[topic]) for topic in self.topics]
        named = any(one.anchors or one.refused or "hint" in one.support for one in found.values())
        words = {spot.word for one in found.values() for spot in one.support.get("context", ())}
        return Triage(max(scores), named or len(words) >= TRIAGE_CONTEXT or not (title or summary).strip())

    def _glance(self, title: str, text: str) -> _Glance:
        texts = {"title": title[:MOST_CHARACTERS], "text": text[:MOST_CHARACTERS]}
        folded = {name: fold(one) for name, one in texts.items()}
        hits = {name: self._matcher.hits(one) for name, one in folded.items()}
        names = any(self._matcher.names(folded[name], texts[name], hits[name]) for name in texts)
        return _Glance(texts, folded, hits, names)

    def _read(self, glance: _Glance, declared: str | None) -> tuple[Document, dict[str, Found]]:
        folded, originals = glance.folded, glance.texts
        document = Document.of(folded["title"], folded["text"], (originals["title"], originals["text"]))
        language = language_of(declared, folded["title"].text, folded["text"].text)
        mentions = {
            name: self._matcher.find(folded[name], originals[name], language, glance.hits[name]) for name in originals
        }
        common: dict[str, list[Spot]] = {}
        for name, of_topics in mentions.items():
            for mention in of_topics.get(COMMON, ()):
                common.setdefault(mention.concept.sense, []).append(document.spot(name, mention))
        found = {topic: gather(document, _of_topic(mentions, topic), common) for topic in self.topics}
        for topic, one in found.items():
            one.country = topic in self._countries
            one.company = any(other.anchors for other in found.values() if other is not one)
        doubtful = [
            one
            for one in found.values()
            if is_doubtful(document, one) or is_leisure(document, one) or (one.country and is_private(one))
        ]
        for name in originals if doubtful else ():
            for mention in self._about.find(folded[name], originals[name], language).get(COMMON, ()):
                for one in doubtful:
                    one.support.setdefault(mention.concept.sense, []).append(document.spot(name, mention))
        return document, found

    def _score(self, topic: str, document: Document, found: Found) -> float:
        bias, shares = self._model.of(topic).shares(features(document, found))
        return probability(bias + sum(shares.values()))

    def _verdict(self, topic: str, document: Document, found: Found, texts: Mapping[str, str]) -> Verdict:
        weights = self._model.of(topic)
        bias, shares = weights.shares(features(document, found))
        evidence = [_evidence(document, spot, weight, texts) for spot, weight in shares.items() if weight]
        evidence.sort(key=lambda item: (item.field != "title", item.start))
        evidence.append(Evidence("", 0, 0, "", "bias", "bias", bias))
        score = probability(sum(item.weight for item in evidence))
        matched = score >= weights.threshold
        return Verdict(topic, score, weights.threshold, matched, not matched and score >= weights.near, tuple(evidence))


def _of_topic(mentions: Mapping[str, Mapping[str, list[Mention]]], topic: str) -> dict[str, Sequence[Mention]]:
    return {name: found.get(topic, ()) for name, found in mentions.items()}


def _evidence(document: Document, spot: Spot, weight: float, texts: Mapping[str, str]) -> Evidence:
    folded = document.title if spot.field == "title" else document.text
    start, end = folded.original(spot.mention.start, spot.mention.end)
    concept = spot.mention.concept
    return Evidence(spot.field, start, end, texts[spot.field][start:end], concept.id, concept.sense, weight)


def _version(files: Sequence[Path]) -> str:
    """A change of the topic files, of the weights, or of the code that reads texts is another judge."""
    digest = hashlib.sha256()
    for file in (*files, *(Path(__file__).parent / f"{name}.py" for name in _READERS)):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def judge_line(judge: Judge, line: str) -> dict[str, Any]:
    """One JSON line {id?, title, text, language?} to {id, syria: {…}, isis: {…}}; a bad one to {id, error}."""
    try:
        item = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"id": None, "error": f"not valid JSON: {error}"}
    if not isinstance(item, dict):
        return {"id": None, "error": "not a JSON object"}
    texts: dict[str, Any] = {name: "" if item.get(name) is None else item[name] for name in ("title", "text")}
    wrong = [name for name, value in texts.items() if not isinstance(value, str)]
    if wrong:
        return {"id": item.get("id"), "error": f"{wrong[0]} must be a text"}
    if not any(texts.values()):
        return {"id": item.get("id"), "error": "neither title nor text"}
    language = item.get("language")
    verdicts = judge.judge(
        title=texts["title"], text=texts["text"], language=language if isinstance(language, str) else None
    )
    return {"id": item.get("id"), **{verdict.topic: to_json(verdict) for verdict in verdicts}}


def to_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as `levantwatch classify` prints it."""
    return {
        "score": verdict.score,
        "match": verdict.matched,
        "threshold": verdict.threshold,
        "evidence": [item._asdict() for item in verdict.evidence],
    }
