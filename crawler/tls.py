"""One TLS context for all connections: Twisted makes one for each, and every one of them reads the authorities anew (6 ms, 0.9 MB)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet._sslverify import ClientTLSOptions
from twisted.internet.ssl import CertificateOptions, platformTrust
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

if TYPE_CHECKING:
    from collections.abc import Mapping


@implementer(IPolicyForHTTPS)
class SharedTrust:
    """Certificates are checked against the machine's authorities, and against the name that was asked for."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = CertificateOptions(trustRoot=platformTrust(), **options)  # type: ignore[no-untyped-call]

    def creatorForNetloc(self, hostname: bytes, port: int) -> ClientTLSOptions:
        """What sets up a connection to this host. Raises ValueError for a name that is none."""
        return ClientTLSOptions(self._options._makeTLSConnection, hostname.decode("ascii"))
