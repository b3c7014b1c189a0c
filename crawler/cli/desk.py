"""`web` and `report`: the desk as a page, and as one file. Their libraries are the extra `web`."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from crawler.cli.common import Since, Until, days, fail, reading, whole_file


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog="Example: levantwatch web --port 8350")(web)
    app.command(epilog="Example: levantwatch report --since 7d -o report.html")(report)


def web(
    host: Annotated[
        str | None, typer.Option("--host", metavar="ADDRESS", help="Listen there; the setting web.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65_535, help="The port; the setting web.port.")
    ] = None,
    hash_password: Annotated[
        bool, typer.Option("--hash-password", help="Ask for a password, print its hash, and do nothing else.")
    ] = False,
    new_token: Annotated[
        str | None,
        typer.Option("--new-token", metavar="NAME", help="Make a token for the API and its hash, and do nothing else."),
    ] = None,
) -> None:
    """Serve the desk: matches, stories, timeline, map, coverage and the review queue as a page, and the API.

    On 127.0.0.1 without a password; anywhere else only with web.password_hash or web.user_header.
    """
    _need_the_extra()
    if hash_password:
        _hash_password()
        return
    if new_token is not None:
        _make_token(new_token)
        return
    from crawler.config import load_config
    from crawler.desk.serve import serve

    config = load_config()
    address, number = host or config.web.host, config.web.port if port is None else port

    def ready(url: str) -> None:
        typer.echo(f"the desk is at {url} (Ctrl-C ends it)", err=True)

    serve(config, host=address, port=number, ready=ready)


def report(
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="Where to; - is standard output.")],
    since: Since = "7d",
    until: Until = None,
) -> None:
    """Write one self-contained page: timeline, map, stories, newest matches, publishers and coverage. It can be mailed."""
    _need_the_extra()
    from crawler.cli.common import now
    from crawler.config import load_config
    from crawler.desk.report import written
    from crawler.judging import configured_topics

    moment = now()
    first, last = days(since, until)
    last = min(last or moment.date(), moment.date())
    if first is None or first > last:
        raise typer.BadParameter("it lies in the future", param_hint="--since")
    topics = configured_topics(load_config())
    with reading() as session:
        page = written(session, since=first, until=last, topics=topics, now=moment)
    with whole_file(output) as file:
        file.write(page)
    if output != "-":
        typer.echo(f"the report on {first} to {last} is written to {output}", err=True)


def _need_the_extra() -> None:
    for name in ("argon2", "fastapi", "jinja2", "starlette", "uvicorn"):
        if find_spec(name) is None:
            fail(f"the page needs the package {name}: pip install 'levantwatch[web]'")


def _hash_password() -> None:
    from crawler.desk.writes import hashed

    if sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    else:
        password = sys.stdin.readline().rstrip("\n")
    if len(password) < 10:
        fail("a password needs 10 characters or more")
    typer.echo(hashed(password))


def _make_token(name: str) -> None:
    """Two lines: the token, which is nowhere else, and what web.tokens must hold for it."""
    from crawler.desk.api import tokens

    if not tokens.is_name(name):
        raise typer.BadParameter("a name has 1 to 40 letters, digits, - or _", param_hint="--new-token")
    token = tokens.new_token()
    typer.echo(token)
    typer.echo(f"{name}:{tokens.hashed(token)}")
    typer.echo("the first line is the token, to be kept by whoever asks; the second goes into web.tokens", err=True)
