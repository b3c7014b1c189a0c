"""The judge that the configuration names: the same one for crawls, `classify`, `reclassify` and `why --text`. And where a crawl judges."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.classify import Judge, LexiconError, ModelError
from crawler.classify.lexicon import COMMON, topic_files
from crawler.classify.model import MODEL
from crawler.config import ConfigError
from crawler.judged import Judged, Words, judged
from crawler.tasks import Tasks
from crawler.workers import WorkTooHeavyError

if TYPE_CHECKING:
    from crawler.config import Config
    from crawler.workers import Workers

MOMENT = 0.01  # seconds that an article waits for others: a message to a worker costs as much as judging a summary
MOST = 16  # articles in a message
MOST_CHARACTERS = 100_000  # of their texts together: one that is long goes alone


def configured_judge(config: Config) -> Judge:
    """The shipped judge, with the user's topic files over the shipped ones and the user's model instead. Raises ConfigError."""
    own = config.judge
    topics, model = Path(own.topics_dir), Path(own.model_file) if own.model_file else MODEL
    if own.topics_dir and not topics.is_dir():
        raise ConfigError(f"judge.topics_dir: there is no folder {topics}")
    try:
        return Judge.load(model=model, own=topics if own.topics_dir else None)
    except (LexiconError, ModelError) as error:
        raise ConfigError(str(error)) from error


def configured_topics(config: Config) -> tuple[str, ...]:
    """The topics of that judge. Of the shipped files the names are enough (reading them takes 0.2 s); the user's own are read. Raises ConfigError."""
    if config.judge.are_own:
        return configured_judge(config).topics
    return tuple(file.stem for file in topic_files() if file.stem != COMMON)


class Judging:
    """Judges the articles of a crawl: by a judge of the user's own here, by the shipped one in the workers, several at a time."""

    def __init__(self, own: Judge | None, workers: Workers) -> None:
        self._own = own
        self._workers = workers
        self._line: list[tuple[Words, asyncio.Future[Judged]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = Tasks()

    async def run(self, words: Words) -> Judged:
        """What is made of an article's words. Raises WorkTooHeavyError: they took a worker more time or memory than may be."""
        if self._own is not None:
            return judged(self._own, words)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Judged] = loop.create_future()
        self._line.append((words, done))
        if len(self._line) >= MOST or sum(len(one.text) for one, _ in self._line) > MOST_CHARACTERS:
            self._send()
        elif self._timer is None:
            self._timer = loop.call_later(MOMENT, self._send)
        return await done

    def _send(self) -> None:
        """Hand over what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        line, self._line = self._line, []
        self._tasks.begin(self._judge(line))

    async def _judge(self, line: Sequence[tuple[Words, asyncio.Future[Judged]]]) -> None:
        """Nobody waits for ever: each is told, or let go when the workers are closed."""
        try:
            found = await self._workers.judge([words for words, _ in line])
        except BaseException as error:  # noqa: BLE001  told to whoever waits
            if isinstance(error, WorkTooHeavyError) and len(line) > 1:  # which one it was shows when each goes alone
                for one in line:
                    await self._judge([one])
                return
            for _, done in line:
                _fail(done, error)
        else:
            for (_, done), told in zip(line, found, strict=True):
                if not done.done():
                    done.set_result(told)


def _fail(done: asyncio.Future[Judged], error: BaseException) -> None:
    if isinstance(error, asyncio.CancelledError):
        done.cancel()
    elif not done.done():
        done.set_exception(error)
