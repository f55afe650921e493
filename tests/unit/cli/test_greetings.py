"""What is printed at the start."""

import pytest

from relaypost.app import Started
from relaypost.cli.greetings import development_greeting, first_greeting
from relaypost.cli.main import development_port
from relaypost.domain.projects import SigningKeys
from relaypost.service.credentials import Credentials

KEYS = SigningKeys(current="sig_1", next="sig_2")


def started(
    host: str = "127.0.0.1", *, made: Credentials | None = None, base_path: str = ""
) -> Started:
    return Started([(host, 8080), ("::1", 8080)], base_path, made)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("::1", "http://[::1]:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
    ],
)
def test_the_url_is_one_that_can_be_called(host: str, url: str) -> None:
    assert first_greeting(started(host)) == f"relaypost listens on {url}"


def test_credentials_that_were_made() -> None:
    made = Credentials(token="t", read_only_token="r", keys=KEYS)

    assert first_greeting(started(made=made, base_path="/q")).splitlines() == [
        "relaypost listens on http://127.0.0.1:8080/q",
        "",
        "Credentials of the first project. They are not shown again:",
        "",
        'QSTASH_URL="http://127.0.0.1:8080/q"',
        'QSTASH_TOKEN="t"',
        'QSTASH_CURRENT_SIGNING_KEY="sig_1"',
        'QSTASH_NEXT_SIGNING_KEY="sig_2"',
        "",
        "Read-only token: r",
    ]


def test_credentials_that_were_given_are_left_out() -> None:
    greeting = first_greeting(started(made=Credentials(keys=KEYS)))

    assert "TOKEN" not in greeting
    assert "Read-only" not in greeting
    assert "sig_1" in greeting


def test_development() -> None:
    calm = development_greeting(started(), exposed=False)
    loud = development_greeting(started("0.0.0.0"), exposed=True)

    assert calm.count("QSTASH_URL=") == 4
    assert "WARNING" not in calm
    assert "WARNING: everyone who reaches this address can use it." in loud


@pytest.mark.parametrize(
    ("port", "defaults"),
    [
        ("9000", {"port": "9000"}),
        ("", {}),
        ("0", {}),
        ("-1", {}),
        ("65536", {}),
        ("http", {}),
        ("٣", {}),
    ],
)
def test_the_port_of_the_sdk(port: str, defaults: dict[str, str]) -> None:
    assert development_port({"QSTASH_DEV_PORT": port}) == defaults


def test_the_port_of_the_sdk_may_be_missing() -> None:
    assert development_port({}) == {}
