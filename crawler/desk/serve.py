"""`levantwatch web`: who may see the page, decided before a port is opened, and the server."""

from __future__ import annotations

import gc
import getpass
import ipaddress
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import uvicorn
from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError
from sqlalchemy import make_url

from crawler.config import Config, ConfigError
from crawler.desk.api import tokens
from crawler.desk.app import create_app
from crawler.desk.guard import Rules, host_name
from crawler.desk.views import Desk
from crawler.judging import configured_topics
from storage.db import Database, open_database

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")


def rules_of(config: Config, host: str) -> Rules:
    """Who may ask, from the settings. ConfigError when the page would stand open to others."""
    web = config.web
    if web.password_hash and web.user_header:
        raise ConfigError(
            "web.password_hash and web.user_header: set one of them; either the page or the proxy asks who it is"
        )
    if web.password_hash:
        try:
            extract_parameters(web.password_hash)
        except InvalidHashError:
            raise ConfigError(
                "web.password_hash is no argon2 hash; levantwatch web --hash-password makes one"
            ) from None
    if not is_local(host) and not (web.password_hash or web.user_header):
        raise ConfigError(
            f"the page is not opened on {host} without a password: set web.password_hash (levantwatch web --hash-password makes it), "
            "or web.user_header behind a proxy that logs people in"
        )
    try:
        opening = tokens.read(web.tokens)
    except ValueError as error:
        raise ConfigError(f"web.tokens: {error}; levantwatch web --new-token NAME makes one") from None
    names = {*LOCAL_NAMES, *(host_name(name) for name in web.names.replace(",", " ").split())}
    if not is_wildcard(host):
        names.add(f"[{host.lower()}]" if ":" in host else host.lower())
    return Rules(
        names=frozenset(names),
        password_hash=web.password_hash,
        user_header=web.user_header,
        https=web.https == "yes",
        local_user=getpass.getuser(),
        tokens=opening,
    )


def is_local(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_wildcard(host: str) -> bool:
    """Whether it stands for all addresses of the machine."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def desk_of_config(config: Config, database: Database) -> Desk:
    """The desk of the configured database."""
    url = make_url(config.database_url)
    file = Path(url.database).absolute() if url.drivername.startswith("sqlite") and url.database else None
    return Desk(database, configured_topics(config), lambda: datetime.now(UTC), look_every=config.tick, file=file)


def serve(config: Config, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page until the process is told to stop; `ready` is told its address as soon as it answers."""
    rules = rules_of(config, host)
    database = open_database(config.database_url)
    try:
        database.check_schema()
        app = create_app(desk_of_config(config, database), rules)
        gc.freeze()  # what is loaded by now stays: a walk through it takes 25 ms, and somebody waits for each
        with closing(_listening(host, port)) as listening:
            number = listening.getsockname()[1]
            shown = "127.0.0.1" if is_wildcard(host) else f"[{host}]" if ":" in host else host
            settings = uvicorn.Config(
                app, log_config=None, access_log=False, server_header=False, proxy_headers=False, log_level="warning",
                limit_concurrency=200, timeout_keep_alive=15, timeout_graceful_shutdown=5, h11_max_incomplete_event_size=32_768,
            )  # fmt: skip
            ready(f"http://{shown}:{number}/")
            uvicorn.Server(settings).run(sockets=[listening])
    finally:
        database.close()


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens. OSError that names the address."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, number)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return made
