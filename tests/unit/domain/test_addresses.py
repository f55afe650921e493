from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from relaypost.domain.addresses import (
    DEVELOPMENT_NETWORKS,
    AddressPolicy,
    judge_destination,
    kind_of,
    literal_address,
    parse_networks,
)
from relaypost.domain.errors import Invalid
from relaypost.domain.urls import split_url
from tests.support.address_corpus import IPV4_SPELLINGS, IPV6_SPELLINGS

RANGES = [
    ("0.0.0.0/8", "reserved"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "private"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "reserved"),
    ("192.88.99.0/24", "reserved"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "reserved"),
    ("198.51.100.0/24", "reserved"),
    ("203.0.113.0/24", "reserved"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("168.63.129.16/32", "metadata"),
    ("169.254.169.254/32", "metadata"),
    ("::/128", "reserved"),
    ("::1/128", "loopback"),
    ("::2/127", "reserved"),
    ("::7f00:1/128", "reserved"),
    ("64:ff9b::/96", "reserved"),
    ("64:ff9b:1::/48", "reserved"),
    ("100::/64", "reserved"),
    ("2001::/32", "reserved"),
    ("2001:db8::/32", "reserved"),
    ("2002::/16", "reserved"),
    ("3fff::/20", "reserved"),
    ("5f00::/16", "reserved"),
    ("fc00::/7", "private"),
    ("fd00:ec2::254/128", "metadata"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
]
BLOCKED = [
    (text, str(address), kind)
    for text, kind in RANGES
    for network in [ip_network(text)]
    for address in sorted({network[0], network[network.num_addresses // 3], network[-1]})
    if not (kind != "metadata" and str(address) in ("169.254.169.254", "fd00:ec2::254"))
]
MAPPED = [
    (f"::ffff:{address}", kind) for _, address, kind in BLOCKED if ip_address(address).version == 4
]
PUBLIC = [
    "1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
    "126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255",
    "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
    "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255",
    "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0",
    "223.255.255.255", "93.184.216.34", "::ffff:93.184.216.34", "2000::", "2001:200::1",
    "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1", "2003::1", "2606:4700::1111",
    "2a00:1450:4001::1", "3ffe:ffff::1", "3fff:1000::1",
]  # fmt: skip
WRITTEN = [
    (spelling, ip_address(address))
    for address, spellings in (IPV4_SPELLINGS | IPV6_SPELLINGS).items()
    for spelling in spellings
]
NAMES = [
    "", ".", "example.com", "localhost.example.com", "localhosts", "notlocalhost", "127.0.0.1.5",
    "256.0.0.1", "127.0.0.256", "127.0.65536", "127.16777216", "4294967296", "0x100000000",
    "127.0.0.08", "127.0.0.1a", "0xg.1", "127..1", ".127.1", "127.1..", "+127.1", "-1", "1_0.1",
    "0b1.1", "0o177.1", "1e3", "127.0.0.1.nip.io", "x7f.1", "::g", "[::1]x", "1:2", "a:b",
    "9" * 200, "0x" + "f" * 200, "xn--n3h.example", "metadata.google.internal",
]  # fmt: skip


def test_the_corpus_is_large() -> None:
    vectors = len(BLOCKED) + len(MAPPED) + len(PUBLIC) + len(WRITTEN) + len(NAMES)
    assert vectors >= 300


@pytest.mark.parametrize(("network", "address", "kind"), BLOCKED)
def test_blocked_ranges(network: str, address: str, kind: str) -> None:
    assert kind_of(ip_address(address)) == kind
    assert AddressPolicy().refusal(ip_address(address)) == kind


@pytest.mark.parametrize(("address", "kind"), MAPPED)
def test_mapped_addresses_are_judged_by_the_inner_one(address: str, kind: str) -> None:
    assert AddressPolicy().refusal(ip_address(address)) == kind


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert AddressPolicy().refusal(ip_address(address)) is None


@pytest.mark.parametrize(("spelling", "address"), WRITTEN)
def test_literals_in_every_spelling(spelling: str, address: IPv4Address | IPv6Address) -> None:
    assert literal_address(spelling) == address


@pytest.mark.parametrize(("spelling", "address"), WRITTEN)
def test_no_spelling_passes_in_a_url(spelling: str, address: IPv4Address | IPv6Address) -> None:
    bare = spelling.strip("[]").partition("%")[0]
    host = f"[{bare}]" if ":" in bare else bare
    reason = judge_destination(split_url(f"http://{host}:8080/x"), AddressPolicy())
    assert reason is not None
    assert reason.endswith("(see RELAYPOST_ALLOW_NETWORKS)")


@pytest.mark.parametrize("name", NAMES)
def test_names_are_no_literals(name: str) -> None:
    assert literal_address(name) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://localhost:3000/", "endpoint resolves to a loopback address: 127.0.0.1"),
        ("http://0x7f.1/", "endpoint resolves to a loopback address: 127.0.0.1"),
        ("http://[::1]/", "endpoint resolves to a loopback address: ::1"),
        ("http://[::ffff:10.0.0.7]/", "endpoint resolves to a private address: 10.0.0.7"),
        ("http://192.168.1.1/", "endpoint resolves to a private address: 192.168.1.1"),
        ("http://169.254.1.1/", "endpoint resolves to a link-local address: 169.254.1.1"),
        ("http://239.1.1.1/", "endpoint resolves to a multicast address: 239.1.1.1"),
        ("http://0/", "endpoint resolves to a reserved address: 0.0.0.0"),
        ("http://2852039166/", "endpoint resolves to a metadata address: 169.254.169.254"),
    ],
)
def test_the_texts_of_section_1_7(url: str, reason: str) -> None:
    judged = judge_destination(split_url(url), AddressPolicy())
    assert judged == f"{reason} (see RELAYPOST_ALLOW_NETWORKS)"


@pytest.mark.parametrize("url", ["https://example.com/", "http://8.8.8.8/", "http://[2606::1]/"])
def test_names_and_public_literals_are_accepted(url: str) -> None:
    assert judge_destination(split_url(url), AddressPolicy()) is None


@pytest.mark.parametrize(
    ("networks", "address", "refusal"),
    [
        ("127.0.0.0/8", "127.0.0.1", None),
        ("127.0.0.0/8", "::ffff:127.0.0.1", None),
        ("127.0.0.0/8", "::1", "loopback"),
        ("127.0.0.1", "127.0.0.2", "loopback"),
        ("10.0.0.0/8, ::1/128", "::1", None),
        ("10.0.0.0/8 ::1/128", "10.9.9.9", None),
        ("64:ff9b::/96", "64:ff9b::808:808", None),
        ("169.254.0.0/16", "169.254.1.1", None),
        # A wide network does not open metadata services.
        ("169.254.0.0/16", "169.254.169.254", "metadata"),
        ("0.0.0.0/0", "169.254.169.254", "metadata"),
        ("fc00::/7", "fd00:ec2::254", "metadata"),
        ("169.254.169.254/32", "169.254.169.254", None),
    ],
)
def test_allowed_networks(networks: str, address: str, refusal: str | None) -> None:
    assert AddressPolicy(parse_networks(networks)).refusal(ip_address(address)) == refusal


@pytest.mark.parametrize(
    ("address", "refusal"),
    [
        ("127.0.0.1", None),
        ("::1", None),
        ("172.17.0.1", None),
        ("100.100.1.1", None),
        ("fd12::1", None),
        ("169.254.169.254", "metadata"),
        ("fd00:ec2::254", "metadata"),
        ("fe80::1", "link-local"),
        ("0.0.0.0", "reserved"),
    ],
)
def test_development_mode(address: str, refusal: str | None) -> None:
    assert AddressPolicy(DEVELOPMENT_NETWORKS).refusal(ip_address(address)) == refusal


@pytest.mark.parametrize("text", ["", " , ", ","])
def test_no_networks(text: str) -> None:
    assert parse_networks(text) == ()


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.0/8;::1"])
def test_bad_networks_are_named(text: str) -> None:
    with pytest.raises(Invalid, match="is not a network such as"):
        parse_networks(text)
