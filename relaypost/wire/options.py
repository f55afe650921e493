"""Options of a message: which headers are options, and from which place one counts (1.4, 2.12).

Upstash-Retries             group "Upstash-",          option "Retries"
Upstash-Callback-Retries    group "Upstash-Callback-", option "Retries"
Upstash-Forward-X-Shop      group "Upstash-",          forwarded header "X-Shop"

Knows names and texts only; what a text means is for `option_values`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from relaypost.wire.headers import (
    BLANKS,
    CACHED_NAME,
    WITHHELD,
    Pairs,
    canonical_name,
    decode_value,
    invalid_header,
    is_token,
)

MESSAGE: Final = "Upstash-"
CALLBACK: Final = "Upstash-Callback-"
FAILURE: Final = "Upstash-Failure-Callback-"
CALLBACK_FAILURE: Final = "Upstash-Callback-Failure-Callback-"
"""The failure callback of the callback message itself."""

LONGEST_FIRST: Final = (CALLBACK_FAILURE, FAILURE, CALLBACK, MESSAGE)

SHARED_OPTIONS: Final = frozenset(
    {
        "Delay",
        "Feature-Set",
        "Flow-Control-Key",
        "Flow-Control-Value",
        "Label",
        "Method",
        "Redact-Fields",
        "Retries",
        "Retry-Delay",
        "Timeout",
    }
)
"""Options of messages and of callbacks alike."""

MESSAGE_ONLY: Final = frozenset(
    {
        "Content-Based-Deduplication",
        "Cron",
        "Deduplication-Id",
        "Header-Forward",
        "Not-Before",
        "Queue-Name",
        "Schedule-Id",
    }
)
"""Options of messages; with the prefix of a callback they mean nothing."""

ADDED_UP: Final = frozenset({"Connection", "Label", "Redact-Fields"})
"""Comma lists: repeated lines are one list."""

ADDED_UP_OVER_PLACES: Final = frozenset({"Redact-Fields"})

ORDINARY_CONNECTIONS: Final = frozenset({"keep-alive", "close", "Keep-Alive", "Close"})
"""Values of `Connection` that list no header."""

UNITS: Final[Mapping[str, str]] = {
    "Not-Before": "Delay",
    "Flow-Control-Value": "Flow-Control-Key",
    "Content-Based-Deduplication": "Deduplication-Id",
    "Forward-Content-Type": "Content-Type",
}
"""Options that count as one and so never come from two places."""


class Slot(NamedTuple):
    """Where the value of a header belongs."""

    group: str
    name: str
    is_forwarded: bool = False
    adds_up: bool = False


@dataclass(slots=True)
class OptionGroup:
    """The texts of a message's own options, or of those of one callback."""

    texts: dict[str, str] = field(default_factory=dict)
    forwarded: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Options:
    """All options of a request; `sources` are the header lines of its places, highest first."""

    message: OptionGroup
    callbacks: dict[str, OptionGroup]
    """By prefix."""
    sources: tuple[Pairs, ...] = ()
    withheld: bytes = b""
    """A header that the highest place keeps to itself."""

    def callback(self, prefix: str) -> OptionGroup:
        return self.callbacks.get(prefix) or OptionGroup()


def collect(pairs: Pairs, *, withheld: bytes = b"") -> Options:
    """Read the options of one place; of an option that occurs twice the first value counts."""
    message = OptionGroup({}, {})
    options = Options(message, {}, (pairs,), withheld)
    for name, value in pairs:
        slot = _cached_slot(name) if len(name) <= CACHED_NAME else slot_of(name)
        if slot is not None and (text := value.strip(BLANKS).decode("utf-8", "surrogateescape")):
            prefix, option, is_forwarded, adds_up = slot
            group = message if prefix == MESSAGE else _callback_group(options, prefix)
            if is_forwarded:
                group.forwarded.setdefault(option, []).append(text)
            elif option not in group.texts:
                group.texts[option] = text
            elif adds_up:
                group.texts[option] += "," + text
    if message.texts.get("Connection", "close") not in ORDINARY_CONNECTIONS:
        _drop_listed(message)
    return options


def _callback_group(options: Options, prefix: str) -> OptionGroup:
    return options.callbacks.setdefault(prefix, OptionGroup())


def merge(higher: Options, lower: Options) -> Options:
    """Fill what one place leaves open from the next one."""
    prefixes = {**higher.callbacks, **lower.callbacks}
    return Options(
        _merge_groups(higher.message, lower.message),
        {
            prefix: _merge_groups(higher.callback(prefix), lower.callback(prefix))
            for prefix in prefixes
        },
        higher.sources + lower.sources,
        higher.withheld,
    )


def _merge_groups(higher: OptionGroup, lower: OptionGroup) -> OptionGroup:
    texts = dict(higher.texts)
    taken = {UNITS.get(name, name) for name in texts}
    for name, text in lower.texts.items():
        if UNITS.get(name, name) not in taken:
            texts[name] = text
        elif name in ADDED_UP_OVER_PLACES:
            texts[name] += "," + text
    return OptionGroup(texts, {**lower.forwarded, **higher.forwarded})


def plain_headers(options: Options) -> dict[str, list[str]]:
    """The headers that are no options, as `Upstash-Header-Forward` takes them over (2.10)."""
    plain: dict[str, list[str]] = {}
    dropped = WITHHELD | _listed(options.message) | {"Accept-Encoding", "Content-Type"}
    withheld = options.withheld
    for source in options.sources:
        place: dict[str, list[str]] = {}
        for raw_name, value in source:
            if raw_name.startswith(b"upstash-") or raw_name == withheld:
                continue
            name = canonical_name(raw_name.decode("latin-1"))
            if name not in dropped and name not in plain and (text := decode_value(value)):
                place.setdefault(name, []).append(text)
        plain |= place
        withheld = b""
    return plain


def _listed(group: OptionGroup) -> set[str]:
    """The names that a `Connection` header declares to be of this connection only."""
    names = group.texts.get("Connection", "").split(",")
    return {canonical_name(name.strip(" \t")) for name in names}


def _drop_listed(group: OptionGroup) -> None:
    for name in _listed(group):
        group.forwarded.pop(name, None)


def slot_of(name: bytes) -> Slot | None:
    """Find out what a header is; `None` is for those that say nothing to the server."""
    if name == b"content-type" or name == b"connection":
        return _single(MESSAGE, canonical_name(name.decode()))
    if not name.startswith(b"upstash-"):
        return None
    canonical = canonical_name(name.decode("latin-1"))
    prefix = next(prefix for prefix in LONGEST_FIRST if canonical.startswith(prefix))
    rest = canonical.removeprefix(prefix)
    return _message_slot(rest) if prefix == MESSAGE else _callback_slot(prefix, rest)


_cached_slot = lru_cache(maxsize=4096)(slot_of)


def _message_slot(rest: str) -> Slot | None:
    if rest == "Forward-Content-Type" or rest in ("Callback", "Failure-Callback"):
        return _single(MESSAGE, rest)
    if rest.startswith("Forward-"):
        return _forwarded(MESSAGE, rest.removeprefix("Forward-"))
    if rest in SHARED_OPTIONS or rest in MESSAGE_ONLY or rest.startswith("Workflow-"):
        return _single(MESSAGE, rest)
    return None


def _callback_slot(prefix: str, rest: str) -> Slot | None:
    """Python's client writes headers for a callback without `Forward-`: any other name is one."""
    if rest in SHARED_OPTIONS or rest.startswith("Workflow-"):
        return _single(prefix, rest)
    if prefix == CALLBACK and rest == "Failure-Callback":
        return _single(prefix, rest)
    if rest in MESSAGE_ONLY or rest.startswith(("Telemetry-", "Callback", "Failure-Callback")):
        return None
    name = rest.removeprefix("Forward-")
    return None if name == "Content-Type" else _forwarded(prefix, name)


def _single(prefix: str, name: str) -> Slot:
    return Slot(prefix, name, adds_up=name in ADDED_UP)


def _forwarded(prefix: str, name: str) -> Slot | None:
    if not is_token(name):
        raise invalid_header(prefix + "Forward-" + name)
    return None if name in WITHHELD else Slot(prefix, name, is_forwarded=True)


def forwarded_lines(forwarded: Mapping[str, Iterable[str]]) -> tuple[tuple[str, str], ...]:
    if not forwarded:
        return ()
    return tuple([(name, value) for name, values in forwarded.items() for value in values])
