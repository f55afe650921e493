"""Cron expressions (section 5.6): the dialect, and what is wrong with texts that are none.

What a text means is written down in the plainest spelling of cron, lists of numbers, which the
library in `ticks` matches against local times. Texts of errors are those of section 5.13.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from relaypost.domain.durations import NS_PER_UNIT, sum_parts_ms
from relaypost.domain.zones import Zone, Zones

MAX_BYTES: Final = 512
UTC: Final = "UTC"
ZONE_PREFIXES: Final = ("CRON_TZ=", "TZ=")
ANY: Final = "*"

DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
EVERY: Final = "@every"
MIN_EVERY_MS: Final = 60_000
MAX_EVERY_MS: Final = 366 * 86_400_000


class CronError(ValueError):
    """The text is no cron expression; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Ticks at local times that match."""

    fields: str
    """Five fields, each `*` or a list of numbers."""
    is_fixed: bool
    """Whether ticks keep to the clock on the wall; else they follow real time (section 5.7)."""
    zone: Zone


@dataclass(frozen=True, slots=True)
class Every:
    """Ticks at a distance from each other, counted from where the schedule begins."""

    seconds: int


Cron = Calendar | Every


class Field(NamedTuple):
    """What a field may hold; `largest` also ends `*` and `a/n`."""

    smallest: int
    largest: int
    names: tuple[str, ...] = ()
    alias: int | None = None
    """A number beyond the largest that stands for the smallest."""

    @property
    def limit(self) -> int:
        return self.largest if self.alias is None else self.alias

    def number(self, text: str, item: str, *, ends_range: bool = False) -> int:
        if text.isascii() and text.isdigit():
            return int(text)
        if text.upper() not in self.names:
            raise CronError(f"failed to parse int from {text or item}")
        number = self.smallest + self.names.index(text.upper())
        is_aliased = ends_range and self.alias is not None and number == self.smallest
        return self.alias or number if is_aliased else number


MONTHS: Final = (
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
)  # fmt: skip
DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

FIELDS: Final = (
    Field(0, 59),
    Field(0, 23),
    Field(1, 31),
    Field(1, 12, MONTHS),
    Field(0, 6, DAYS, alias=7),
)


def parse(text: str, zones: Zones) -> Cron:
    """Read an expression.

    Raises:
        CronError: it is none.
    """
    rest = text.strip(" \t")
    if not rest:
        raise CronError("empty spec string")
    if len(rest.encode("utf-8", "surrogateescape")) > MAX_BYTES:
        raise CronError(f"longer than {MAX_BYTES} bytes")
    zone_name = UTC
    for prefix in ZONE_PREFIXES:
        if rest.startswith(prefix):
            zone_name, rest = _cut_word(rest.removeprefix(prefix))
            break
    zone = zones(zone_name)
    if zone is None:
        raise CronError(f"provided bad location {zone_name}: unknown time zone {zone_name}")
    if rest.startswith("@"):
        return _read_descriptor(rest, zone)
    return _read_fields(_split(rest), zone)


def _cut_word(text: str) -> tuple[str, str]:
    word = text.replace("\t", " ").partition(" ")[0]
    return word, text[len(word) :].strip(" \t")


def _split(text: str) -> list[str]:
    return [word for word in text.replace("\t", " ").split(" ") if word]


def _read_descriptor(text: str, zone: Zone) -> Cron:
    if text in DESCRIPTORS:
        return _read_fields(DESCRIPTORS[text].split(), zone)
    word, duration = _cut_word(text)
    if word != EVERY:
        raise CronError(f"unrecognized descriptor: {text}")
    return Every(_read_every_ms(duration) // 1000)


def _read_every_ms(text: str) -> int:
    try:
        every_ms = sum_parts_ms(text, NS_PER_UNIT)
    except ValueError:
        every_ms = 0
    if not MIN_EVERY_MS <= every_ms <= MAX_EVERY_MS or every_ms % 1000:
        raise CronError("@every needs a duration of at least 1m")
    return every_ms


def _read_fields(texts: list[str], zone: Zone) -> Calendar:
    if len(texts) != len(FIELDS):
        shown = " ".join(texts)
        raise CronError(f"expected exactly 5 fields, found {len(texts)}: [{shown}]")
    spelled = [_spell(text, field) for text, field in zip(texts, FIELDS, strict=True)]
    is_fixed = texts[1].lstrip(",")[0] not in "*?"
    return Calendar(" ".join(spelled), is_fixed, zone)


def _spell(text: str, field: Field) -> str:
    """Write a field as a list of numbers, or as `*` if it restricts nothing."""
    items = [_read_item(item, field) for item in text.split(",") if item]
    if not items:
        raise CronError(f"failed to parse int from {text}")
    if None in items:
        return ANY
    numbers = {number for item in items for number in item or ()}
    if field.alias in numbers:
        numbers = numbers - {field.alias} | {field.smallest}
    return ",".join(map(str, sorted(numbers)))


def _read_item(item: str, field: Field) -> Iterable[int] | None:
    """The numbers of an item; `None` for one that leaves the field unrestricted."""
    base, *steps = item.split("/")
    low, high = _read_base(base, item, field)
    step = _read_step(steps, item)
    is_single = "-" not in base
    if steps and is_single:
        high = max(low, field.largest)
    _check(low, high, step, item, field)
    is_any = base in ("*", "?") and step == 1
    return None if is_any else range(low, high + 1, step)


def _read_base(base: str, item: str, field: Field) -> tuple[int, int]:
    if base in ("*", "?"):
        return field.smallest, field.largest
    first, *others = base.split("-")
    low = field.number(first, item)
    if len(others) > 1:
        raise CronError(f"too many hyphens: {item}")
    return low, field.number(others[0], item, ends_range=True) if others else low


def _read_step(steps: list[str], item: str) -> int:
    if len(steps) > 1:
        raise CronError(f"too many slashes: {item}")
    if not steps:
        return 1
    if not (steps[0].isascii() and steps[0].isdigit()):
        raise CronError(f"failed to parse int from {steps[0] or item}")
    return int(steps[0])


def _check(low: int, high: int, step: int, item: str, field: Field) -> None:
    if low < field.smallest:
        raise CronError(f"beginning of range ({low}) below minimum ({field.smallest}): {item}")
    if high > field.limit:
        raise CronError(f"end of range ({high}) above maximum ({field.limit}): {item}")
    if low > high:
        raise CronError(f"beginning of range ({low}) beyond end of range ({high}): {item}")
    if step == 0:
        raise CronError(f"step of range should be a positive number: {item}")
