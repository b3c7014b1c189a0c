"""The feeds of the desk: which there are, what stands in each, and the links by which a reader finds them."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from crawler.desk.api.answers import safe_json, tagged
from crawler.desk.asking import number
from crawler.desk.guard import FEEDS, Rules, host_name
from crawler.desk.syndicated import MEDIA_TYPES, NEWEST, Channel, as_atom, as_jsonfeed
from crawler.desk.views import Desk, desk_of, scope_of
from storage import saved, stories
from storage.errors import BadQuery, UnknownStory
from storage.search import Filters, search


class UnknownFeedError(LookupError):
    """There is no such feed."""


def routes() -> list[Route]:
    """The addresses of all feeds."""
    return [Route(f"{FEEDS}all.{{form}}", _answer), Route(f"{FEEDS}{{kind}}/{{name}}.{{form}}", _answer)]


def _answer(request: Request) -> Response:
    form = request.path_params["form"]
    if form not in MEDIA_TYPES:
        return _missing("there are feeds that end in .atom and in .json")
    desk = desk_of(request)
    asked = request.path_params.get("kind", "all"), request.path_params.get("name", "")
    try:
        with desk.database.read() as session:
            channel, filters = _asked(desk, session, *asked, desk_address(request))
            found = search(session, filters)
    except (UnknownFeedError, UnknownStory) as error:
        return _missing(str(error))
    except BadQuery as error:
        return PlainTextResponse(f"the query of this saved search has a mistake: {error}\n", 422)
    body = as_atom(channel, found) if form == "atom" else safe_json(as_jsonfeed(channel, found))
    return tagged(request, body, MEDIA_TYPES[form])


def _asked(desk: Desk, session: Session, kind: str, name: str, address: str) -> tuple[Channel, Filters]:
    """What a feed is about, and its filters. UnknownFeedError, UnknownStory."""
    if kind == "all":
        return Channel("all", "levantwatch: all matches", f"{FEEDS}all", "/", address), Filters(limit=NEWEST)
    path = f"{FEEDS}{kind}/{quote(name, safe='')}"
    if kind == "topic" and name in desk.topics:
        page = f"/?{urlencode({'topic': name})}"
        return Channel(f"topic {name}", f"levantwatch: {name}", path, page, address), Filters(topic=name, limit=NEWEST)
    if kind == "search" and (query := saved.queries(session).get(name)) is not None:
        scope = scope_of(desk, session, query)
        page = f"/?{urlencode({'q': '@' + name})}"
        channel = Channel(f"search {name}", f"levantwatch: @{name}", path, page, address)
        return channel, Filters(words=query, scope=scope, limit=NEWEST)
    if kind == "story" and (id_ := number(name)):
        title = stories.get(session, id_).title
        channel = Channel(f"story {id_}", f"levantwatch: story {id_}: {title}", f"{FEEDS}story/{id_}", f"/story/{id_}", address)  # fmt: skip
        return channel, Filters(story=id_, limit=NEWEST)
    known = {
        "topic": f"the topics are {', '.join(desk.topics)}",
        "search": "levantwatch search --saved lists those there are",
    }
    raise UnknownFeedError(f"there is no {kind} {name!r}" + (f"; {known[kind]}" if kind in known else ""))


def desk_address(request: Request) -> str:
    """Where the reader found this desk, as its Host header says, which the door has let in."""
    rules: Rules = request.state.rules
    given = request.headers.get("host", "")
    port = given.strip().rpartition(":")[2]
    behind = f":{port}" if port.isascii() and port.isdecimal() and len(port) < 6 else ""
    return f"{'https' if rules.https else 'http'}://{host_name(given)}{behind}"


def _missing(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", 404)
