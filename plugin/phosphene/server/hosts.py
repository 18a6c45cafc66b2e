"""Who may send requests: programs may, and pages in browsers may not.

A page may send requests to this machine, which its user's browser can reach and others cannot. If the name
of the page's own server is made to point here (DNS rebinding), the page can read the responses as well.
Such a request has that name in its Host header. Other requests of pages have an Origin or Sec-Fetch-Site.
"""

import ipaddress
import re
from collections.abc import Iterable

from starlette.types import Scope

from phosphene.server.error_responses import RequestError, escaped

HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^][:/@\s]+)(?::(\d{1,5}))?")  # a name or an address, and a port
PORTS = {"http": 80, "https": 443}
OWN_PAGES = {"none", "same-origin"}  # Sec-Fetch-Site: typed by the user, or sent by this service's own page


def parse_host(text: str) -> tuple[str, int | None] | None:
    """Split a Host header into its name, in lower case and without a final dot, and its port.

    An address is returned in its usual form, without the brackets of IPv6. The result is None if the
    text is not a host.
    """
    found = HOST.fullmatch(text.lower())
    if not found:
        return None
    name = found[1].strip("[]").removesuffix(".")
    address = _address(name)
    if found[1].startswith("[") and not address:
        return None
    return str(address or name), int(found[2]) if found[2] else None


class AllowedHosts:
    """The names and addresses by which clients may call the service.

    Those of the loopback interface are always allowed, and so is the address at which a connection arrived:
    no name leads a browser to a page whose Host header is one of our addresses.
    """

    def __init__(self, named: Iterable[str] = ()) -> None:
        self.named = {found[0] for name in named if (found := parse_host(_bracketed(name)))}

    def check(self, scope: Scope) -> None:
        """Raise RequestError if a request is meant for another host, or comes from somebody else's page."""
        headers = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
        # HTTP/1.0 has no Host header, and no browser sends HTTP/1.0.
        hosts = [value for name, value in headers if name == b"host"]
        for host in hosts:
            if not self._is_allowed(host, scope.get("server")):
                hint = "Allow the name with `phosphene serve --allow-host NAME`."
                raise RequestError(421, f"This service is not called `{escaped(host)}`. {hint}")
        for name, value in headers:
            foreign = (name == b"origin" and not any(_is_same(value, host) for host in hosts)) or (
                name == b"sec-fetch-site" and value not in OWN_PAGES
            )
            if foreign:
                raise RequestError(403, f"Pages of other sites may not use this service: {escaped(value)}.")

    def _is_allowed(self, host: str, server: tuple[str, int | None] | None) -> bool:
        name = (parse_host(host) or ("",))[0]
        address = _address(name)
        here = _address(server[0]) if server else None
        return (
            name == "localhost"
            or name in self.named
            or bool(address and (address.is_loopback or address == here))
        )


def _is_same(origin: str, host: str) -> bool:
    """Whether an Origin is that of the service itself, according to its Host header."""
    scheme, _, rest = origin.lower().partition("://")
    theirs, ours = parse_host(rest), parse_host(host)
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
