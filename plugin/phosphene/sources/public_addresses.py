"""Connecting to public addresses only, so that a list of URLs cannot reach this machine or its network.

A name is resolved once, and what was checked is what is connected to: a server that answers with a public
address first and a private one later (DNS rebinding) gains nothing.
"""

import socket
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from phosphene.errors import ImageError

IPAddress = IPv4Address | IPv6Address
SocketAddress = tuple[socket.AddressFamily, tuple[str, int]]  # what a socket connects to
IsAllowed = Callable[[IPAddress], bool]
# Networks whose addresses contain one of IPv4, which may be private: NAT64 (RFC 6052) and 6to4 (RFC 3056)
TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("2002::/16"))


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet: not private, loopback, link-local or reserved."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if any(address in network for network in TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def connect(host: str, port: int, timeout: float, is_allowed: IsAllowed = is_public) -> socket.socket:
    """Connect to a host. Raises ImageError if its addresses are refused, and OSError if none answers."""
    failed: OSError | None = None
    for family, place in _places(host, port, is_allowed):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.settimeout(timeout)
            connection.connect(place)
        except OSError as error:
            connection.close()
            failed = error
        else:
            return connection
    raise failed or ImageError(f"`{host}` is not a public address")


def _places(host: str, port: int, is_allowed: IsAllowed) -> Iterator[SocketAddress]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a part of the name is empty or too long
        raise ImageError(f"there is no host `{host}`") from error
    for family, _, _, _, (address, *_) in found:
        if is_allowed(ip_address(address)):
            yield family, (str(address), port)
