"""One look of all rules: find, write what is to be told, claim it, send it, record what became of it.

What is found is read outside of any write, written in one short transaction that also marks it as told, and sent outside of
any. Whoever dies in between leaves a claim, which ends after a while: then it is sent again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from crawler.alerts import channels, compose, digest, figures, rules
from crawler.alerts.findings import Look, look
from crawler.config import ConfigError, read_text
from crawler.stopping import pause
from storage import told
from storage.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from crawler.alerts.rules import Rules
    from crawler.config import Config
    from crawler.watch import Watch
    from storage.db import Database

logger = logging.getLogger(__name__)

T = TypeVar("T")
Write = Callable[..., Any]  # write(function, *arguments, **named) runs function(session, ...) in one transaction

SILENCES_EVERY = timedelta(hours=1)  # the account of all polls takes long, and a silence is told in hours
LET_GO_SECONDS = 5.0  # when the daemon stops: what is being sent may end, and be recorded


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one look did: messages written, told and given up, what each channel refused, rules that cannot be looked at."""

    made: int = 0
    sent: int = 0
    given_up: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)
    broken: Mapping[str, str] = field(default_factory=dict)


def tell(
    database: Database, write: Write, file: Rules, *, clock: Callable[[], datetime], silences: bool = True
) -> Outcome:
    """Look for every rule and tell. Raises StorageError."""
    now = clock()
    with database.read() as session:
        found = look(session, file, now=now, silences=silences)
        summary = due_digest(session, file, now=now)
    made = write(keep, found, summary, file, now=now)
    sent = send(write, file, clock=clock)
    return replace(sent, made=made, broken=found.broken)


def due_digest(session: Session, file: Rules, *, now: datetime) -> told.MessageRecord | None:
    """The digest, if its time has come and it is not on record."""
    if file.digest is None:
        return None
    day = figures.day_of(now, file.digest.at, file.zone)
    if told.is_known(session, rule=rules.DIGEST, key=digest.key(day)):
        return None
    found = figures.figures(session, day, file, now=now)
    due = file.quiet.until(now) or now if file.quiet else now
    return digest.message(found, file, channels=file.digest.channels, due_at=due)


def keep(session: Session, found: Look, summary: told.MessageRecord | None, file: Rules, *, now: datetime) -> int:
    """Write what is to be told and mark it; how many messages that are, one for each channel. The one short transaction."""
    told.keep_only(session, rules=[rule.name for rule in file.rules])
    for one in found.beginnings:
        told.begin(session, rule=one.rule.name, asks=one.asks, known=one.known, now=now)
    made = 0
    for new in found.matches:
        ids = [item.article_id for item in new.news]
        mine = told.take(session, rule=new.rule.name, articles=ids, key=compose.articles_key(new.news))
        left = [item for item in new.news if item.article_id in mine]
        if left:  # else another process was faster
            record = compose.message_of(new, file, now=now, only=mine)
            made += told.add(session, _named_after(record, new.news), now=now)
    for other in found.occasions:
        made += told.add(session, compose.message_of(other, file, now=now), now=now)
    if summary is not None:
        made += told.add(session, summary, now=now)
    return made


def _named_after(record: told.MessageRecord, news: Sequence[told.News]) -> told.MessageRecord:
    """The message under the key that its articles were marked with."""
    return replace(record, key=compose.articles_key(news))


def send(write: Write, file: Rules, *, clock: Callable[[], datetime]) -> Outcome:
    """Claim what is due, send it, record what became of it."""
    claimed = write(told.claim, now=clock())
    by_id = {one.id: one for one in claimed}
    parcels = list(compose.parcels(claimed))
    errors = channels.deliver(file.channels, parcels)
    failed: dict[str, str] = {}
    sent = given_up = 0
    for parcel, error in zip(parcels, errors, strict=True):
        given_up += write(_settle, [by_id[id_] for id_ in parcel.ids], error, now=clock())
        if error is None:
            sent += len(parcel.ids)
        else:
            failed[parcel.channel] = error
    return Outcome(sent=sent, given_up=given_up, failed=failed)


def _settle(session: Session, messages: Sequence[told.Claimed], error: str | None, *, now: datetime) -> int:
    """Record what became of messages; how many were given up."""
    given_up = 0
    for one in messages:
        if error is None:
            told.record_told(session, message_id=one.id, now=now)
        else:
            given_up += not told.record_failure(session, message=one, error=error, now=now)
    return given_up


class RuleFile:
    """The rule file, read again when it has changed."""

    def __init__(self, file: str, topics: Collection[str]) -> None:
        self._file = Path(file)
        self._topics = topics
        self._text: str | None = None
        self._rules: Rules | None = None

    def rules(self) -> Rules:
        """The rules as the file says them now. Raises ConfigError."""
        text = read_text(self._file)
        if text != self._text or self._rules is None:
            self._text = text  # a mistake is told once
            self._rules = usable(rules.load(self._file, topics=self._topics))
        return self._rules

    def latest(self) -> Rules:
        """The same; while the file has a mistake, which is logged once, as it was before."""
        before = self._rules
        try:
            return self.rules()
        except ConfigError as error:
            if before is None:
                raise
            self._rules = before
            logger.error("the rules stay as they were: %s", error)
            return before


def usable(file: Rules) -> Rules:
    """The rules, if every channel can be used. Raises ConfigError."""
    channels.need_apprise()
    for name, error in channels.unusable(file.channels).items():
        raise ConfigError(f"{file.file}: channels: {name}: {error}; docs/alerts.md shows how addresses are written")
    return file


def rule_file(config: Config, topics: Collection[str]) -> RuleFile | None:
    """The rule file of the configuration, read and found good; None without one. Raises ConfigError."""
    if not config.alerts.file:
        return None
    file = RuleFile(config.alerts.file, topics)
    file.rules()
    return file


@asynccontextmanager
async def telling(watch: Watch, file: RuleFile | None, stop: asyncio.Event) -> AsyncIterator[None]:
    """While the block runs, and if there is a rule file: its rules are looked at every tick."""
    if file is None:
        yield
        return
    telling = asyncio.ensure_future(_keep_telling(watch, file, stop))
    try:
        yield
    finally:
        if stop.is_set():
            await asyncio.wait({telling}, timeout=LET_GO_SECONDS)
        telling.cancel()


async def _keep_telling(watch: Watch, file: RuleFile, stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    looked: datetime | None = None  # for silences

    def write(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return asyncio.run_coroutine_threadsafe(watch.write(function, *arguments, **named), loop).result()

    while not stop.is_set():
        if not watch.leads:
            await pause(watch.config.tick, stop)
            continue
        now = watch.now()
        silences = looked is None or abs(now - looked) >= SILENCES_EVERY
        try:
            outcome = await _in_thread(lambda: tell(watch.database, write, file.latest(), clock=watch.now, silences=silences))  # noqa: B023  # fmt: skip
            looked = now if silences else looked
            _log(outcome)
        except StorageError as error:
            logger.error("nothing was told, the next tick tries again: %s", error)
        except Exception:  # the boundary of one look: a bug here must not end the looking
            logger.exception("telling broke, the next tick tries again")
        await pause(watch.config.tick, stop)


def _log(outcome: Outcome) -> None:
    if outcome.made or outcome.sent:
        logger.info("told messages=%d new=%d", outcome.sent, outcome.made)
    for name, error in outcome.broken.items():
        logger.error("rule %s cannot be looked at: %s", name, error)
    for name, error in outcome.failed.items():
        logger.warning("not told channel=%s, to be tried again: %s", name, error)
    if outcome.given_up:
        logger.error("given up messages=%d after days of trying; levantwatch alerts list says which", outcome.given_up)


async def _in_thread(function: Callable[[], T]) -> T:
    """Run what blocks in a thread that keeps nobody from ending, unlike those of an executor."""
    done: Future[T] = Future()
    done.set_running_or_notify_cancel()  # whoever waits may be cancelled; the thread goes on to its end

    def run() -> None:
        try:
            done.set_result(function())
        except BaseException as raised:  # noqa: BLE001  handed on to whoever waits
            done.set_exception(raised)

    threading.Thread(target=run, name="alerts", daemon=True).start()
    return await asyncio.wrap_future(done)
