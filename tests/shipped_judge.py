"""The judge as it is shipped, loaded once for all modules: it takes a third of a second, and every process of a run collects all of them."""

from __future__ import annotations

from crawler.classify import Judge

JUDGE = Judge.load()
