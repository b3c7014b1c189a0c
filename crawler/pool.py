"""Connections that are kept for another request: Twisted's pool, which knows a bound for each host and none for all."""

from __future__ import annotations

from typing import Any

from twisted.web.client import HTTPConnectionPool


class BoundedPool(HTTPConnectionPool):
    """Keeps at most `most` connections without a request; of more it closes those that have waited longest."""

    def __init__(self, reactor: Any, most: int) -> None:
        super().__init__(reactor, persistent=True)  # type: ignore[no-untyped-call]
        self._most = most

    def _putConnection(self, key: Any, connection: Any) -> None:
        super()._putConnection(key, connection)  # type: ignore[no-untyped-call]
        self.keep(self._most)

    def keep(self, most: int) -> None:
        """Close all but the newest `most` of those that wait."""
        while len(self._timeouts) > most:
            waits = next(iter(self._timeouts.values()))  # in the order in which they came
            key, connection = waits.args
            waits.cancel()
            self._removeConnection(key, connection)  # type: ignore[no-untyped-call]
