"""The evidence on one article as a folder: what `levantwatch evidence` writes, to be read and checked without levantwatch."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.export import json_text, to_json
from crawler.reasons import sums
from crawler.terminal import plain
from crawler.warcfile import sha256
from crawler.whole import whole_folder
from storage import chain, proofs
from storage.errors import StorageError, UnknownArticle
from storage.models import Capture, Proof
from storage.text import many

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from storage.search import Why

MOST_LINES = 20_000  # of the ledger, from the article's first line on; 10 MB


class NoEvidence(StorageError):
    """There is no evidence to be had."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A capture and the name of the file that holds its bytes."""

    name: str
    capture: Capture


def write(session: Session, found: Why, archive: Path, folder: Path) -> list[str]:
    """Write everything about an article into a folder that is empty or not there yet; the names of the files.

    UnknownArticle when nothing was stored, NoEvidence when it was removed or its page is not as it was.
    """
    article_id = found.entry.id
    proof = proofs.get(session, article_id)
    if proof is not None and proof.forgotten_at is not None:
        raise NoEvidence(
            f"article {article_id} was removed by rule on {proof.forgotten_at:%Y-%m-%d}: {proof.forgotten_why}"
        )
    if found.article is None:
        raise UnknownArticle(f"no article {article_id}; levantwatch why {article_id} tells what became of the entry")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NoEvidence(f"{folder} is there already and not empty; name another folder")
    facts = proofs.articles_of(session, [article_id])[article_id]
    files: dict[str, bytes] = {
        "article.txt": facts["text"].encode(),
        "article.json": chain.canonical(facts).encode(),
        "reasons.json": json_text(to_json(found)).encode() + b"\n",
    }
    lines = chain.of_entry(session, article_id)
    if stored := [json.loads(line.line) for line in lines if line.what == "stored"]:
        given = proofs.verdicts_of(session, stored[-1]["verdicts"]["ids"])
        files["verdicts.json"] = chain.canonical(given).encode()
    if lines:
        from_here = (line.line for line in chain.lines(session, after=lines[0].seq - 1))
        files["ledger.jsonl"] = "".join(
            f"{line}\n" for line, _ in zip(from_here, range(MOST_LINES), strict=False)
        ).encode()
    kept = [_Kept(f"page-{n}.warc.gz", one) for n, one in enumerate(proofs.captures_of(session, article_id), 1)]
    for one in kept:
        files[one.name] = _page(archive, one.capture)
    newest = chain.head(session)
    files["README.md"] = "\n".join(_readme(found, proof, lines, kept, newest)).encode() + b"\n"
    files["SHA256SUMS"] = "".join(f"{sha256(data)}  {name}\n" for name, data in sorted(files.items())).encode()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(folder) as part:
        for name, data in files.items():
            (part / name).write_bytes(data)
    return sorted(files)


def _page(archive: Path, capture: Capture) -> bytes:
    path = archive / capture.file
    try:
        with path.open("rb") as file:
            file.seek(capture.offset)
            data = file.read(capture.length)
    except OSError as error:
        raise NoEvidence(f"{path} cannot be read: {error.strerror}") from error
    if sha256(data) != capture.sha256:
        raise NoEvidence(f"{path} is not as it was; levantwatch verify tells where")
    return data


def _readme(
    found: Why, proof: Proof | None, lines: list[chain.Line], kept: list[_Kept], head: chain.Head | None
) -> Iterable[str]:
    """What the folder holds, in words; what others wrote stands indented, so that no viewer takes it for markup."""
    article = found.article
    assert article is not None
    yield f"# Evidence on article {article.id}"
    yield ""
    yield from _table(
        ("title", article.title), ("publisher", article.publisher), ("author", article.author), ("address", article.url),
        ("canonical", article.canonical_url), ("feed", found.feed.url), ("language", article.language),
        ("published", _claimed(article.published_at, article.published_source)),
        ("as written", article.published_raw), ("updated", _claimed(article.updated_at, None)),
        ("first seen", _time(article.first_seen_at)), ("page read", _time(article.fetched_at)),
        ("text is", f"{article.extraction}, {many(article.words, 'word')}"),
    )  # fmt: skip
    yield from ("", "## Verdicts, with reasons", "")
    for verdict in found.verdicts:
        word = "match" if verdict.matched else "no match"
        yield f"    {verdict.topic}: {word}, score {verdict.score:.3f}, threshold {verdict.threshold:.2f}, model {verdict.model}"
        for weight, term, sense, forms, times in sums(verdict.evidence)[:8]:
            yield f"    {weight:+8.2f}  {plain(term)} [{plain(sense)}] {', '.join(map(plain, forms[:4]))} x{times}"
    yield from ("", "## Files", "")
    yield from _files(proof, lines, kept)
    yield from ("", "## How to check it", "")
    yield from _checks(lines, kept, head)


def _files(proof: Proof | None, lines: list[chain.Line], kept: list[_Kept]) -> Iterable[str]:
    yield "- `article.txt`: the text as it was stored; its SHA-256 is `text` in the ledger's line"
    yield "- `article.json`: every column that was proven; its SHA-256 is `article` in the ledger's line"
    if any(line.what == "stored" for line in lines):
        yield "- `verdicts.json`: the verdicts that it was stored with; its SHA-256 is `verdicts.hash` in the ledger's line"
    yield "- `reasons.json`: the verdicts in force with reasons, labels, and the feeds that listed it (`levantwatch why`)"
    for one in kept:
        what = (
            "a revisit: the same body as before"
            if one.capture.revisit_of
            else "request and response as they went over the wire"
        )
        yield f"- `{one.name}`: {what}, HTTP {one.capture.http_status}, {_time(one.capture.captured_at)}; SHA-256 in line {one.capture.seq}"
    if lines:
        yield f"- `ledger.jsonl`: the ledger from the article's first line on ({lines[0].seq}; about it: {', '.join(str(one.seq) for one in lines)})"
    if not kept:
        yield ""
        yield "No page is kept: the archive was off when it was read, or only the feed's summary could be had."
    if proof is None or proof.article_hash is None:
        yield ""
        yield "The ledger does not prove this article: it was stored while the archive was off."


def _checks(lines: list[chain.Line], kept: list[_Kept], head: chain.Head | None) -> Iterable[str]:
    yield "    sha256sum -c SHA256SUMS"
    for one in kept:
        yield f"    warcio check {one.name}"
    if lines and head is not None:
        yield ""
        yield "Each line of `ledger.jsonl` holds in `prev` the SHA-256 of the line before it, without its line break. The head was"
        yield ""
        yield f"    {head.hash}"
        yield ""
        yield f"(line {head.seq}, {_time(head.at)}) when this folder was written. Compare it, or the hash of any later line, with one that was"
        yield "noted elsewhere: whoever keeps the database could have rewritten it before, and nothing in this folder alone can tell."


def _table(*rows: tuple[str, str | None]) -> Iterable[str]:
    return [f"    {name:<11}{plain(value)}" for name, value in rows if value]


def _claimed(moment: Any, source: str | None) -> str | None:
    return f"{_time(moment)} (claimed{f', {source}' if source else ''})" if moment is not None else None


def _time(moment: Any) -> str:
    return chain.stamp(moment) if moment is not None else "unknown"
