"""The desk: the watch as a page, `levantwatch web`. It reads; the one thing that it writes is a label.

app.py has the routes, guard.py what every request must pass, views.py what is read, template and static files the rest.
Only crawler.cli imports it, for its libraries are an extra.
"""
