"""Listening in the crawl's own loop, with Twisted: for monitors on loopback, for hubs behind a proxy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crawler.config import ConfigError


def listen(
    factory: Any, address: str, port: int, *, setting: str, instead: str = "choose another"
) -> Callable[[], Any]:
    """Serve `factory` there; what ends it. Raises ConfigError, which names the setting, when the port cannot be had."""
    from twisted.internet import reactor as installed
    from twisted.internet.error import CannotListenError

    reactor: Any = installed  # its interfaces are zope's, which mypy cannot read
    try:
        listening = reactor.listenTCP(port, factory, interface=address)
    except CannotListenError as error:
        raise ConfigError(
            f"{setting}: port {port} of {address} cannot be had ({error.socketError}); {instead}"
        ) from None
    close: Callable[[], Any] = listening.stopListening
    return close
