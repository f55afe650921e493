"""Settings: read once, validated, passed on as values. The table is the whole of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from relaypost.domain.addresses import parse_networks
from relaypost.domain.errors import Invalid
from relaypost.wire.durations import parse_duration_ms

PREFIX = "RELAYPOST_"
Networks = tuple[IPv4Network | IPv6Network, ...]


class SettingError(ValueError):
    """A setting that can't be used; the message names it and says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: a field of `Settings`, a flag, an environment variable."""

    name: str
    parse: Callable[[str], Any]
    default: str | None
    """As it would be written; `None` is unset."""
    help: str
    variable: str = ""
    secret: bool = False
    """Not offered as a flag, where other users of the machine could read it."""

    @property
    def environment(self) -> str:
        return self.variable or PREFIX + self.name.upper()

    @property
    def file_variable(self) -> str | None:
        """Names a file that holds a secret, as container platforms hand them out."""
        return f"{self.environment}_FILE" if self.secret else None

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def _text(value: str) -> str:
    return value


def _integer(value: str, *, low: int, high: int = 2**53) -> int:
    if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
        upper = f" to {high}" if high < 2**53 else ""
        raise ValueError(f"must be a whole number from {low}{upper}")
    return int(value)


def _port(value: str) -> int:
    return _integer(value, low=0, high=65535)


def _natural(value: str) -> int:
    return _integer(value, low=0)


def _positive(value: str) -> int:
    return _integer(value, low=1)


def _boolean(value: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def _duration_ms(value: str) -> int:
    try:
        return parse_duration_ms(value)
    except ValueError:
        raise ValueError("must be a duration such as 30s, 10m or 7d") from None


def _networks(value: str) -> Networks:
    try:
        return parse_networks(value)
    except Invalid as error:
        raise ValueError(str(error)) from None


def _origins(value: str) -> tuple[str, ...]:
    return tuple(origin.strip() for origin in value.split(",") if origin.strip())


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def _token(value: str) -> str:
    if not 1 <= len(value) <= 512 or not all("!" <= letter <= "~" for letter in value):
        raise ValueError("must be 1 to 512 visible ASCII characters")
    return value


def _region(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]+", value):
        raise ValueError("must be made of letters, digits and hyphens")
    return value.upper()


def _base_path(value: str) -> str:
    path = "/" + value.strip("/")
    return "" if path == "/" else path


def _database_url(value: str) -> str:
    if value.startswith("postgresql://"):
        raise ValueError("PostgreSQL is not available yet: use sqlite:///file.db")
    if value != "sqlite://" and not re.fullmatch(r"sqlite:///[^?#]+", value):
        raise ValueError("must be sqlite:///relative.db, sqlite:////absolute.db or sqlite://")
    return value


TABLE = (
    Setting(
        name="database_url",
        parse=_database_url,
        default="sqlite:///relaypost.db",
        help="Where messages are kept: sqlite:///relative.db, sqlite:////absolute.db, "
        "or sqlite:// for memory.",
    ),
    Setting(name="host", parse=_text, default="127.0.0.1", help="Address to listen on."),
    Setting(name="port", parse=_port, default="8080", help="Port to listen on."),
    Setting(
        name="base_path",
        parse=_base_path,
        default="",
        help="Path prefix below which the API lives, for example /qstash.",
    ),
    Setting(
        name="token",
        parse=_token,
        default=None,
        help="Token of the first project; made and printed once if unset.",
        secret=True,
    ),
    Setting(
        name="read_only_token",
        parse=_token,
        default=None,
        help="Read-only token of the first project; made and printed once if unset.",
        secret=True,
    ),
    Setting(
        name="current_signing_key",
        parse=_token,
        default=None,
        help="Key that signs deliveries of the first project; made if unset.",
        secret=True,
    ),
    Setting(
        name="next_signing_key",
        parse=_token,
        default=None,
        help="Key that signs after the next rotation; made if unset.",
        secret=True,
    ),
    Setting(
        name="allow_networks",
        parse=_networks,
        default="",
        help="Comma-separated CIDRs of private or loopback addresses that may be delivered to.",
    ),
    Setting(
        name="ssl_cert_file",
        parse=_text,
        default=None,
        help="File of certificate authorities to trust for deliveries, beside the system's.",
        variable="SSL_CERT_FILE",
    ),
    Setting(
        name="tls_verify",
        parse=_boolean,
        default="true",
        help="Whether certificates of destinations are checked.",
    ),
    Setting(
        name="region",
        parse=_region,
        default=None,
        help="Region named in every delivery (Upstash-Region), for example us-east-1.",
    ),
    Setting(
        name="signature_backdate",
        parse=_duration_ms,
        default="0s",
        help="How far signatures are dated back, for destinations whose clock is behind.",
    ),
    Setting(
        name="cors_origins",
        parse=_origins,
        default="*",
        help="Comma-separated origins of browser applications; * for any, empty for none.",
    ),
    Setting(
        name="trusted_proxies",
        parse=_networks,
        default="",
        help="Comma-separated CIDRs of proxies whose X-Forwarded-For is believed.",
    ),
    Setting(
        name="max_open_attempts",
        parse=_positive,
        default="4096",
        help="Deliveries that may be open at once.",
    ),
    Setting(
        name="max_host_attempts",
        parse=_positive,
        default="256",
        help="Deliveries that may be open at once to one host; fewer when the server is busy.",
    ),
    Setting(
        name="max_global_parallelism",
        parse=_natural,
        default="1000",
        help="Deliveries that may be open at once for one project; 0 for no limit.",
    ),
    Setting(
        name="max_message_size",
        parse=_natural,
        default="10485760",
        help="Bytes of a message's body, and of a response's that is kept; 0 for no limit.",
    ),
    Setting(
        name="max_batch_size",
        parse=_natural,
        default="104857600",
        help="Bytes of a batch request; 0 for no limit.",
    ),
    Setting(
        name="max_batch_messages",
        parse=_natural,
        default="100000",
        help="Messages that one batch may make; 0 for no limit.",
    ),
    Setting(
        name="max_delay",
        parse=_duration_ms,
        default="365d",
        help="Longest delay of a message; 0 for no limit.",
    ),
    Setting(
        name="max_retries",
        parse=_natural,
        default="100",
        help="Most retries of a message; 0 for no limit.",
    ),
    Setting(
        name="max_timeout",
        parse=_duration_ms,
        default="2h",
        help="Longest, and usual, time of one delivery.",
    ),
    Setting(
        name="dedup_window",
        parse=_duration_ms,
        default="10m",
        help="How long a deduplication id stays taken.",
    ),
    Setting(
        name="log_retention",
        parse=_duration_ms,
        default="7d",
        help="How long log entries are kept.",
    ),
    Setting(
        name="dlq_retention",
        parse=_duration_ms,
        default="30d",
        help="How long dead letters are kept.",
    ),
    Setting(
        name="message_retention",
        parse=_duration_ms,
        default="60s",
        help="How long a delivered or failed message can still be read by its id.",
    ),
    Setting(
        name="rotate_guard",
        parse=_duration_ms,
        default="30s",
        help="How long after a rotation of signing keys another one changes nothing; 0 for off.",
    ),
    Setting(
        name="shutdown_grace",
        parse=_duration_ms,
        default="30s",
        help="How long open deliveries may go on when the server stops.",
    ),
    Setting(
        name="log_level",
        parse=_one_of("debug", "info", "warning", "error"),
        default="info",
        help="What is logged: debug, info, warning or error.",
    ),
    Setting(
        name="log_format",
        parse=_one_of("text", "json"),
        default="text",
        help="How it is logged: text or json.",
    ),
    Setting(
        name="log_deliveries",
        parse=_one_of("all", "failures", "none"),
        default="failures",
        help="Which deliveries get a line in the log: all, failures or none.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, parsed. Durations are in milliseconds."""

    database_url: str
    host: str
    port: int
    base_path: str
    token: str | None
    read_only_token: str | None
    current_signing_key: str | None
    next_signing_key: str | None
    allow_networks: Networks
    ssl_cert_file: str | None
    tls_verify: bool
    region: str | None
    signature_backdate: int
    cors_origins: tuple[str, ...]
    trusted_proxies: Networks
    max_open_attempts: int
    max_host_attempts: int
    max_global_parallelism: int
    max_message_size: int
    max_batch_size: int
    max_batch_messages: int
    max_delay: int
    max_retries: int
    max_timeout: int
    dedup_window: int
    log_retention: int
    dlq_retention: int
    message_retention: int
    rotate_guard: int
    shutdown_grace: int
    log_level: str
    log_format: str
    log_deliveries: str


def read_settings(
    flags: Mapping[str, str], environment: Mapping[str, str], **defaults: str
) -> Settings:
    """Take each setting from its flag, else its variable, else the default.

    Raises:
        SettingError: a value can't be used, or a `RELAYPOST_` variable is unknown.
    """
    _refuse_unknown(environment)
    values = {
        setting.name: _read(setting, flags, environment, defaults.get(setting.name))
        for setting in TABLE
    }
    settings = Settings(**values)
    if (settings.current_signing_key is None) != (settings.next_signing_key is None):
        raise SettingError(
            "RELAYPOST_CURRENT_SIGNING_KEY and RELAYPOST_NEXT_SIGNING_KEY go together: set both"
        )
    if settings.token is not None and settings.token == settings.read_only_token:
        raise SettingError("RELAYPOST_TOKEN and RELAYPOST_READ_ONLY_TOKEN are the same: choose two")
    return settings


def _read(
    setting: Setting,
    flags: Mapping[str, str],
    environment: Mapping[str, str],
    default: str | None,
) -> Any:
    source, value = setting.flag, flags.get(setting.name)
    if value is None:
        source, value = setting.environment, _from_environment(setting, environment)
    if value is None or (value == "" and not _may_be_empty(setting)):
        value = setting.default if default is None else default
    if value is None:
        return None
    try:
        return setting.parse(value)
    except ValueError as error:
        shown = "" if setting.secret else f" {value!r}"
        raise SettingError(f"{source}{shown}: {error}") from None


def _from_environment(setting: Setting, environment: Mapping[str, str]) -> str | None:
    value, file = environment.get(setting.environment), setting.file_variable
    path = environment.get(file) if file is not None else None
    if not path:
        return value
    if value:
        raise SettingError(f"{setting.environment} and {file} are both set: choose one")
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text"
        raise SettingError(f"{file} {path!r} can't be read: {reason}") from None


def _may_be_empty(setting: Setting) -> bool:
    """An empty list is a value; elsewhere an empty variable counts as unset."""
    return setting.parse in (_networks, _origins, _base_path)


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    known = {setting.environment for setting in TABLE}
    known |= {setting.file_variable for setting in TABLE if setting.file_variable}
    for name in sorted(environment):
        if name.startswith(PREFIX) and name not in known:
            raise SettingError(f"{name} is not a setting of relaypost ({_hint(name, known)})")


def _hint(name: str, known: set[str]) -> str:
    names = [other.removeprefix(PREFIX) for other in known]
    near = get_close_matches(name.removeprefix(PREFIX), names, 1)
    return f"did you mean {PREFIX}{near[0]}?" if near else "see relaypost serve --help"


assert {field.name for field in fields(Settings)} == {setting.name for setting in TABLE}
