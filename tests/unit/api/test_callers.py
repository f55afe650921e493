"""The token and the address of a caller."""

import pytest

from relaypost.api.callers import CallerAddresses, bearer_token
from relaypost.api.http import RawHeaders
from relaypost.domain.addresses import parse_networks

PROXIES = parse_networks("10.0.0.0/8, 192.0.2.7/32, fd00::/8")


def address(peer: str | None, *forwarded: str, trusted: bool = True) -> str | None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"client": None if peer is None else (peer, 4711), "headers": headers}
    return CallerAddresses(PROXIES if trusted else ()).of(scope)


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ([], ""),
        ([(b"authorization", b"Bearer abc")], "abc"),
        ([(b"authorization", b"bEARER   abc  ")], "abc"),
        ([(b"authorization", b"Bearer")], ""),
        ([(b"authorization", b"abc")], ""),
        ([(b"authorization", b"Basic abc")], ""),
        ([(b"x", b"y"), (b"authorization", b"Bearer a b")], "a b"),
        ([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")], "a"),
    ],
)
def test_bearer_token(headers: RawHeaders, token: str) -> None:
    assert bearer_token(headers) == token


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        (None, None),
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_peer_is_the_caller(peer: str | None, shown: str | None) -> None:
    assert address(peer, "198.51.100.1", trusted=False) == shown
    assert address(peer, "198.51.100.1") == shown


@pytest.mark.parametrize(
    ("forwarded", "shown"),
    [
        ((), "10.0.0.1"),
        (("198.51.100.1",), "198.51.100.1"),
        (("198.51.100.1, 203.0.113.5",), "203.0.113.5"),
        (("198.51.100.1", "203.0.113.5, 10.2.2.2,192.0.2.7"), "203.0.113.5"),
        (("10.9.9.9, 10.8.8.8",), "10.0.0.1"),
        (("198.51.100.1, unknown",), "10.0.0.1"),
        (("203.0.113.5, ",), "10.0.0.1"),
        (("203.0.113.5:61000",), "203.0.113.5"),
        (("[2001:db8::2]:443",), "2001:db8::2"),
        (("fe80::1%eth0",), "fe80::1"),
        (("203.0.113.5, ::ffff:10.1.1.1",), "203.0.113.5"),
        (("\r\nevil",), "10.0.0.1"),
    ],
)
def test_trusted_proxies_vouch_for_the_caller(forwarded: tuple[str, ...], shown: str) -> None:
    assert address("10.0.0.1", *forwarded) == shown
