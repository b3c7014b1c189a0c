"""The connect-time address guard: no connection to an address that is not public. Scrapy has none.

A name is resolved, what is not public is dropped from the answer, and the connection goes to an address that passed:
there is no second look-up that could answer differently (rebinding). Literals in any notation, redirects and robots.txt
take the same way. `LEVANTWATCH_ALLOW_NETWORKS` opens what it names.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import implementer

from crawler.urls import is_dns_name

if TYPE_CHECKING:
    from typing import Self

    from twisted.internet.interfaces import IAddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_UNICAST6 = ipaddress.ip_network(
    "2000::/3"
)  # all that IANA ever gave out as global unicast; NAT64, site-local … lie outside
# Global by Python's `is_global`, and yet no place for us: each can carry an IPv4 address inside, or is set apart.
_ALSO_REFUSED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(net)
    for net in (
        "2002::/16",  # 6to4, RFC 3056
        "2001::/32",  # Teredo, RFC 4380
        "3fff::/20",  # documentation, RFC 9637
        "192.88.99.0/24",  # 6to4 relays, RFC 7526
    )
)
_REMEMBERED = 1000  # refused names, so that the failure's class can be told; the oldest is forgotten first
_refused: OrderedDict[str, None] = OrderedDict()


def is_public(address: str) -> bool:
    """Whether an address, as text, is one of the public Internet. Text that is no address is not."""
    parsed = _parsed(address)
    if parsed is None:
        return False
    if parsed.is_multicast or parsed.is_unspecified or not parsed.is_global:
        return False
    if parsed.version == 6 and parsed not in _UNICAST6:
        return False
    return not any(parsed in net for net in _ALSO_REFUSED if net.version == parsed.version)


def is_allowed(address: str, networks: Sequence[Network]) -> bool:
    """Whether an address is public or lies in one of the networks that the user opened."""
    parsed = _parsed(address)
    if parsed is None:
        return False
    return is_public(address) or any(parsed in net for net in networks if net.version == parsed.version)


def _parsed(address: str) -> Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])  # a scope id changes nothing
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


class RefusedAddressError(Exception):
    """A request that was not sent: its host has no address that may be asked."""


def was_refused(host: str) -> bool:
    """Whether a look-up of this name gave only addresses that were refused."""
    return host.lower().strip("[]") in _refused


def install_guard(reactor: Any, networks: Sequence[Network]) -> None:
    """Put the guard between a reactor and every connection that it makes."""
    reactor.installNameResolver(GuardedResolver(reactor, networks))


@implementer(IHostnameResolver)
class GuardedResolver:
    """A name resolver that keeps only allowed addresses of what the reactor's own resolver answers.

    Twisted's objects are Any here: mypy does not understand that an interface of zope's names no `self`.
    """

    def __init__(self, reactor: Any, networks: Sequence[Network]) -> None:
        self._reactor = reactor
        self._inner = reactor.nameResolver
        self._networks = tuple(networks)

    @classmethod
    def from_crawler(cls, crawler: Any, reactor: Any) -> Self:
        """How `scrapy crawl` makes it, by the setting TWISTED_DNS_RESOLVER; a wrong configuration opens nothing."""
        from crawler.config import ConfigError, load_config

        try:
            return cls(reactor, load_config().networks)
        except ConfigError:
            return cls(reactor, ())

    def permits(self, host: str) -> bool:
        """Whether a host is an address in the usual notation that may be asked: there is nothing to look up."""
        return _literal(host, 0, "TCP") is not None and is_allowed(host, self._networks)

    def install_on_reactor(self) -> None:
        """Scrapy's way of installing it."""
        self._reactor.installNameResolver(self)

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: Literal["TCP", "UDP"] = "TCP",
    ) -> Any:
        """Resolve, and pass on what is allowed."""
        receiver = _Filter(resolutionReceiver, hostName, self._networks)
        if (literal := _literal(hostName, portNumber, transportSemantics)) is not None:
            wanted = addressTypes is None or type(literal) in addressTypes
            return _tell(receiver, hostName, *([literal] if wanted else []))
        if not is_dns_name(hostName.rstrip(".")):  # Python's own look-up raises on it, in a thread of Twisted's
            return _tell(receiver, hostName)
        return self._inner.resolveHostName(receiver, hostName, portNumber, addressTypes, transportSemantics)


def _literal(host: str, port: int, transport: Literal["TCP", "UDP"]) -> IPv4Address | IPv6Address | None:
    """The address that a host name is, in the usual notation: no look-up, and no thread for one."""
    try:
        parsed = ipaddress.ip_address(host)
    except ValueError:
        return None
    if "%" in host:
        return None
    return (IPv4Address if parsed.version == 4 else IPv6Address)(transport, host, port)


def _tell(receiver: Any, name: str, *addresses: Any) -> _Known:
    """A look-up that is over as soon as it has begun."""
    known = _Known(name)
    receiver.resolutionBegan(known)
    for address in addresses:
        receiver.addressResolved(address)
    receiver.resolutionComplete()
    return known


@implementer(IHostResolution)
class _Known:
    """The look-up of a name that cannot exist, or is an address."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """There is nothing to cancel."""


@implementer(IResolutionReceiver)
class _Filter:
    """Stands between the resolver and the connection."""

    def __init__(self, receiver: Any, name: str, networks: Sequence[Network]) -> None:
        self._receiver = receiver
        self._name = name.lower().strip("[]")
        self._networks = networks
        self._passed = self._dropped = 0

    def resolutionBegan(self, resolutionInProgress: Any) -> None:
        self._receiver.resolutionBegan(resolutionInProgress)

    def addressResolved(self, address: Any) -> None:
        if is_allowed(address.host, self._networks):
            self._passed += 1
            self._receiver.addressResolved(address)
        else:
            self._dropped += 1

    def resolutionComplete(self) -> None:
        _refused.pop(self._name, None)
        if self._dropped and not self._passed:
            _refused[self._name] = None
            while len(_refused) > _REMEMBERED:
                _refused.popitem(last=False)
        self._receiver.resolutionComplete()
