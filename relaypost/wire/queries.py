"""What is asked for on each of the read and bulk routes (section 6).

A list ignores names that it does not know. A bulk route refuses them: a misspelt filter would
widen what is canceled, deleted or retried.
"""

from dataclasses import dataclass
from typing import Final

from relaypost.domain.errors import Invalid
from relaypost.domain.filters import Filter, Page
from relaypost.wire.filters import read_count, read_filter, read_page, read_trim
from relaypost.wire.parameters import Values, bulk_parameters, list_parameters, one

EVENTS_COUNT: Final = 1000
LOGS_COUNT: Final = 100
MAX_LOG_COUNT: Final = 1000
MAX_COUNT: Final = 100
"""Of histories and of dead letters; it is their default too."""

ALL_THAT_MATCH: Final = 100
"""The count that a client sends with a cancel when its user gave none (A.3)."""

MAX_RETRIED_IDS: Final = 100

COMMON_NAMES: Final = frozenset(
    {
        "callerIp",
        "flowControlKey",
        "fromDate",
        "host",
        "label",
        "path",
        "queueName",
        "scheduleId",
        "toDate",
        "topicName",
        "url",
    }
)
"""Filters that all these routes have."""

LOG_NAMES: Final = COMMON_NAMES | {
    "count",
    "cursor",
    "groupBy",
    "messageId",
    "messageIds",
    "order",
    "state",
    "trimBody",
}
CANCEL_NAMES: Final = COMMON_NAMES | {"count", "messageIds"}
BULK_DEAD_LETTER_NAMES: Final = COMMON_NAMES | {
    "count",
    "cursor",
    "dlqIds",
    "messageId",
    "responseStatus",
}
DEAD_LETTER_NAMES: Final = BULK_DEAD_LETTER_NAMES | {"order", "source"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    which: Filter
    page: Page
    trim: int | None
    """How many bytes of each body are shown; -1 leaves bodies out."""
    by_message: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelQuery:
    which: Filter
    """With ids it has nothing else."""
    oldest: int | None
    """At most so many, the oldest; `None` for all that match."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterQuery:
    which: Filter
    page: Page
    ids: tuple[str, ...] | None = None
    """The ids that were named, as they were written; then `which` has nothing else."""


def read_log_query(query: bytes, *, default_count: int) -> LogQuery:
    values = list_parameters(query, LOG_NAMES)
    group_by = one(values, "groupBy")
    if group_by not in (None, "messageId"):
        raise Invalid("invalid groupBy")
    default, most = (MAX_COUNT, MAX_COUNT) if group_by else (default_count, MAX_LOG_COUNT)
    return LogQuery(
        which=read_filter(values),
        page=read_page(values, default=default, most=most, takes_time=True),
        trim=read_trim(values),
        by_message=group_by is not None,
    )


def read_cancel_query(query: bytes, body: bytes) -> CancelQuery:
    values = bulk_parameters(query, body, names=CANCEL_NAMES, ids="messageIds")
    which = read_filter(values)
    count = read_count(values, default=ALL_THAT_MATCH)
    return CancelQuery(which=which, oldest=None if count == ALL_THAT_MATCH else count)


def read_dead_letter_query(query: bytes) -> DeadLetterQuery:
    """Read what to list. Workflow runs, the other source, have no dead letters yet."""
    values = list_parameters(query, DEAD_LETTER_NAMES)
    source = one(values, "source") or "message"
    if source == "workflow":
        return DeadLetterQuery(which=Filter(dead_letter_ids=()), page=Page(count=MAX_COUNT))
    if source != "message":
        raise Invalid("invalid source")
    return _named(values, latest_first=True) or DeadLetterQuery(
        which=read_filter(values), page=read_page(values, default=MAX_COUNT, most=MAX_COUNT)
    )


def read_delete_query(query: bytes, body: bytes) -> DeadLetterQuery:
    """Read what to delete: the oldest first, or the ones that are named."""
    values = bulk_parameters(query, body, names=BULK_DEAD_LETTER_NAMES, ids="dlqIds")
    return _named(values, latest_first=False) or DeadLetterQuery(
        which=read_filter(values),
        page=read_page(values, default=MAX_COUNT, most=MAX_COUNT, latest_first=False),
    )


def read_retry_query(query: bytes, body: bytes) -> DeadLetterQuery:
    asked = read_delete_query(query, body)
    if asked.ids is not None and len(asked.ids) > MAX_RETRIED_IDS:
        raise Invalid(f"too many ids, at most {MAX_RETRIED_IDS}")
    return asked


def _named(values: Values, *, latest_first: bool) -> DeadLetterQuery | None:
    """Ids override all other filters, the count and the cursor."""
    ids = values.get("dlqIds")
    if ids is None:
        return None
    return DeadLetterQuery(
        which=read_filter({"dlqIds": ids}),
        page=Page(count=len(ids), latest_first=latest_first),
        ids=ids,
    )
