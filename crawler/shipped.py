"""The shipped judge, for workers: loaded once, into the server from which they are forked, which shares it with all of them."""

from crawler.classify import Judge
from crawler.judged import judged, triaged
from crawler.mentions import kinds, shipped_tagger

__all__ = ["JUDGE", "judged", "triaged"]

JUDGE = Judge.load()
shipped_tagger()
kinds()
