"""What commands for operators say to people."""

import pytest

from relaypost.cli.limits import LIMITS, SETTINGS, parse
from relaypost.cli.limits import _listed as limits_listed
from relaypost.cli.words import credentials, table, when
from relaypost.config import TABLE
from relaypost.domain.limits import NAMES, Limits


def test_columns_are_as_wide_as_their_widest_text() -> None:
    assert table(("a", "long head"), [("long text", "x"), ("", "y")]).splitlines() == [
        "a          long head",
        "long text  x",
        "           y",
    ]


@pytest.mark.parametrize(("at", "words"), [(None, "-"), (1_761_782_399_999, "2025-10-29 23:59")])
def test_times(at: int | None, words: str) -> None:
    assert when(at) == words


def test_credentials_with_and_without_keys() -> None:
    made = {"token": "t", "read_only_token": "r"}
    keys = {"current": "sig_1", "next": "sig_2"}
    plain = credentials("x", made).splitlines()
    assert plain[2:] == ['QSTASH_TOKEN="t"', "", "Read-only token: r"]
    assert credentials("x", made | {"keys": keys}).splitlines()[3:5] == [
        'QSTASH_CURRENT_SIGNING_KEY="sig_1"',
        'QSTASH_NEXT_SIGNING_KEY="sig_2"',
    ]


def test_every_limit_can_be_set() -> None:
    assert set(LIMITS.values()) == NAMES


@pytest.mark.parametrize("name", SETTINGS.values())
def test_limits_are_named_like_their_settings(name: str) -> None:
    assert name in {setting.name for setting in TABLE}
    assert name.replace("_", "-") in LIMITS


@pytest.mark.parametrize(
    ("limit", "value", "parsed"),
    [
        ("max-delay", "7d", 604_800_000),
        ("dedup-window", "90", 90_000),
        ("max-retries", "0", 0),
        ("max-queues", "12", 12),
        ("max-daily-messages", "1000", 1000),
    ],
)
def test_values_are_written_like_those_of_settings(limit: str, value: str, parsed: int) -> None:
    assert parse(limit, value) == parsed


@pytest.mark.parametrize(("limit", "value"), [("max-delay", "a week"), ("max-queues", "-1")])
def test_values_that_are_none(limit: str, value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(limit, value)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(f"relaypost: {limit} {value!r}: must be ")


def test_limits_are_shown_as_they_can_be_set() -> None:
    every = {name: getattr(Limits(dedup_window_ms=1500), name) for name in NAMES}
    shown = limits_listed({"own": {"max_retries": 3}, "all": every | {"max_retries": 3}})
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines()}
    assert lines["max-retries"] == ["3", "its", "own"]
    assert lines["max-delay"] == ["31536000s"]
    assert lines["dedup-window"] == ["1500ms"]
    assert lines["max-daily-messages"] == ["none"]
    for limit, (written, *_) in lines.items():
        if limit in LIMITS and written != "none":
            assert parse(limit, written) == (every | {"max_retries": 3})[LIMITS[limit]]
