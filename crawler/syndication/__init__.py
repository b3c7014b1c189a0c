"""Whose text an article is, and who owns its publisher: agencies and owner groups as data. PURE."""

from crawler.syndication.credits import Credit, find_credit
from crawler.syndication.families import family_of

__all__ = ["Credit", "family_of", "find_credit"]
