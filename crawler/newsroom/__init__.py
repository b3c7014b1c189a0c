"""The newsroom: a sample news site of eight invented outlets, served on loopback for `levantwatch demo` and for tests.

data/<outlet>/<slug>.txt    one article: a header (`name: value`), an empty line, paragraphs between empty lines; after a line
                            `=== corrected` the header fields and paragraphs that it has from the second round on
templates/<outlet>.html     that outlet's page, with $names to fill in; some pages have a template of their own
articles.py                 reads and checks the article files
outlets.py                  who publishes what in which format
documents.py                articles -> a feed document, as bytes
pages.py                    an article -> its page, as bytes
server.py                   Newsroom: serves all of it, `advance()` goes to the second round, `truth` says what is relevant

What an article's header says of its relevance (`syria`, `isis`, 0 or 1) was decided by reading it, by the rule of the topics: 1
when the title, the lead or a full paragraph of substance is about the topic; a passing mention or another bearer of the name is 0.
Everything here is written for this project and fictional in detail; the outlets do not exist.
"""
