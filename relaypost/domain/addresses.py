"""Which addresses a delivery may be sent to (section 2.2): an own list, fail closed.

Knows addresses and the spellings of them; names are looked up elsewhere and judged when dialled.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)

from relaypost.domain.errors import Invalid
from relaypost.domain.urls import Destination

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

SETTING = "RELAYPOST_ALLOW_NETWORKS"

# The first entry that holds an address tells its kind, so the narrow ones come first. The lists of
# the `ipaddress` module differ between versions and miss some of these.
_IPV4_KINDS = (
    ("metadata", ("169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32")),
    ("metadata", ("168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32")),
    ("loopback", ("127.0.0.0/8",)),
    ("link-local", ("169.254.0.0/16",)),
    ("private", ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")),
    ("multicast", ("224.0.0.0/4",)),
    ("reserved", ("0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24")),
    ("reserved", ("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4")),
)
# Below 2000::/3 only; everything outside it that has no kind here is reserved: NAT64 (64:ff9b::/96,
# 64:ff9b:1::/48), discard (100::/64), SRv6 (5f00::/16), IPv4-compatible (::/96) and the unassigned.
_IPV6_KINDS = (
    ("metadata", ("fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128")),
    ("loopback", ("::1/128",)),
    ("link-local", ("fe80::/10",)),
    ("private", ("fc00::/7", "fec0::/10")),
    ("multicast", ("ff00::/8",)),
    # IETF protocols with Teredo; documentation; 6to4.
    ("reserved", ("2001::/23", "2001:db8::/32", "3fff::/20", "2002::/16")),
)
_IPV6_GLOBAL = IPv6Network("2000::/3")


def _flat(kinds: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[tuple[IpNetwork, str], ...]:
    return tuple((ip_network(text), kind) for kind, texts in kinds for text in texts)


_IPV4_RANGES = _flat(_IPV4_KINDS)
_IPV6_RANGES = _flat(_IPV6_KINDS)

DEVELOPMENT_NETWORKS: tuple[IpNetwork, ...] = tuple(
    network for network, kind in _IPV4_RANGES + _IPV6_RANGES if kind in ("loopback", "private")
)
"""What development mode allows: loopback and private networks of both families."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Says which addresses may be dialled: public ones, and the networks that are allowed."""

    allowed: tuple[IpNetwork, ...] = ()
    opens_all: bool = False
    """For what the operator chose, and for nothing that a caller can name."""

    def refusal(self, address: IpAddress) -> str | None:
        """The kind for which an address is refused, or `None` if it may be dialled."""
        if self.opens_all:
            return None
        address = inner_address(address)
        kind = kind_of(address)
        if kind is None or any(_opens(network, address, kind) for network in self.allowed):
            return None
        return kind


def _opens(network: IpNetwork, address: IpAddress, kind: str) -> bool:
    # A wide network never opens a metadata service by the way; only its own address does.
    wide = network.prefixlen < network.max_prefixlen
    return address in network and not (kind == "metadata" and wide)


def kind_of(address: IpAddress) -> str | None:
    """What keeps an address from being public, in one word, or `None` if nothing does."""
    address = inner_address(address)
    ranges = _IPV4_RANGES if address.version == 4 else _IPV6_RANGES
    for network, kind in ranges:
        if address in network:
            return kind
    return None if address.version == 4 or address in _IPV6_GLOBAL else "reserved"


def inner_address(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv4-mapped one: connecting to either reaches the same host."""
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def parse_networks(text: str) -> tuple[IpNetwork, ...]:
    """Read a list of networks or single addresses, separated by commas or blanks."""
    return tuple(_parse_network(item) for item in text.replace(",", " ").split())


def _parse_network(item: str) -> IpNetwork:
    try:
        return ip_network(item)
    except ValueError as error:
        raise Invalid(f"'{item}' is not a network such as 10.0.0.0/8: {error}") from None


def is_localhost(host: str) -> bool:
    """Whether a name means this machine without any look-up (RFC 6761)."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


@lru_cache(maxsize=4096)
def literal_address(host: str) -> IpAddress | None:
    """The address that a host is, in any spelling that a resolver takes, or `None` for a name."""
    host = _fold(host)
    if is_localhost(host):
        return IPv4Address("127.0.0.1")
    if ":" in host:
        return _ipv6(host.removeprefix("[").removesuffix("]"))
    return _ipv4(host.removesuffix("."))


def _fold(host: str) -> str:
    """Read full-width, circled and other forms of letters and digits as an IDN look-up would."""
    if host.isascii():
        return host.lower()
    return unicodedata.normalize("NFKC", host).replace("\u3002", ".").lower()


def _ipv6(text: str) -> IpAddress | None:
    try:
        return IPv6Address(text.partition("%")[0])
    except ValueError:
        return None


def _ipv4(text: str) -> IpAddress | None:
    """Read up to four numbers as `inet_aton` does: the last one fills all bytes that are left."""
    numbers = [_number(part) for part in text.split(".")]
    if len(numbers) > 4 or None in numbers:
        return None
    *leading, last = (number for number in numbers if number is not None)
    room = 256 ** (4 - len(leading))
    if last >= room or any(number > 255 for number in leading):
        return None
    value = last
    for place, number in enumerate(leading):
        value += number << (24 - 8 * place)
    return IPv4Address(value)


# At most 16 digits behind the zeros: more is beyond 32 bits in any base, and `int` stays cheap.
_NUMBER = re.compile(r"0x0*([0-9a-f]{0,16})|0+([0-7]{0,16})|([1-9][0-9]{0,15})", re.ASCII)


def _number(text: str) -> int | None:
    found = _NUMBER.fullmatch(text)
    if found is None:
        return None
    hexadecimal, octal, decimal = found.groups()
    if hexadecimal is not None:
        return int(hexadecimal or "0", 16)
    return int(octal or "0", 8) if octal is not None else int(decimal)


def judge_destination(destination: Destination, policy: AddressPolicy) -> str | None:
    """Why a destination is refused before any look-up (section 1.7), or `None`; names pass."""
    address = literal_address(destination.host)
    if address is None:
        return None
    kind = policy.refusal(address)
    if kind is None:
        return None
    return f"endpoint resolves to a {kind} address: {inner_address(address)} (see {SETTING})"
