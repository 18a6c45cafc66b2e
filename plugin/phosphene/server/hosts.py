"""Who may ask: programs, and no page in a browser.

A page may send requests to this machine, which its user's browser reaches and others do not. If the
name of the page's own server is made to lead here (DNS rebinding), it may read the answers as well.
Such a request has that name in its Host header, and others of pages have an Origin or Sec-Fetch-Site.
"""

import ipaddress
import re
from collections.abc import Iterable

from starlette.types import Scope

from phosphene.server.errors import Refusal, shown

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^][:/@\s]+)(?::(\d{1,5}))?")  # a name or an address, and a port
PORTS = {"http": 80, "https": 443}
OWN_PAGES = {"none", "same-origin"}  # Sec-Fetch-Site: what the user typed, and what this service sent


def plain(text: str) -> tuple[str, int | None] | None:
    """A Host header as name and port: in lower case, without a final dot; None where it is none.

    An address comes in its one usual form, without the brackets of IPv6.
    """
    found = HOST.fullmatch(text.lower())
    if not found:
        return None
    name = found[1].strip("[]").removesuffix(".")
    address = _address(name)
    if found[1].startswith("[") and not address:
        return None
    return str(address or name), int(found[2]) if found[2] else None


class Hosts:
    """The names and addresses by which the service may be called.

    Those of the loopback interface are always allowed, and so is the address that a connection came to:
    no name leads a browser to a page whose Host header is an address of ours.
    """

    def __init__(self, named: Iterable[str] = ()) -> None:
        self.named = {found[0] for name in named if (found := plain(_bracketed(name)))}

    def check(self, scope: Scope) -> None:
        """Raise Refusal where a request is for somebody else, or comes from a foreign page."""
        headers = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in headers if name == b"host"]  # none in HTTP/1.0, as no browser sends
        for host in hosts:
            if not self._allowed(host, scope.get("server")):
                hint = "`phosphene serve --allow-host NAME` allows a name"
                raise Refusal(421, f"this service is not called `{shown(host)}`; {hint}")
        for name, value in headers:
            foreign = (name == b"origin" and not any(_is_same(value, host) for host in hosts)) or (
                name == b"sec-fetch-site" and value not in OWN_PAGES
            )
            if foreign:
                raise Refusal(403, f"pages of others may not use this service: {shown(value)}")

    def _allowed(self, host: str, server: tuple[str, int | None] | None) -> bool:
        name = (plain(host) or ("",))[0]
        address = _address(name)
        here = _address(server[0]) if server else None
        return (
            name == "localhost"
            or name in self.named
            or bool(address and (address.is_loopback or address == here))
        )


def _is_same(origin: str, host: str) -> bool:
    """Whether an Origin is that of the service itself, as its Host header has it."""
    scheme, _, rest = origin.lower().partition("://")
    theirs, ours = plain(rest), plain(host)
    if scheme not in PORTS or not theirs or not ours:
        return False
    return theirs[0] == ours[0] and (theirs[1] or PORTS[scheme]) == (ours[1] or PORTS[scheme])


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _bracketed(name: str) -> str:
    return f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name
