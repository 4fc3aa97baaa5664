"""Where a callback may lead: its URL taken apart, its name resolved, every address judged.

A callback URL is written by an app, so it is used to make us call what the app cannot: our own
metadata service, our own network. The URL is therefore taken apart once, here; whoever calls it
connects to an address that was judged here, never to a name that could mean another host by then.
"""

import ipaddress
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue
from urllib.parse import quote, urlsplit

from ..settings import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], list[str]]

LONGEST_URL = 1024
MOST_ADDRESSES = 8
SCHEMES = ("http", "https")
USUAL_PORTS = {"http": 80, "https": 443}
UNREACHABLE = "names a host that is unknown or may not be called"  # one text: no oracle for private names

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*\.?")
_BAD = re.compile(r"[\x00-\x20\x7f\\]")
_KEEP = "%/:=&?~#+!$,;'@()*[]"

# IANA's special-purpose registry: what is no host of the public internet
_CLOSED_4 = tuple(
    map(
        ipaddress.IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")  # all that is given out; fc00::/7, fe80::/10, ::1 lie outside
_CLOSED_6 = tuple(map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Refused(Exception):
    """The URL or where it leads may not be called. The text is safe to show."""


@dataclass(frozen=True)
class Endpoint:
    """A callback URL taken apart. `host` is ASCII and lower case; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def with_port(url: str) -> str:
    """The same URL, naming its scheme's usual port where it names none. What is no URL stays as it is."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return url
    usual = USUAL_PORTS.get(parts.scheme)
    if port or usual is None or not parts.netloc:
        return url
    before, slashes, rest = url.partition("//")
    if not rest.startswith(parts.netloc):
        return url
    return f"{before}{slashes}{parts.netloc.removesuffix(':')}:{usual}{rest.removeprefix(parts.netloc)}"


def endpoint(url: str) -> Endpoint:
    """Take a URL apart. Raises Refused. Source: Huawei 1.7.1, a callback URL names its port"""
    if len(url) > LONGEST_URL:
        raise Refused(f"is longer than {LONGEST_URL} characters")
    if _BAD.search(url):
        raise Refused("holds a character that no URL may hold")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("is no URL") from None
    if parts.scheme not in SCHEMES:
        raise Refused("is neither http nor https")
    if "@" in parts.netloc:
        raise Refused("holds a user name")
    if "#" in url:
        raise Refused("holds a fragment")
    if not port:
        raise Refused("does not name its port")
    path = quote(parts.path or "/", safe=_KEEP) + (
        f"?{quote(parts.query, safe=_KEEP)}" if parts.query else ""
    )
    return Endpoint(parts.scheme, _host(host, "[" in parts.netloc), port, path)


def _host(host: str, bracketed: bool) -> str:
    if bracketed:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise Refused("names no valid host") from None
        if address.scope_id is not None:
            raise Refused("names an address of one link only")
        return address.compressed
    if not host.isascii():
        import idna

        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError:
            raise Refused("names no valid host") from None
    if not _HOST.fullmatch(host):
        raise Refused("names no valid host")
    return host


def permitted(address: Address) -> bool:
    """Whether a callback may be sent there: a public host, or one the operator's list names."""
    meant = _meant(address)
    if any(a in network for a in {address, meant} for network in _allowed() if a.version == network.version):
        return True
    if isinstance(meant, ipaddress.IPv4Address):
        return not any(meant in network for network in _CLOSED_4)
    return meant in _GLOBAL_6 and not any(meant in network for network in _CLOSED_6)


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return ipaddress.IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _allowed() -> tuple[Network, ...]:
    return networks(settings().callback_allow)


@cache
def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Raises ValueError for what is no network: a wrong setting must not pass for an empty one."""
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def addresses(place: Endpoint, within: float) -> list[str]:
    """All addresses of the host, each judged, in at most `within` s.

    One that may not be called condemns them all: a name that mixes them is an attack or a mistake.
    Raises Refused.
    """
    try:
        found = [ipaddress.ip_address(place.host).compressed]
    except ValueError:
        found = _resolved(place, within)
    if not found or not all(permitted(ipaddress.ip_address(text)) for text in found):
        raise Refused(UNREACHABLE)
    return found[:MOST_ADDRESSES]


def system(host: str, port: int) -> list[str]:
    """What the system's resolver says, without repetition."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


_resolver: Resolver = system


def use(resolver: Resolver | None) -> None:
    """Resolve names by `resolver`; None goes back to the system's."""
    global _resolver
    _resolver = resolver or system


def _resolved(place: Endpoint, within: float) -> list[str]:
    """In a thread of its own: a resolver cannot be interrupted, and its servers may be the app's."""
    answers: SimpleQueue[list[str]] = SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(_resolver(place.host, place.port))
        except (OSError, UnicodeError):
            answers.put([])

    threading.Thread(target=look_up, daemon=True).start()
    try:
        return answers.get(timeout=max(within, 0.001))
    except Empty:
        return []
