"""What tokens may do, and how they are replaced (section 7.2)."""

from dataclasses import replace
from typing import Any

import pytest

from relaypost.domain.errors import Invalid, NotFound
from relaypost.domain.tokens import (
    NOT_BOUND,
    Bindings,
    Token,
    TokenKind,
    TokenSlot,
    bound_host,
    reset,
    revoked,
    rolled,
    with_next,
)
from relaypost.domain.types import ProjectId

FULL, READ_ONLY, PUBLISH_ONLY = TokenKind.FULL, TokenKind.READ_ONLY, TokenKind.PUBLISH_ONLY
CURRENT, NEXT, ADDED = TokenSlot.CURRENT, TokenSlot.NEXT, TokenSlot.ADDED


def token(number: int, kind: TokenKind = FULL, **overrides: Any) -> Token:
    plain = Token(digest=bytes([number]) * 32, project_id=ProjectId(1), kind=kind)
    return replace(plain, **overrides)


PAIR = [token(1), token(2, READ_ONLY)]
OTHER = [token(3), token(4, READ_ONLY)]
HOOK = token(5, PUBLISH_ONLY, slot=ADDED)
WAITING = [replace(one, slot=NEXT) for one in OTHER]


def test_a_next_pair_stands_beside_the_current_one() -> None:
    assert with_next([*PAIR, HOOK], OTHER) == [*PAIR, HOOK, *WAITING]


def test_a_next_pair_takes_the_place_of_another() -> None:
    again = [token(6), token(7, READ_ONLY)]
    found = with_next([*PAIR, *WAITING, HOOK], again)
    assert found == [*PAIR, HOOK, *(replace(one, slot=NEXT) for one in again)]


def test_a_roll_retires_what_was_current() -> None:
    assert rolled([*PAIR, *WAITING, HOOK], OTHER[0].digest) == [*OTHER, HOOK]


def test_a_roll_keeps_what_the_next_pair_does_not_replace() -> None:
    assert rolled([*PAIR, WAITING[0]], OTHER[0].digest) == [OTHER[0], PAIR[1]]


@pytest.mark.parametrize("digest", [b"", PAIR[0].digest, WAITING[1].digest, HOOK.digest])
def test_a_stale_roll_changes_nothing(digest: bytes) -> None:
    with pytest.raises(Invalid, match="not the SHA-256 of the next token"):
        rolled([*PAIR, *WAITING, HOOK], digest)


def test_a_repeated_roll_changes_nothing() -> None:
    after = rolled([*PAIR, *WAITING], OTHER[0].digest)
    with pytest.raises(Invalid, match="no next pair"):
        rolled(after, OTHER[0].digest)


def test_a_reset_retires_both_pairs() -> None:
    new = [token(6), token(7, READ_ONLY)]
    assert reset([*PAIR, *WAITING, HOOK], new, everything=False) == [*new, HOOK]
    assert reset([*PAIR, *WAITING, HOOK], new, everything=True) == new


def test_a_given_token_is_not_retired() -> None:
    """The next start would bring it back."""
    given = [replace(PAIR[0], is_given=True), *WAITING]
    with pytest.raises(Invalid, match="given by a setting"):
        rolled(given, OTHER[0].digest)
    with pytest.raises(Invalid, match="given by a setting"):
        reset(given, PAIR, everything=False)
    with pytest.raises(Invalid, match="given by a setting"):
        revoked(given, PAIR[0].fingerprint)


def test_one_token_is_revoked_by_its_fingerprint() -> None:
    assert revoked([*PAIR, HOOK], HOOK.fingerprint) == PAIR
    assert revoked([*PAIR, HOOK], HOOK.digest.hex().upper()) == PAIR


@pytest.mark.parametrize("fingerprint", ["", "0", "ff", "051"])
def test_a_fingerprint_of_no_token_or_of_several(fingerprint: str) -> None:
    with pytest.raises(NotFound):
        revoked([*PAIR, HOOK], fingerprint)


def test_a_fingerprint_is_the_beginning_of_the_hash() -> None:
    assert token(10).fingerprint == "0a" * 6


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("shop.example.com", "shop.example.com"),
        ("Shop.Example.COM", "shop.example.com"),
        ("shop.example.com:443", "shop.example.com:443"),
        ("shop.example.com:08443", "shop.example.com:8443"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("192.0.2.7", "192.0.2.7"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("[2001:db8::1]:8080", "[2001:db8::1]:8080"),
    ],
)
def test_hosts_are_kept_as_destinations_are_compared(written: str, kept: str) -> None:
    assert bound_host(written) == kept


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "a b", "https://h", "h/", "h/x", "h?x", "h#x", "u@h", "h:port", "h:70000", "[h"],
)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(Invalid, match="is no host"):
        bound_host(text)


@pytest.mark.parametrize(
    ("host", "url", "is_permitted"),
    [
        ("shop.example.com", "https://shop.example.com/x?y", True),
        ("shop.example.com", "http://SHOP.example.com:8080", True),
        ("shop.example.com", "https://user:pass@shop.example.com/", True),
        ("shop.example.com:8080", "http://shop.example.com:8080/x", True),
        ("shop.example.com:443", "https://shop.example.com/", True),
        ("shop.example.com:443", "http://shop.example.com/", False),
        ("shop.example.com", "https://example.com/", False),
        ("shop.example.com", "https://a.shop.example.com/", False),
        ("shop.example.com", "https://shop.example.com.evil.example/", False),
        ("shop.example.com", "https://shop.example.com@evil.example/", False),
        ("shop.example.com", "https://evil.example/shop.example.com", False),
        ("shop.example.com", "https://evil.example#@shop.example.com", False),
        ("shop.example.com", "https://evil.example\\@shop.example.com", False),
        ("shop.example.com", "shop.example.com", False),
        ("bücher.example", "https://xn--bcher-kva.example/", True),
        ("[2001:db8::1]", "http://[2001:DB8:0::1]:99/", True),
        ("[2001:db8::1]:80", "http://[2001:db8::1]/", True),
        ("[2001:db8::1]:80", "http://[2001:db8::1]:81/", False),
    ],
)
def test_a_host_is_the_one_that_would_be_dialled(host: str, url: str, is_permitted: bool) -> None:
    bindings = Bindings(hosts=(bound_host(host),))
    assert bindings.permit_url(url) is is_permitted


def test_groups_are_bound_by_name() -> None:
    bindings = Bindings(groups=("orders",))
    assert bindings.permit_group("orders")
    assert not bindings.permit_group("Orders")
    assert not bindings.permit_url("https://orders/")
    assert NOT_BOUND.are_none
    assert not bindings.are_none
