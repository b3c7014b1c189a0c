"""How many articles a second the judge judges, beside the two usual ways: python bench/judge_speed.py   (CPU time, one core)

- plain: one `re` alternation of all the lexicon's spellings, which only counts (what most pollers do);
- learned: TF-IDF and logistic regression by scikit-learn (extra `train`), which gives no reasons.

600-word articles, English and Arabic, nine in ten about other things; written by shuffling the sentences of the newsroom.
"""

from __future__ import annotations

import importlib.util
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from crawler.classify import Judge
from crawler.classify.lexicon import load_topics
from crawler.newsroom.articles import load_articles

WORDS, ARTICLES, ROUNDS = 600, 400, 5


def articles(language: str) -> list[str]:
    """Texts of about 600 words in a language, a tenth of them with sentences on a topic."""
    chance = random.Random(7)
    sentences: dict[bool, list[str]] = {True: [], False: []}
    for article in load_articles():
        if article.language == language:
            sentences[bool(article.topics)] += re.findall(r"[^.؟!?]+[.؟!?]", " ".join(article.first.paragraphs))
    texts = []
    for number in range(ARTICLES):
        text: list[str] = []
        while sum(len(one.split()) for one in text) < WORDS:
            about = number % 10 == 0 and chance.random() < 0.5
            text.append(chance.choice(sentences[about] or sentences[True]))
        texts.append(" ".join(text))
    return texts


def rate(judge: Callable[[str], object], texts: Sequence[str]) -> float:
    """Articles a second of CPU, the median of some rounds."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for text in texts:
            judge(text)
        found.append(len(texts) / (time.process_time() - began))
    return statistics.median(found)


def plain() -> Callable[[str], object]:
    """One alternation, longest first, whole words."""
    forms = sorted({form.text for topic in load_topics() for form in topic.forms}, key=len, reverse=True)
    pattern = re.compile(r"\b(?:" + "|".join(map(re.escape, forms)) + r")\b", re.IGNORECASE)
    return lambda text: sum(1 for _ in pattern.finditer(text))


def learned(texts: Sequence[str]) -> Callable[[str], object]:
    """TF-IDF of single words and pairs, logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression())
    model.fit(list(texts), [number % 10 == 0 for number in range(len(texts))])
    return lambda text: model.predict_proba([text])


def start() -> tuple[float, float]:
    """Seconds of CPU to load the judge in a new process, and the memory it adds, in MB."""
    code = (
        "import resource, time; import crawler.classify; a = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; t = time.process_time();"
        "crawler.classify.Judge.load().judge(title='Syria', text='Syria'); print(time.process_time() - t, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024)"
    )
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        for _ in range(ROUNDS)
    ]
    return statistics.median(float(run[0]) for run in runs), statistics.median(float(run[1]) for run in runs)


def main() -> None:
    """Print a row per language."""
    judge = Judge.load()
    seconds, memory = start()
    print(f"load {seconds:.3f} s of CPU; whole process {memory:.0f} MB")
    for language in ("en", "ar"):
        texts = articles(language)
        ours = rate(lambda text: judge.judge(title="", text=text), texts)
        row = f"{language}: judge {ours:.0f} articles/s; plain re {rate(plain(), texts[:20]):.0f}"
        if importlib.util.find_spec("sklearn"):
            row += f"; TF-IDF + logistic regression {rate(learned(texts), texts):.0f}"
        print(row)


if __name__ == "__main__":
    main()
