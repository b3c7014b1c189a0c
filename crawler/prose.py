"""An article's text out of the tree of its page, as trafilatura finds it: its first extractor alone, or with all its second ones. PURE.

A room of `crawler.extract`; with `sieve` the only user of trafilatura. Text is lines, '' where there is none.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import trafilatura.external
from justext import get_stoplist
from lxml.etree import strip_elements, strip_tags
from trafilatura.htmlprocessing import convert_tags, prune_unwanted_nodes, tree_cleaning
from trafilatura.main_extractor import extract_content
from trafilatura.settings import Extractor
from trafilatura.xml import xmltotxt
from trafilatura.xpaths import RAW_TREE_PRUNE_XPATH, REMOVE_COMMENTS_AND_LISTS_XPATH

from crawler import sieve

_FURNITURE = ("aside", "nav", "footer", "menu", "figure", "picture", "audio", "video", "map", "dialog", "datalist", "fieldset", "label", "legend",
              "input", "textarea", "time", "link", "embed", "progress", "output", "math")  # fmt: skip
_TRANSPARENT = (
    "img",
    "small",
    "font",
    "big",
    "abbr",
    "acronym",
    "address",
    "cite",
    "hgroup",
    "mark",
    "nobr",
    "wbr",
    "meta",
)
_LANGUAGES = (
    "Arabic", "Azerbaijani", "Bosnian", "Bulgarian", "Croatian", "Czech", "Danish", "Dutch", "English", "French", "German", "Greek", "Hebrew", "Hungarian",
    "Italian", "Kurdish", "Norwegian_Bokmal", "Persian", "Polish", "Portuguese", "Romanian", "Russian", "Serbian", "Spanish", "Swedish", "Turkish",
    "Ukrainian", "Urdu",
)  # fmt: skip


def _stop_words() -> tuple[str, ...]:
    """Those by which trafilatura's second net (justext) knows prose, of the languages of the watch and its neighbours."""
    return tuple({word for language in _LANGUAGES for word in get_stoplist(language)})


# by itself it takes those of a hundred languages: 33 MB, and 50 ms of every page that comes to it
trafilatura.external.JT_STOPLIST = _stop_words()  # type: ignore[assignment]
sieve.quicken()


def without_furniture(tree: Any) -> Any:
    """A copy without the elements that trafilatura drops or looks through anyway: half of them, and it asks its 300 questions of each."""
    rest = copy(tree)
    strip_elements(rest, *_FURNITURE, with_tail=False)
    strip_tags(rest, *_TRANSPARENT)
    return rest


def _options(*, fast: bool = False, recall: bool = False) -> Extractor:
    return Extractor(output_format="python", comments=False, tables=False, fast=fast, recall=recall)


MOST_COMPARED = 5_000  # elements; news pages have up to 3,300, and justext is quadratic in short paragraphs: 24,000 took it half a minute
_FAST, _BALANCED, _RECALL = _options(fast=True), _options(), _options(recall=True)
_FAST_RECALL = _options(fast=True, recall=True)


def first(tree: Any) -> str:
    """What its first extractor finds; the tree is used up.

    As `again`, of whose four copies of the tree it makes one, but without a second look where the text is short or a small part of the page.
    """
    try:
        for questions in (RAW_TREE_PRUNE_XPATH, REMOVE_COMMENTS_AND_LISTS_XPATH):
            prune_unwanted_nodes(tree, questions)
        body, _ = extract_content(convert_tags(tree_cleaning(tree, _FAST), _FAST), _FAST)
    except (TypeError, ValueError):  # as trafilatura itself does
        return ""
    return str(xmltotxt(body, include_formatting=False))


def again(tree: Any) -> str:
    """What its first extractor finds, and finds again with less distrust where that is a small part of the page."""
    return _read(tree, _FAST)


def compared(tree: Any) -> str:
    """The best of what its own, readability and justext find: half as dear again. Of a very large page its own."""
    return _read(tree, _BALANCED if _is_small(tree) else _FAST)


def any_at_all(tree: Any) -> str:
    """What it finds where nothing that may be text is to be lost."""
    return _read(tree, _RECALL if _is_small(tree) else _FAST_RECALL)


def _is_small(tree: Any) -> bool:
    return bool(tree.xpath("count(//*)") <= MOST_COMPARED)


def _read(tree: Any, options: Extractor) -> str:
    """It works on a copy of the tree."""
    document = trafilatura.bare_extraction(tree, options=options)
    return getattr(document, "text", None) or ""
