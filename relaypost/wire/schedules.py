"""A request to create a schedule, and the messages of its runs (sections 5.2 to 5.4, 5.8)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from relaypost.domain.cron import Cron, CronError, parse
from relaypost.domain.errors import Invalid
from relaypost.domain.messages import Deduplication, NewMessage
from relaypost.domain.schedules import NewSchedule, Schedule, Template
from relaypost.domain.ticks import next_tick
from relaypost.domain.types import UnixMs
from relaypost.domain.zones import Zones
from relaypost.wire.deduplication import Content, deduplication_key
from relaypost.wire.destinations import check_destination, is_name
from relaypost.wire.headers import Pairs, check_pairs
from relaypost.wire.option_values import exceeded, read_values
from relaypost.wire.options import MESSAGE, OptionGroup, Options, collect, merge
from relaypost.wire.publish import PublishContext, make_publication
from relaypost.wire.targets import cut_target

ID_RULE: Final = (
    "schedule id may only contain alphanumeric characters, hyphens, underscores and periods"
)
NO_INSTANT: Final = "invalid Upstash-Not-Before: not allowed on schedules, use Upstash-Delay"

OF_THE_SCHEDULE: Final = frozenset(
    {"Content-Based-Deduplication", "Cron", "Deduplication-Id", "Schedule-Id"}
)
"""Options that say nothing of the messages. Those of workflows are ignored altogether."""

NAME_SPACE: Final = b"s"
"""The first byte of deduplication keys keeps creations apart from messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What a request is read against, beside what holds for its messages."""

    zones: Zones
    now: UnixMs
    """By the system's own clock, as ticks are."""
    new_id: str
    """For a schedule that is not given one."""


class _Asked(NamedTuple):
    destination: str
    options: Options
    body: bytes


def read_schedule(
    path: bytes,
    query: bytes,
    *,
    headers: Pairs,
    body: bytes,
    context: PublishContext,
    planning: Planning,
) -> NewSchedule:
    """Read a request whose target goes on with `path` after its route."""
    target = cut_target(path, query)
    check_pairs(target.parameters)
    own = collect(headers, withheld=b"" if context.token_in_query else b"authorization")
    options = merge(own, collect(target.parameters))
    texts = options.message.texts
    check_destination(target.destination, context.policy)
    text, tick = read_cron(texts.get("Cron", ""), planning)
    given_id = read_id(texts)
    if "Not-Before" in texts:
        raise Invalid(NO_INSTANT)
    asked = _Asked(target.destination, options, body)
    id = given_id or planning.new_id
    return NewSchedule(
        project_id=context.project_id,
        id=id,
        cron=text,
        template=_template(asked, id, context),
        accepted_at=planning.now,
        next_tick_at=tick,
        deduplication=_deduplication(asked, text, given_id, context),
    )


def check_id(text: str) -> None:
    if not is_name(text):
        raise Invalid(ID_RULE)


def read_id(texts: Mapping[str, str]) -> str | None:
    id = texts.get("Schedule-Id")
    if id is not None:
        check_id(id)
    return id


def read_cron(text: str, planning: Planning) -> tuple[str, UnixMs]:
    """Check an expression; answers it, and its first tick."""
    cron = parse_cron(text, planning.zones)
    tick = next_tick(cron, planning.now, since=planning.now)
    if tick is None:
        raise _invalid_cron(f"never fires: {text}")
    return text, tick


def parse_cron(text: str, zones: Zones) -> Cron:
    try:
        return parse(text, zones)
    except CronError as error:
        raise _invalid_cron(str(error)) from None


def _invalid_cron(reason: str) -> Invalid:
    return Invalid(f"Invalid cron expression {reason}")


def _template(asked: _Asked, id: str, context: PublishContext) -> Template:
    """Make a message as if it were published now: what is wrong with it is said at once."""
    options = _message_options(asked.options)
    publication = make_publication(
        asked.destination, options, asked.body, context=context, queue=None
    )
    values = read_values(options.message.texts, MESSAGE)
    (message,) = publication.messages
    return Template(
        envelope=replace(message.envelope, schedule_id=id),
        delay_ms=values.delay_ms,
        timeout_ms=values.timeout_ms,
    )


def _message_options(options: Options) -> Options:
    texts = {
        name: text
        for name, text in options.message.texts.items()
        if name not in OF_THE_SCHEDULE and not name.startswith("Workflow-")
    }
    return replace(options, message=OptionGroup(texts, options.message.forwarded))


def _deduplication(
    asked: _Asked, cron: str, given_id: str | None, context: PublishContext
) -> Deduplication | None:
    """A key for the creation, in a name space of its own (section 5.4)."""
    texts = asked.options.message.texts
    content = Content(
        queue=texts.get("Queue-Name", ""),
        destination=asked.destination,
        method=(texts.get("Method") or "POST").upper(),
        content_type=texts.get("Content-Type") or texts.get("Forward-Content-Type") or "",
        forwarded=asked.options.message.forwarded,
        body=asked.body,
        further=(cron, given_id or ""),
    )
    key = deduplication_key(texts, content)
    if key is None:
        return None
    return Deduplication(key=NAME_SPACE + key, window_ms=context.limits.dedup_window_ms)


def messages_of(schedule: Schedule, context: PublishContext) -> tuple[NewMessage, ...]:
    """The messages of a run, as if the request had arrived now.

    Raises:
        RelaypostError: why there can be none.
    """
    template, limit = schedule.template, context.limits.max_message_bytes
    if len(template.envelope.body) > limit > 0:
        raise exceeded("maxMessageSize", limit)
    message = NewMessage(
        project_id=schedule.project_id,
        envelope=template.envelope,
        delay_ms=template.delay_ms or 0,
    )
    return (message,)
