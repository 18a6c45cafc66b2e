"""Where a Weaviate collection is: what `-L weaviate://…` says.

    weaviate://host:8080/Collection
    weaviate://one,two,three/Collection?grpc=50051,50052,50053&replicas=3&consistency=quorum
    weaviates://mine.example.com/Collection?tenant=me&timeout=30      TLS
    weaviate://host/Theirs?vector=clip&image=photo&caption=title&model=ViT-B-32/openai

The key comes from `WEAVIATE_API_KEY`, never from here: an address is shown and logged.
"""

import re
from dataclasses import dataclass
from typing import Literal, Self, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from phosphene.errors import LibraryError

SCHEMES = {"weaviate": False, "weaviates": True}  # whether it speaks TLS
PORTS, TLS_PORTS = (8080, 50051), (443, 443)  # REST and gRPC, as Weaviate has them and as its cloud has them
NAME = re.compile(r"[A-Z][_0-9A-Za-z]{0,254}")
CONSISTENCIES = ("one", "quorum", "all")
OPTIONS = ("grpc", "tenant", "replicas", "consistency", "timeout")
EXTERNAL_OPTIONS = ("vector", "image", "caption", "model")
TENANT = re.compile(r"[-_0-9A-Za-z]{1,64}")  # what Weaviate takes
TIMEOUT = 10.0  # seconds
# A user, key or password before the host. It may hold `/`, `?` and `#`, which end a host. An `@` in an
# option, as in `model=NAME@FILE`, is none: it comes after the `=` of one of our options.
USER = re.compile(rf"(\w+://)(?:(?![?&](?:{'|'.join(OPTIONS + EXTERNAL_OPTIONS)})=).)*@", re.DOTALL)

Consistency = Literal["one", "quorum", "all"]


def is_address(text: str) -> bool:
    """Whether a text is meant as an address of Weaviate, right or wrong."""
    return text.partition("://")[0] in SCHEMES and "://" in text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One node: its host, and its ports for REST and gRPC."""

    host: str
    rest: int
    grpc: int

    @property
    def bracketed(self) -> str:
        """The host as it stands before a port: the colons of IPv6 in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True, slots=True)
class External:
    """How to read a collection that phosphene did not make: names of its vector and properties."""

    vector: str  # empty: the collection's only vector
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
    timeout: float = TIMEOUT  # seconds for an answer, before one says that there is none

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address. Raises LibraryError that names what is wrong with it."""
        if USER.match(text):
            raise _wrong(text, "a key or password does not belong into an address", "set WEAVIATE_API_KEY")
        try:
            parts = urlsplit(text)
        except ValueError as error:  # brackets that hold no IPv6 address
            raise _wrong(text, "it names no host") from error
        if parts.scheme not in SCHEMES:
            raise _wrong(text, f"`{parts.scheme}` is no scheme; there are weaviate and weaviates")
        collection = parts.path.strip("/")
        if not NAME.fullmatch(collection):
            raise _wrong(text, f"`{collection}` is no collection: a capital, then letters, digits and _")
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
        wrong = f"`{unknown[0]}` is no option" if f"{unknown[0]}=" in query else "an option reads NAME=VALUE"
        raise _wrong(text, f"{wrong}; there are {', '.join(OPTIONS + EXTERNAL_OPTIONS)}")
    return given


def _endpoints(text: str, hosts: str, grpc: str, ports: tuple[int, int]) -> tuple[Endpoint, ...]:
    names = [host for host in hosts.split(",") if host]
    calls = [_port(text, port) for port in grpc.split(",")] if grpc else [ports[1]]
    if not names:
        raise _wrong(text, "it names no host")
    if len(calls) not in (1, len(names)):
        raise _wrong(text, f"{len(calls)} gRPC ports do not pair with {len(names)} hosts")
    calls *= len(names) // len(calls)
    return tuple(_endpoint(text, name, ports[0], call) for name, call in zip(names, calls, strict=True))


def _endpoint(text: str, name: str, rest: int, grpc: int) -> Endpoint:
    """`host`, `host:8080` or `[::1]:8080`."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::(\d+))?", name)
    if found is None:
        raise _wrong(text, f"`{name}` is no host")
    return Endpoint(found[1].strip("[]"), _port(text, found[2]) if found[2] else rest, grpc)


def _port(text: str, port: str) -> int:
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise _wrong(text, f"`{port}` is no port")
    return int(port)


def _tenant(text: str, given: str | None) -> str | None:
    if given is not None and not TENANT.fullmatch(given):
        raise _wrong(text, f"`tenant={given}` is no tenant: up to 64 letters, digits, - and _")
    return given


def _timeout(text: str, given: str | None) -> float:
    """Seconds, from a tenth up."""
    if given is None:
        return TIMEOUT
    if not re.fullmatch(r"\d+(\.\d+)?", given) or float(given) < 0.1:
        raise _wrong(text, f"`timeout={given}` is no number of seconds")
    return float(given)


def _replicas(text: str, given: str | None) -> int | None:
    if given is not None and (not given.isdigit() or int(given) < 1):
        raise _wrong(text, f"`replicas={given}` is no number of replicas")
    return None if given is None else int(given)


def _consistency(text: str, given: str | None) -> Consistency | None:
    if given is not None and given not in CONSISTENCIES:
        raise _wrong(text, f"`consistency={given}`: there are {', '.join(CONSISTENCIES)}")
    return cast("Consistency | None", given)


def _external(given: dict[str, str]) -> External | None:
    if not any(name in given for name in EXTERNAL_OPTIONS):
        return None
    return External(*(given.get(name, "") for name in EXTERNAL_OPTIONS))


def _wrong(text: str, reason: str, hint: str = "") -> LibraryError:
    hint = hint or "an address reads weaviate://HOST[:8080]/Collection[?grpc=50051&…]"
    return LibraryError(f"`{_shown(text)}` is no address of a library: {reason}", hint)


def _shown(text: str) -> str:
    """The address without a password, and without the values of options that are none of ours."""
    place, mark, query = USER.sub(r"\1…@", text).partition("?")
    return place + mark + "&".join(map(_shown_option, query.split("&")))


def _shown_option(option: str) -> str:
    name, equals, _ = option.partition("=")
    if not option or name in OPTIONS + EXTERNAL_OPTIONS:
        return option
    return f"{name}=…" if equals else "…"
