"""Zones are looked at once a day: no change of any zone may escape that."""

import itertools
import os
import struct
import time
from collections.abc import Iterator
from importlib import resources

import pytest

from relaypost.domain.zones import Zone
from relaypost.runtime import shipped_zone

ZONES = resources.files("tzdata")
NAMES = {
    (ZONES / "zoneinfo").joinpath(*name.split("/")).read_bytes(): name
    for name in (ZONES / "zones").read_text("ascii").split()
}
"""One name of each zone; many have several."""
FROM, UNTIL = 946_684_800, 2_100_000_000
"""From 2000 to 2036, behind which the files hold a rule, and no list."""
HEADER = struct.Struct(">4sc15x6l")


def listed_changes(name: str) -> Iterator[tuple[int, int]]:
    """The changes of the offset that the file lists, read without the standard library's reader."""
    data = (ZONES / "zoneinfo").joinpath(*name.split("/")).read_bytes()
    _, _, is_utc, is_std, leaps, times, types, letters = HEADER.unpack_from(data)
    start = HEADER.size + 5 * times + 6 * types + letters + 8 * leaps + is_std + is_utc
    _, _, _, _, _, times, types, _ = HEADER.unpack_from(data, start)
    start += HEADER.size
    instants = struct.unpack_from(f">{times}q", data, start)
    indexes = data[start + 8 * times : start + 9 * times]
    offsets = [
        struct.unpack_from(">lbb", data, start + 9 * times + 6 * kind)[0] for kind in range(types)
    ]
    before = offsets[0]
    for instant, index in zip(instants, indexes, strict=True):
        if offsets[index] != before and FROM < instant < UNTIL:
            yield instant, offsets[index]
        before = offsets[index]


def found_changes(zone: Zone) -> Iterator[tuple[int, int]]:
    spans = itertools.takewhile(lambda span: span.starts < UNTIL, zone.spans(FROM))
    for earlier, later in itertools.pairwise(spans):
        assert earlier.ends == later.starts
        if earlier.offset != later.offset:
            yield later.starts, later.offset


@pytest.mark.parametrize("start", range(10))
def test_every_listed_change_is_found(start: int) -> None:
    for name in sorted(NAMES.values())[start::10]:
        zone = shipped_zone(name)
        assert zone is not None
        found = dict(found_changes(zone))
        listed = dict(listed_changes(name))
        assert listed.items() <= found.items(), name
        end = max(listed, default=FROM)  # behind the list goes on the rule
        assert [change for change in found if change <= end] == list(listed), name


def test_the_first_span_is_cut_off() -> None:
    zone = shipped_zone("Europe/Berlin")
    assert zone is not None
    winter, summer = 1_795_525_409, 1_806_195_600
    first, *_, last = itertools.takewhile(lambda span: span.starts <= summer, zone.spans(winter))
    assert (first.starts, first.offset, first.local_start) == (winter, 3600, winter + 3600)
    assert (last.starts, last.offset) == (summer, 7200)


@pytest.mark.parametrize("name", ["", "Local", "europe/berlin", "../zones", "/etc/localtime", "."])
def test_other_names_are_none(name: str) -> None:
    assert shipped_zone(name) is None


@pytest.mark.conformance("S-7")
def test_the_zone_of_the_host_has_no_influence(monkeypatch: pytest.MonkeyPatch) -> None:
    utc, berlin = shipped_zone("UTC"), shipped_zone("Europe/Berlin")
    assert utc is not None
    assert berlin is not None
    with monkeypatch.context() as patched:
        for zone in ("Asia/Tokyo", "America/New_York"):
            patched.setitem(os.environ, "TZ", zone)
            time.tzset()
            assert utc.offset_at(1_795_525_409) == 0
            assert berlin.offset_at(1_795_525_409) == 3600
    time.tzset()
