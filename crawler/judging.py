"""The judge that the configuration names: the same one for crawls, `classify`, `reclassify` and `why --text`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crawler.classify import Judge, LexiconError, ModelError
from crawler.classify.model import MODEL
from crawler.config import ConfigError

if TYPE_CHECKING:
    from crawler.config import Config


def is_own_judge(config: Config) -> bool:
    """Whether the judge is made of files of the user's, which may be wrong: that is told at the start."""
    return bool(config.judge.topics_dir or config.judge.model_file)


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
