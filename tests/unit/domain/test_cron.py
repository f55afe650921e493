import datetime

import pytest

from relaypost.domain.cron import Calendar, CronError, Every, parse
from relaypost.domain.ticks import next_tick
from relaypost.domain.types import UnixMs
from relaypost.runtime import shipped_zone

FIELDS = {
    "*/5 * * * *": "0,5,10,15,20,25,30,35,40,45,50,55 * * * *",
    "5/20 * * * *": "5,25,45 * * * *",
    "0 9-17/4 * * MON-FRI": "0 9,13,17 * * 1,2,3,4,5",
    "0 12 * * 5-7": "0 12 * * 0,5,6",
    "0 0 */10 * 1": "0 0 1,11,21,31 * 1",
    "1 1 1 1 1": "1 1 1 1 1",
    "0 0 13 * 5": "0 0 13 * 5",
    "? ? ? ? ?": "* * * * *",
    "*/1 ?/1 */1 */1 */1": "* * * * *",
    "*,7 * *,3 * *": "* * * * *",
    "*/2 * */2 * */2": f"{','.join(map(str, range(0, 60, 2)))} * "
    f"{','.join(map(str, range(1, 32, 2)))} * 0,2,4,6",
    "00 007 01 jan,Jul sun,TUE": "0 7 1 1,7 0,2",
    "0 0 * * FRI-SUN": "0 0 * * 0,5,6",
    "0 0 * * SUN-TUE": "0 0 * * 0,1,2",
    "0 0 * * 7": "0 0 * * 0",
    "0 0 * * 7/2": "0 0 * * 0",
    "0 0 * * 5/2": "0 0 * * 5",
    "0 0 * * */7": "0 0 * * 0",
    "0 0 1-31 * 1-6": f"0 0 {','.join(map(str, range(1, 32)))} * 1,2,3,4,5,6",
    ",1,,2, * * * *": "1,2 * * * *",
    "*/99 * * * *": "0 * * * *",
    "\t0   0 \t * * *  ": "0 0 * * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

FAULTS = {
    "": "empty spec string",
    " \t ": "empty spec string",
    "* * * *": "expected exactly 5 fields, found 4: [* * * *]",
    "0  * * * * *": "expected exactly 5 fields, found 6: [0 * * * * *]",
    "TZ=UTC": "expected exactly 5 fields, found 0: []",
    "60 * * * *": "end of range (60) above maximum (59): 60",
    "* 24 * * *": "end of range (24) above maximum (23): 24",
    "* * 1-32 * *": "end of range (32) above maximum (31): 1-32",
    "* * * 13 *": "end of range (13) above maximum (12): 13",
    "* * * * 8": "end of range (8) above maximum (7): 8",
    "* * 0 * *": "beginning of range (0) below minimum (1): 0",
    "* * * 0 *": "beginning of range (0) below minimum (1): 0",
    "5-2 * * * *": "beginning of range (5) beyond end of range (2): 5-2",
    "* * * * 7-1": "beginning of range (7) beyond end of range (1): 7-1",
    "*/0 * * * *": "step of range should be a positive number: */0",
    "1-2-3 * * * *": "too many hyphens: 1-2-3",
    "*/2/3 * * * *": "too many slashes: */2/3",
    "L * * * *": "failed to parse int from L",
    "* * L * *": "failed to parse int from L",
    "* * 15W * *": "failed to parse int from 15W",
    "* * * * 5#2": "failed to parse int from 5#2",
    "H * * * *": "failed to parse int from H",
    "0~30 * * * *": "failed to parse int from 0~30",
    "* * * * MONDAY": "failed to parse int from MONDAY",
    "* * * January *": "failed to parse int from January",
    "JAN * * * *": "failed to parse int from JAN",
    "* * * MON *": "failed to parse int from MON",
    "-5 * * * *": "failed to parse int from -5",
    "*-5 * * * *": "failed to parse int from *",
    "*/-5 * * * *": "failed to parse int from -5",
    "*/x * * * *": "failed to parse int from x",
    "*/ * * * *": "failed to parse int from */",
    "1- * * * *": "failed to parse int from 1-",
    "+5 * * * *": "failed to parse int from +5",
    "1.5 * * * *": "failed to parse int from 1.5",
    "\u0665 * * * *": "failed to parse int from \u0665",
    ", * * * *": "failed to parse int from ,",
    "x": "expected exactly 5 fields, found 1: [x]",
    "@reboot": "unrecognized descriptor: @reboot",
    "@Daily": "unrecognized descriptor: @Daily",
    "@daily x": "unrecognized descriptor: @daily x",
    "@every": "@every needs a duration of at least 1m",
    "@every 59s": "@every needs a duration of at least 1m",
    "@every 90": "@every needs a duration of at least 1m",
    "@every 1m 30s": "@every needs a duration of at least 1m",
    "@every 60.5s": "@every needs a duration of at least 1m",
    "@every 367d": "@every needs a duration of at least 1m",
    "@every 1w": "@every needs a duration of at least 1m",
    "CRON_TZ=Mars/X * * * * *": "provided bad location Mars/X: unknown time zone Mars/X",
    "TZ=europe/berlin * * * * *": "provided bad location europe/berlin: "
    "unknown time zone europe/berlin",
    "TZ=Local * * * * *": "provided bad location Local: unknown time zone Local",
    "TZ= * * * * *": "provided bad location : unknown time zone ",
    "TZ=../UTC * * * * *": "provided bad location ../UTC: unknown time zone ../UTC",
    "TZ=/etc/localtime @daily": "provided bad location /etc/localtime: "
    "unknown time zone /etc/localtime",
    "TZ=Europe @daily": "provided bad location Europe: unknown time zone Europe",
    f"{'1,' * 252}1 * * * *": "longer than 512 bytes",
}


def calendar(text: str) -> Calendar:
    cron = parse(text, shipped_zone)
    assert isinstance(cron, Calendar)
    return cron


@pytest.mark.conformance("S-6")
@pytest.mark.parametrize(("text", "fields"), FIELDS.items())
def test_fields_become_lists_of_numbers(text: str, fields: str) -> None:
    assert calendar(text).fields == fields


@pytest.mark.conformance("S-6")
@pytest.mark.parametrize(("text", "reason"), FAULTS.items())
def test_what_is_none_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(text, shipped_zone)
    assert str(caught.value) == reason


@pytest.mark.parametrize("hour", ["*", "?", "*/2", "*,3", ",*"])
def test_an_hour_that_begins_with_a_star_is_an_interval(hour: str) -> None:
    assert not calendar(f"0 {hour} * * *").is_fixed


@pytest.mark.parametrize("hour", ["0", "0-23", "1,*", "0/1"])
def test_another_hour_is_fixed(hour: str) -> None:
    assert calendar(f"*/5 {hour} * * *").is_fixed


@pytest.mark.conformance("S-7")
@pytest.mark.parametrize("prefix", ["CRON_TZ", "TZ"])
@pytest.mark.parametrize("rest", [" 0 0 * * *", "\t @daily"])
def test_the_zone_comes_first(prefix: str, rest: str) -> None:
    cron = calendar(f"{prefix}=America/New_York{rest}")
    assert (cron.zone.name, cron.fields) == ("America/New_York", "0 0 * * *")


def test_without_a_zone_it_is_utc() -> None:
    assert calendar("@daily").zone.name == "UTC"
    assert calendar("TZ=UTC @daily").zone.name == "UTC"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("@every 1m", 60),
        ("@every 1h30m", 5400),
        ("@every 0.5h", 1800),
        ("@every 60000ms", 60),
        ("@every 366d", 366 * 86_400),
        ("CRON_TZ=Europe/Berlin @every\t90s", 90),
    ],
)
def test_every(text: str, seconds: int) -> None:
    assert parse(text, shipped_zone) == Every(seconds)


def instant(text: str) -> UnixMs:
    moment = datetime.datetime.fromisoformat(text).replace(tzinfo=datetime.UTC)
    return UnixMs(round(moment.timestamp() * 1000))


def texts(cron: str, after: str, count: int, *, since: UnixMs = UnixMs(0)) -> list[str]:
    """The ticks after an instant."""
    parsed, found = parse(cron, shipped_zone), [instant(after)]
    for _ in range(count):
        tick = next_tick(parsed, found[-1], since=since)
        assert tick is not None
        found.append(tick)
    moments = [datetime.datetime.fromtimestamp(tick / 1000, datetime.UTC) for tick in found[1:]]
    return [moment.strftime("%Y-%m-%dT%H:%M") for moment in moments]


@pytest.mark.conformance("S-6")
@pytest.mark.parametrize(
    ("cron", "after", "ticks"),
    [
        ("*/5 * * * *", "2026-11-25T13:57", ["2026-11-25T14:00", "2026-11-25T14:05"]),
        ("5/20 * * * *", "2026-11-25T13:50", ["2026-11-25T14:05", "2026-11-25T14:25"]),
        (
            "0 9-17/4 * * MON-FRI",
            "2026-11-27T12:00",
            ["2026-11-27T13:00", "2026-11-27T17:00", "2026-11-30T09:00"],
        ),
        (
            "0 12 * * 5-7",
            "2026-11-25T00:00",
            ["2026-11-27T12:00", "2026-11-28T12:00", "2026-11-29T12:00", "2026-12-04T12:00"],
        ),
        (
            "0 0 */10 * 1",
            "2027-01-20T00:00",
            ["2027-01-21T00:00", "2027-01-25T00:00", "2027-01-31T00:00", "2027-02-01T00:00"],
        ),
        (
            "1 1 1 1 1",
            "2026-12-31T00:00",
            ["2027-01-01T01:01", "2027-01-04T01:01", "2027-01-11T01:01"],
        ),
        (
            "0 0 13 * 5",
            "2027-01-02T00:00",
            ["2027-01-08T00:00", "2027-01-13T00:00", "2027-01-15T00:00"],
        ),
        ("0 0 29 2 *", "2096-02-29T00:00", ["2104-02-29T00:00"]),
        ("0 0 31 * *", "2027-01-31T00:00", ["2027-03-31T00:00", "2027-05-31T00:00"]),
    ],
)
def test_the_table_of_ticks(cron: str, after: str, ticks: list[str]) -> None:
    assert texts(cron, after, len(ticks)) == ticks


@pytest.mark.conformance("S-6", "S-7")
@pytest.mark.parametrize(
    ("cron", "after", "ticks"),
    [
        (
            "America/New_York 30 2 * * *",
            "2027-03-13T00:00",
            ["2027-03-13T07:30", "2027-03-14T07:00", "2027-03-15T06:30"],
        ),
        (
            "America/New_York 30 1 * * *",
            "2027-11-06T00:00",
            ["2027-11-06T05:30", "2027-11-07T05:30", "2027-11-08T06:30"],
        ),
        (
            "America/New_York 0 * * * *",
            "2027-03-14T05:30",
            ["2027-03-14T06:00", "2027-03-14T07:00", "2027-03-14T08:00"],
        ),
        (
            "America/New_York 0 * * * *",
            "2027-11-07T03:30",
            ["2027-11-07T04:00", "2027-11-07T05:00", "2027-11-07T06:00", "2027-11-07T07:00"],
        ),
        (
            "Europe/Berlin */30 2 * * *",
            "2027-03-28T00:00",
            ["2027-03-28T01:00", "2027-03-29T00:00"],
        ),
        (
            "Europe/Berlin */30 2 * * *",
            "2027-10-30T12:00",
            ["2027-10-31T00:00", "2027-10-31T00:30", "2027-11-01T01:00"],
        ),
        ("Europe/Berlin 0 2,3 * * *", "2027-03-28T00:00", ["2027-03-28T01:00", "2027-03-29T00:00"]),
        ("Europe/Berlin 0 */2 * * *", "2027-03-27T22:00", ["2027-03-27T23:00", "2027-03-28T02:00"]),
        (
            "Africa/Cairo 0 0 * * *",
            "2027-04-28T00:00",
            ["2027-04-28T22:00", "2027-04-29T22:00", "2027-04-30T21:00"],
        ),
        (
            "Australia/Lord_Howe 15 2 * * *",
            "2027-10-02T00:00",
            ["2027-10-02T15:30", "2027-10-03T15:15"],
        ),
        (
            "Australia/Lord_Howe 45 1 * * *",
            "2027-04-03T00:00",
            ["2027-04-03T14:45", "2027-04-04T15:15"],
        ),
        # The day that Samoa left out: its only tick is the first instant of the day after.
        ("Pacific/Apia 0 9 30 12 *", "2011-12-01T00:00", ["2011-12-30T10:00", "2012-12-29T19:00"]),
        ("Pacific/Apia 0 */9 30 12 *", "2011-12-01T00:00", ["2012-12-29T10:00"]),
        ("America/Sao_Paulo @daily", "2018-11-03T12:00", ["2018-11-04T03:00", "2018-11-05T02:00"]),
    ],
)
def test_where_clocks_are_changed(cron: str, after: str, ticks: list[str]) -> None:
    assert texts(f"CRON_TZ={cron}", after, len(ticks)) == ticks


@pytest.mark.conformance("S-6")
@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 2,4,6 *", "0 0 30,31 FEB ?"])
def test_what_never_ticks(cron: str) -> None:
    now = instant("2026-11-25T00:00")
    assert next_tick(parse(cron, shipped_zone), now, since=now) is None


def test_a_tick_is_later_than_the_instant() -> None:
    cron = parse("* * * * *", shipped_zone)
    tick = instant("2026-11-25T14:00")
    for after, expected in ((-60_000, 0), (-1, 0), (0, 60_000), (1, 60_000), (59_999, 60_000)):
        found = next_tick(cron, UnixMs(tick + after), since=UnixMs(0))
        assert found == tick + expected


def test_every_counts_from_the_acceptance_cut_to_seconds() -> None:
    since = UnixMs(instant("2026-11-25T13:03:20") + 789)
    assert texts("@every 90m", "2026-11-25T13:03:20", 2, since=since) == [
        "2026-11-25T14:33",
        "2026-11-25T16:03",
    ]
    cron = parse("@every 60s", shipped_zone)
    start = instant("2026-11-25T13:03:20")
    for after, expected in ((-3_600_000, 60), (0, 60), (789, 60), (59_999, 60), (60_000, 120)):
        tick = next_tick(cron, UnixMs(start + after), since=since)
        assert tick == start + expected * 1000
