"""The application: its routes, and what happens when something is missing or fails."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from crawler.desk import charts, following, reference, views, writes
from crawler.desk.api.app import create_api
from crawler.desk.api.door import Door
from crawler.desk.guard import Guard, Rules
from crawler.desk.pages import FOLDER, page
from crawler.desk.views import Desk
from storage.errors import StorageError

log = logging.getLogger(__name__)
YEAR = 365 * 86_400


class _Static(StaticFiles):
    """Static files that may be kept: their address changes with them."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        answer = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        answer.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
        return answer


def create_app(desk: Desk, rules: Rules) -> Starlette:
    """The page, the API and the feeds of one database."""
    api = create_api(desk)
    api.router.routes.extend(following.routes())
    app = Starlette(
        routes=[
            Route("/", views.stream),
            Route("/article/{id:int}", views.article),
            Route("/stories", views.story_list),
            Route("/story/{id:int}", views.story),
            Route("/timeline", charts.timeline),
            Route("/map", charts.places),
            Route("/publishers", charts.publishers),
            Route("/feeds", views.feed_list),
            Route("/review", views.review),
            Route("/api", reference.reference),
            Route("/label", writes.label, methods=["POST"]),
            Route("/login", writes.login_page),
            Route("/login", writes.login, methods=["POST"]),
            Route("/logout", writes.logout, methods=["POST"]),
            # these alone are packed: beside what a page repeats of a question its length would tell of its form's token
            Mount("/static", GZipMiddleware(_Static(directory=FOLDER / "static"))),
        ],
        middleware=[Middleware(Guard, rules=rules, api=Door(api, rules))],
        exception_handlers={404: _missing, 405: _missing, StorageError: _failed},
    )
    app.state.desk = desk
    app.state.schema = api.openapi
    app.state.wrong = writes.new_limit()
    return app


def _missing(request: Request, error: Exception) -> Response:
    return views.missing(request)


def _failed(request: Request, error: Exception) -> Response:
    log.warning("%s: %s", request.url.path, error)
    return page(request, "message.html", status=503, heading="The database does not answer", message=str(error))
