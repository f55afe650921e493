"""Settings: where each comes from, what it may be, and how it is refused."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from relaypost.config import TABLE, Setting, SettingError, Settings, read_settings


def read(**variables: str) -> Settings:
    environment = {f"RELAYPOST_{name.upper()}": value for name, value in variables.items()}
    return read_settings({}, environment)


def test_defaults() -> None:
    settings = read()

    assert (settings.host, settings.port, settings.base_path) == ("127.0.0.1", 8080, "")
    assert settings.token is None
    assert settings.allow_networks == ()
    assert settings.cors_origins == ("*",)
    assert settings.max_delay == 365 * 86_400_000
    assert settings.log_deliveries == "failures"


@pytest.mark.parametrize("setting", TABLE, ids=lambda setting: setting.name)
def test_the_default_of_each_setting_is_one_that_could_be_given(setting: Setting) -> None:
    if setting.default is not None:
        setting.parse(setting.default)
    assert setting.environment.isupper()
    assert setting.help.endswith(".")


def test_a_flag_wins_over_a_variable_over_a_default() -> None:
    assert read_settings({}, {}, port="1").port == 1
    assert read_settings({}, {"RELAYPOST_PORT": "2"}, port="1").port == 2
    assert read_settings({"port": "3"}, {"RELAYPOST_PORT": "2"}, port="1").port == 3


def test_an_empty_variable_counts_as_unset_but_an_empty_list_does_not() -> None:
    settings = read(port="", token="", allow_networks="", cors_origins="", base_path="")

    assert settings.port == 8080
    assert settings.token is None
    assert settings.cors_origins == ()
    assert (
        read_settings({}, {"RELAYPOST_ALLOW_NETWORKS": ""}, allow_networks="::/0").allow_networks
        == ()
    )


@pytest.mark.parametrize(
    ("name", "value", "parsed"),
    [
        ("port", "0", 0),
        ("base_path", "qstash/", "/qstash"),
        ("base_path", "/a/b", "/a/b"),
        ("base_path", "/", ""),
        ("tls_verify", "False", False),
        ("tls_verify", "1", True),
        ("region", "us-east-1", "US-EAST-1"),
        ("log_retention", "1d12h", 129_600_000),
        ("dedup_window", "600", 600_000),
        ("allow_networks", "10.0.0.0/8, ::1", (ip_network("10.0.0.0/8"), ip_network("::1"))),
        ("cors_origins", "https://a, https://b,", ("https://a", "https://b")),
        ("database_url", "sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
        ("max_message_size", "0", 0),
        ("llm_base_url", "http://localhost:11434/", "http://localhost:11434"),
        ("llm_base_url", "https://h/openai/v1/", "https://h/openai"),
        ("llm_token", "x" * 2_000, "x" * 2_000),
    ],
)
def test_values(name: str, value: str, parsed: object) -> None:
    assert getattr(read(**{name: value}), name) == parsed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "8080 "),
        ("port", "٣"),
        ("max_open_attempts", "0"),
        ("max_retries", "-1"),
        ("max_retries", "9" * 5_000),
        ("tls_verify", "yes"),
        ("region", "us east"),
        ("log_retention", "forever"),
        ("allow_networks", "10.0.0.0/33"),
        ("allow_networks", "10.0.0.1/8"),
        ("database_url", "relaypost.db"),
        ("database_url", "sqlite:///"),
        ("log_level", "loud"),
        ("llm_base_url", "localhost:11434"),
        ("llm_base_url", "http://"),
        ("llm_base_url", "http://h/?key=x"),
        ("llm_base_url", "http://h/#x"),
        ("llm_base_url", "http://me:x@h/"),
    ],
)
def test_values_that_are_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"^RELAYPOST_{name.upper()} ") as caught:
        read(**{name: value})

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [setting.name for setting in TABLE if setting.secret])
def test_a_secret_is_never_shown(name: str) -> None:
    with pytest.raises(SettingError) as caught:
        read(**{name: "hush hush"})

    assert "hush" not in str(caught.value)


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("  abc\n")
    (tmp_path / "bytes").write_bytes(b"\xff")

    assert read(token_file=str(tmp_path / "token")).token == "abc"
    assert read(token_file="", token="x").token == "x"
    for variables, reason in (
        ({"token_file": str(tmp_path / "token"), "token": "x"}, "both set"),
        ({"token_file": str(tmp_path / "none")}, "No such file"),
        ({"token_file": str(tmp_path / "bytes")}, "not a text"),
    ):
        with pytest.raises(SettingError, match=reason):
            read(**variables)


def test_only_secrets_come_from_files() -> None:
    with pytest.raises(SettingError, match="RELAYPOST_PORT_FILE is not a setting"):
        read(port_file="/x")


def test_variables_of_others_are_none_of_its_business() -> None:
    assert read_settings({}, {"PORT": "1", "RELAYPOSTAL": "x", "QSTASH_URL": "y"}).port == 8080
