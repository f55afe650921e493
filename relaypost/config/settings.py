"""Reading the settings from flags and environment."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from relaypost.config import values
from relaypost.config.table import PREFIX, TABLE, Setting
from relaypost.config.values import Networks


class SettingError(ValueError):
    """A setting that can't be used; the message names it and says what is wrong."""


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
    llm_base_url: str | None
    llm_token: str | None
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
    max_period: int
    max_listed_keys: int
    max_queues: int
    max_parallelism: int
    max_url_groups: int
    max_endpoints: int
    max_schedules: int
    max_schedule_lateness: int
    max_daily_messages: int
    max_requests_per_second: int
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
    given = {
        setting.name: _read(setting, flags, environment, defaults.get(setting.name))
        for setting in TABLE
    }
    settings = Settings(**given)
    if (settings.current_signing_key is None) != (settings.next_signing_key is None):
        raise SettingError(
            "RELAYPOST_CURRENT_SIGNING_KEY and RELAYPOST_NEXT_SIGNING_KEY go together: set both"
        )
    if settings.token is not None and settings.token == settings.read_only_token:
        raise SettingError("RELAYPOST_TOKEN and RELAYPOST_READ_ONLY_TOKEN are the same: choose two")
    return settings


def read_setting(name: str, flags: Mapping[str, str], environment: Mapping[str, str]) -> Any:
    """Take one setting, whatever is wrong with the others.

    Raises:
        SettingError: its value can't be used.
    """
    (setting,) = [setting for setting in TABLE if setting.name == name]
    return _read(setting, flags, environment, None)


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
    return setting.parse in (values.networks, values.origins, values.base_path)


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
