"""Text to verdicts, with reasons. PURE: topics and weights are data files, read once."""

from crawler.classify.judge import Evidence, Judge, Triage, Verdict, judge_line, to_json
from crawler.classify.lexicon import LexiconError
from crawler.classify.model import ModelError

__all__ = ["Evidence", "Judge", "LexiconError", "ModelError", "Triage", "Verdict", "judge_line", "to_json"]
