"""`crawler.sieve`: its quick answers are those of trafilatura's own expressions, and those that it does not know stay what they were."""

from __future__ import annotations

import re
from html import escape

import pytest
import trafilatura.xpaths
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from lxml.etree import XPath

import crawler.extract  # lets trafilatura ask quickly
from crawler.sieve import CHEAP, MOST_KEPT, Quick, quick

ASKED = {
    f"{name} {number}": question
    for name, questions in vars(trafilatura.xpaths).items()
    if isinstance(questions, list)
    for number, question in enumerate(questions)
    if isinstance(question, Quick)
}
PATHS = " ".join(question.question.path for question in ASKED.values())
TAGS = sorted({*re.findall(r"self::(\w+)", PATHS), "h1", "a"})
NAMES = sorted({*re.findall(r"@([\w-]+)", PATHS), "href"})
WORDS = sorted(set(re.findall(r"[A-Za-z][\w:.-]*", " ".join(re.findall(r"'([^']*)'", PATHS)).replace("|", " "))))

values = st.lists(
    st.one_of(st.sampled_from(WORDS), st.sampled_from(["", " ", "x", "Hidden", "none", "-"])), max_size=3
).map(lambda words: escape("".join(words) if len(words) % 2 else " ".join(words), quote=True))
elements = st.tuples(
    st.sampled_from(TAGS), st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=3, unique_by=lambda one: one[0])
)


def test_every_expression_that_is_asked_of_a_page_is_known() -> None:
    assert crawler.extract  # it is what lets trafilatura ask quickly
    wanted = {
        "BODY_XPATH 0",
        "REMOVE_COMMENTS_AND_LISTS_XPATH 0",
        "RAW_TREE_PRUNE_XPATH 0",
        "OVERALL_DISCARD_XPATH 0",
        "OVERALL_DISCARD_XPATH 1",
    }
    assert wanted <= set(ASKED)


@settings(max_examples=300, deadline=None)
@given(st.lists(elements, max_size=25))
def test_the_answers_are_those_of_the_expressions(made: list[tuple[str, list[tuple[str, str]]]]) -> None:
    markup = ""
    for number, (tag, attributes) in enumerate(made):
        begun = f"<{tag} " + " ".join(f'{name}="{value}"' for name, value in attributes) + ">"
        markup = f"{begun}{markup}</{tag}>" if number % 3 == 2 else f"{markup}{begun}text</{tag}>"
    tree = lxml_html.fragment_fromstring(markup, create_parent="div")
    for name, question in ASKED.items():
        expected = question.question(tree)
        assert question(tree) == (expected[:1] if question.first else expected), name


@pytest.mark.parametrize("asked", ["@id|@class", "@class|@id"])
def test_of_two_attributes_the_one_written_first_counts(asked: str) -> None:
    question = XPath(f".//*[self::div][re:test({asked}, 'cookie')]", namespaces={"re": trafilatura.xpaths.REGEXP_NS})
    tree = lxml_html.fragment_fromstring(
        '<p><div class="cookie" id="x">1</div><div id="x" class="cookie">2</div><div class="x" id="cookie">3</div><div id="cookie">4</div>'
        '<div class="" id="cookie">5</div></p>',
        create_parent="div",
    )
    assert [one.text for one in quick(question)(tree)] == [one.text for one in question(tree)]


@pytest.mark.parametrize(
    "path",
    [
        ".//article",
        "(.//article)[1]",
        "//*[self::div][@class='a']",
        ".//*[self::div][@class='a']|.//p",
        ".//*[self::div][@class='a' and @id='b']",
        ".//*[self::div][not(@class)]",
        ".//*[self::div][re:test(@class, 'a*')]",
        ".//*[self::div][re:test(@class, 'a', 'x')]",
        ".//*[self::div][contains(translate(@class, 'AB', 'a'), 'a')]",
        ".//*[self::div][@class='']",
        ".//*[self::div][position()=2]",
        ".//*[self::div]",
    ],
)
def test_what_is_not_known_stays_what_it_was(path: str) -> None:
    question = XPath(path, namespaces={"re": trafilatura.xpaths.REGEXP_NS})
    assert quick(question) is question


def test_what_is_kept_is_bounded() -> None:
    question = quick(XPath(f".//*[self::div][contains(@class, 'share') or contains(@class, '{'x' * CHEAP}')]"))
    tree = lxml_html.fragment_fromstring("".join(f'<div class="share{number}">x</div>' for number in range(MOST_KEPT + 5)), create_parent="div")  # fmt: skip
    assert len(question(tree)) == MOST_KEPT + 5
    assert len(question._kept) <= MOST_KEPT
    long = lxml_html.fragment_fromstring(f'<p><div class="{"-" * 1000}share">x</div></p>', create_parent="div")
    kept = len(question._kept)
    assert len(question(long)) == 1
    assert len(question._kept) == kept
