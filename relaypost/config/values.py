"""How the text of a setting becomes its value; a `ValueError` says what is wrong with it."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network

from relaypost.domain.addresses import parse_networks
from relaypost.domain.errors import Invalid
from relaypost.domain.urls import InvalidUrl, split_url
from relaypost.wire.durations import parse_duration_ms

Networks = tuple[IPv4Network | IPv6Network, ...]


def text(value: str) -> str:
    return value


def integer(value: str, *, low: int, high: int = 2**53) -> int:
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        upper = f" to {high}" if high < 2**53 else ""
        raise ValueError(f"must be a whole number from {low}{upper}")
    return int(value)


def port(value: str) -> int:
    return integer(value, low=0, high=65535)


def natural(value: str) -> int:
    return integer(value, low=0)


def positive(value: str) -> int:
    return integer(value, low=1)


def boolean(value: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def duration_ms(value: str) -> int:
    try:
        return parse_duration_ms(value)
    except ValueError:
        raise ValueError("must be a duration such as 30s, 10m or 7d") from None


def networks(value: str) -> Networks:
    try:
        return parse_networks(value)
    except Invalid as error:
        raise ValueError(str(error)) from None


def origins(value: str) -> tuple[str, ...]:
    return tuple(origin.strip() for origin in value.split(",") if origin.strip())


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def token(value: str) -> str:
    if not 1 <= len(value) <= 512 or not all("!" <= letter <= "~" for letter in value):
        raise ValueError("must be 1 to 512 visible ASCII characters")
    return value


def credential(value: str) -> str:
    """What another server gave out, in whatever length."""
    if not all("!" <= letter <= "~" for letter in value):
        raise ValueError("must be visible ASCII characters")
    return value


def service_url(value: str) -> str:
    """The URL below which an HTTP API has its `/v1`; many write that too."""
    try:
        destination = split_url(value)
    except InvalidUrl as error:
        raise ValueError(error.reason) from None
    if destination.authorization:
        raise ValueError("must hold no credentials: everybody who publishes can read it")
    if "?" in value or "#" in value:
        raise ValueError("must have no query and no fragment")
    return value.rstrip("/").removesuffix("/v1").rstrip("/")


def region(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", value):
        raise ValueError("must be made of letters, digits and hyphens")
    return value.upper()


def base_path(value: str) -> str:
    path = "/" + value.strip("/")
    return "" if path == "/" else path


def database_url(value: str) -> str:
    if value.startswith("postgresql://"):
        raise ValueError("PostgreSQL is not available yet: use sqlite:///file.db")
    if value != "sqlite://" and not re.fullmatch(r"sqlite:///[^?#]+", value):
        raise ValueError("must be sqlite:///relative.db, sqlite:////absolute.db or sqlite://")
    return value
