"""The database and how analysts read it. Knows nothing of the crawler, Scrapy or news judgement.

One file per noun (feeds, entries, articles, stories, labels, runs), functions with `session` first; `db`
opens the database; `search` holds the analysts' questions.
"""
