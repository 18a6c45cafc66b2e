"""Addresses of Weaviate collections, as in `-L weaviate://…`.

    weaviate://host:8080/Collection
    weaviate://one,two,three/Collection?grpc=50051,50052,50053&replicas=3&consistency=quorum
    weaviates://mine.example.com/Collection?tenant=me&timeout=30      TLS
    weaviate://host/Theirs?vector=clip&image=photo&caption=title&model=ViT-B-32/openai

The key comes from `WEAVIATE_API_KEY` and never from the address, because addresses are shown and logged.
"""

import re
from dataclasses import dataclass
from typing import Literal, Self, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from phosphene.errors import LibraryError

SCHEMES = {"weaviate": False, "weaviates": True}  # whether the scheme uses TLS
PORTS, TLS_PORTS = (8080, 50051), (443, 443)  # REST and gRPC: the defaults of Weaviate and of its cloud
NAME = re.compile(r"[A-Z][_0-9A-Za-z]{0,254}")
CONSISTENCIES = ("one", "quorum", "all")
OPTIONS = ("grpc", "tenant", "replicas", "consistency", "timeout")
EXTERNAL_OPTIONS = ("vector", "image", "caption", "model")
TENANT = re.compile(r"[-_0-9A-Za-z]{1,64}")  # the names that Weaviate accepts
TIMEOUT = 10.0  # seconds
# A user, key or password before the host. It may contain `/`, `?` and `#`, which end a host. An `@` in an
# option, as in `model=NAME@FILE`, comes after the `=` of one of our options and is something else.
USER = re.compile(rf"(\w+://)(?:(?![?&](?:{'|'.join(OPTIONS + EXTERNAL_OPTIONS)})=).)*@", re.DOTALL)

Consistency = Literal["one", "quorum", "all"]


def is_address(text: str) -> bool:
    """Whether a text is meant as an address of Weaviate. It may be wrong."""
    return text.partition("://")[0] in SCHEMES and "://" in text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One node: its host, and its ports for REST and gRPC."""

    host: str
    rest: int
    grpc: int

    @property
    def bracketed(self) -> str:
        """The host as it is written before a port. An IPv6 address has brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class External:
    """How to read a collection that phosphene did not make: names of its vector and properties."""

    vector: str  # empty: use the collection's only vector
    image: str  # empty: no property holds the picture
    caption: str
    model: str


@dataclass(frozen=True, slots=True)
class Address:
    """A collection on one node or on several that stand in for each other."""

    endpoints: tuple[Endpoint, ...]
    collection: str
    secure: bool = False
    tenant: str | None = None
    replicas: int | None = None
    consistency: Consistency | None = None  # None: the server's own choice
    external: External | None = None
    timeout: float = TIMEOUT  # seconds to wait for an answer

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address. Raises LibraryError that names what is wrong with it."""
        if USER.match(text):
            raise _wrong(text, "it contains a key or password", "set WEAVIATE_API_KEY instead")
        try:
            parts = urlsplit(text)
        except ValueError as error:  # brackets that hold no IPv6 address
            raise _wrong(text, "it names no host") from error
        if parts.scheme not in SCHEMES:
            raise _wrong(text, f"the scheme `{parts.scheme}` is neither `weaviate` nor `weaviates`")
        collection = parts.path.strip("/")
        if not NAME.fullmatch(collection):
            raise _wrong(text, f"`{collection}` is not a capital letter followed by letters, digits and _")
        given = _options(text, parts.query)
        secure = SCHEMES[parts.scheme]
        return cls(
            endpoints=_endpoints(text, parts.netloc, given.get("grpc", ""), TLS_PORTS if secure else PORTS),
            collection=collection,
            secure=secure,
            tenant=_tenant(text, given.get("tenant")),
            replicas=_replicas(text, given.get("replicas")),
            consistency=_consistency(text, given.get("consistency")),
            external=_external(given),
            timeout=_timeout(text, given.get("timeout")),
        )

    @property
    def url(self) -> str:
        """The whole address, which parses to this one."""
        grpc = [str(each.grpc) for each in self.endpoints]
        given: dict[str, object | None] = {
            "grpc": ",".join(grpc if len(set(grpc)) > 1 else grpc[:1]),
            "tenant": self.tenant,
            "replicas": self.replicas,
            "consistency": self.consistency,
            "timeout": None if self.timeout == TIMEOUT else f"{self.timeout:g}",
        }
        if self.external:
            given |= {name: getattr(self.external, name) or None for name in EXTERNAL_OPTIONS}
        if given["grpc"] == str((TLS_PORTS if self.secure else PORTS)[1]):
            del given["grpc"]
        options = urlencode({name: value for name, value in given.items() if value is not None}, safe=",/:")
        return f"{self}?{options}" if options else str(self)

    def __str__(self) -> str:
        """The endpoints and the collection, to be shown."""
        scheme = "weaviates" if self.secure else "weaviate"
        hosts = ",".join(f"{each.bracketed}:{each.rest}" for each in self.endpoints)
        return f"{scheme}://{hosts}/{self.collection}"


def _options(text: str, query: str) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = [name for name in given if name not in OPTIONS + EXTERNAL_OPTIONS]
    if unknown:
        odd = unknown[0]
        reason = f"it has no option `{odd}`" if f"{odd}=" in query else "an option is not NAME=VALUE"
        raise _wrong(text, f"{reason}; the options are {', '.join(OPTIONS + EXTERNAL_OPTIONS)}")
    return given


def _endpoints(text: str, hosts: str, grpc: str, ports: tuple[int, int]) -> tuple[Endpoint, ...]:
    names = [host for host in hosts.split(",") if host]
    calls = [_port(text, port) for port in grpc.split(",")] if grpc else [ports[1]]
    if not names:
        raise _wrong(text, "it names no host")
    if len(calls) not in (1, len(names)):
        raise _wrong(text, f"it names {len(calls)} gRPC ports for {len(names)} hosts")
    calls *= len(names) // len(calls)
    return tuple(_endpoint(text, name, ports[0], call) for name, call in zip(names, calls, strict=True))


def _endpoint(text: str, name: str, rest: int, grpc: int) -> Endpoint:
    """`host`, `host:8080` or `[::1]:8080`."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(\d+))?", name)
    if found is None:
        raise _wrong(text, f"`{name}` is not a host")
    return Endpoint(found[1].strip("[]"), _port(text, found[2]) if found[2] else rest, grpc)


def _port(text: str, port: str) -> int:
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise _wrong(text, f"`{port}` is not a port")
    return int(port)


def _tenant(text: str, given: str | None) -> str | None:
    if given is not None and not TENANT.fullmatch(given):
        raise _wrong(text, f"`tenant={given}` is not 1 to 64 letters, digits, - and _")
    return given


def _timeout(text: str, given: str | None) -> float:
    """Seconds, from a tenth up."""
    if given is None:
        return TIMEOUT
    if not re.fullmatch(r"\d+(\.\d+)?", given) or float(given) < 0.1:
        raise _wrong(text, f"`timeout={given}` is not a number of seconds from 0.1 up")
    return float(given)


def _replicas(text: str, given: str | None) -> int | None:
    if given is not None and (not given.isdigit() or int(given) < 1):
        raise _wrong(text, f"`replicas={given}` is not a number of replicas")
    return None if given is None else int(given)


def _consistency(text: str, given: str | None) -> Consistency | None:
    if given is not None and given not in CONSISTENCIES:
        raise _wrong(text, f"`consistency={given}` is not one of {', '.join(CONSISTENCIES)}")
    return cast("Consistency | None", given)


def _external(given: dict[str, str]) -> External | None:
    if not any(name in given for name in EXTERNAL_OPTIONS):
        return None
    return External(*(given.get(name, "") for name in EXTERNAL_OPTIONS))


def _wrong(text: str, reason: str, hint: str = "") -> LibraryError:
    hint = hint or "write it as weaviate://HOST[:8080]/Collection[?grpc=50051&…]"
    return LibraryError(f"`{_shown(text)}` is not the address of a library: {reason}.", hint)


def _shown(text: str) -> str:
    """The address without a password, and without the values of unknown options."""
    place, mark, query = USER.sub(r"\1…@", text).partition("?")
    return place + mark + "&".join(map(_shown_option, query.split("&")))


def _shown_option(option: str) -> str:
    name, equals, _ = option.partition("=")
    if not option or name in OPTIONS + EXTERNAL_OPTIONS:
        return option
    return f"{name}=…" if equals else "…"
