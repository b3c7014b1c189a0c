"""Plain RSS 2.0 and Atom 1.0 read directly by lxml: the fields that feed.py asks feedparser for, with feedparser's values. PURE.

`read` answers None for whatever it does not know to the last letter (a document that is not well-formed, declares a type or an entity,
bends a namespace, repeats or nests what stands once, writes a date in an odd way), and feedparser reads that, 20 times slower.
What feedparser does to each value stands beside it in elements.py; `bench/quick.py` compares the two on every captured feed there is.
"""

from crawler.quick.document import QuickFeed, read

__all__ = ["QuickFeed", "read"]
