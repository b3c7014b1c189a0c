"""Imported last into the server from which workers are forked: what they all have stays shared, for no collector writes to it.

A page without an article and a date that nobody writes make the libraries load what they put off until it is needed, the words of dates
above all: 10 MB in each worker else, and a quarter of a second of its first document.
"""

import gc
import pickle
import sys
import traceback
from multiprocessing import spawn
from types import TracebackType

from crawler.dates import parse_date
from crawler.feed import parse_feed
from crawler.listing import listing_of


def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What becomes of an error that ends a worker: it is printed, unless the parent was killed while it said what the worker is for.

    Then there is nothing to read and nobody to be told, and a traceback would stand in the log of whoever comes next.
    """
    where = traceback.extract_tb(trace)
    if isinstance(error, (EOFError, pickle.UnpicklingError)) and where and where[-1].filename == spawn.__file__:
        return
    sys.__excepthook__(kind, error, trace)


sys.excepthook = tell
document = parse_feed(
    b"<rss version='2.0'><channel><item><title>None</title><link>/1</link></item></channel></rss>",
    url="https://paper.example/feed",
)
listing_of(document, feed_url="https://paper.example/feed", language=None)
if "crawler.extract" in sys.modules:  # somebody will read pages
    sys.modules["crawler.extract"].extract_page(
        b"<html><body><p>No article.</p></body></html>", url="https://paper.example/page"
    )
parse_date("13 Nothing 2024 at 12")
gc.collect()
gc.freeze()
