"""Whatever is sent as a cron expression, it is one or it is refused with a reason."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.cron import FIELDS, Calendar, CronError, parse
from relaypost.domain.ticks import next_tick
from relaypost.domain.types import UnixMs
from relaypost.runtime import shipped_zone
from tests.support.messages import NOW

PIECES = st.sampled_from(
    [
        *"*?/-,# \t@LW0157\0",
        *("59", "60", "31", "9" * 20, "MON", "sun", "jan", "1m", "@every", "@daily"),
        *("TZ=", "CRON_TZ=", "UTC", "Europe/Berlin", "\udcff", "\u0665"),
    ]
)
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=40)


@given(TEXTS)
def test_it_is_read_or_refused(text: str) -> None:
    with suppress(CronError):
        cron = parse(text, shipped_zone)
        tick = next_tick(cron, NOW, since=NOW)
        assert tick is None or tick > NOW


@given(st.lists(PIECES, min_size=5, max_size=5).map(" ".join))
def test_the_plain_spelling_means_the_same(text: str) -> None:
    with suppress(CronError):
        cron = parse(text, shipped_zone)
        assert isinstance(cron, Calendar)
        again = parse(cron.fields, shipped_zone)
        assert isinstance(again, Calendar)
        assert again.fields == cron.fields


@given(st.integers(0, 70), st.integers(0, 4), st.integers(1, 9))
def test_numbers_are_taken_exactly_in_their_range(number: int, place: int, step: int) -> None:
    field = FIELDS[place]
    for item in (str(number), f"{number}/{step}", f"{number}-{number}"):
        texts = ["*"] * 5
        texts[place] = item
        is_taken = field.smallest <= number <= field.limit
        try:
            parse(" ".join(texts), shipped_zone)
            assert is_taken
        except CronError:
            assert not is_taken


@given(st.integers(0, 10**12), st.integers(60, 10**7), st.integers(0, 10**12))
def test_every_keeps_to_its_grid(since: int, seconds: int, after: int) -> None:
    cron = parse(f"@every {min(seconds, 366 * 86_400)}s", shipped_zone)
    tick = next_tick(cron, UnixMs(after), since=UnixMs(since))
    assert tick is not None
    period = min(seconds, 366 * 86_400) * 1000
    start = since - since % 1000
    assert tick > after
    assert tick >= start + period
    assert (tick - start) % period == 0
    assert tick - period <= max(after, start)
