"""A request to create a schedule, and the messages of its runs (sections 5.2 to 5.4, 5.8)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from relaypost.domain.cron import Cron, CronError, parse
from relaypost.domain.errors import Invalid
from relaypost.domain.messages import Deduplication, NewMessage
from relaypost.domain.schedules import Lookup, NewSchedule, Schedule, Template
from relaypost.domain.ticks import next_tick
from relaypost.domain.types import UnixMs
from relaypost.domain.zones import Zones
from relaypost.wire.deduplication import Content, deduplication_key
from relaypost.wire.destinations import check_destination, is_name
from relaypost.wire.fan_out import find_group
from relaypost.wire.headers import WITHHELD, Pairs, check_pairs
from relaypost.wire.llm import configured_url
from relaypost.wire.option_values import exceeded, read_values
from relaypost.wire.options import MESSAGE, OptionGroup, Options, collect, merge
from relaypost.wire.publish import PublishContext, content_type_of, make_publication
from relaypost.wire.targets import Target, cut_target
from relaypost.wire.url_groups import ANYWHERE

ID_RULE: Final = (
    "schedule id may only contain alphanumeric characters, hyphens, underscores and periods"
)
NO_INSTANT: Final = "invalid Upstash-Not-Before: not allowed on schedules, use Upstash-Delay"

OF_THE_SCHEDULE: Final = frozenset(
    {"Content-Based-Deduplication", "Cron", "Deduplication-Id", "Schedule-Id"}
)
"""Options that say nothing of the messages. Those of workflows are ignored altogether."""

AUTHORIZATION: Final = b"authorization"
TELEMETRY: Final = b"upstash-telemetry-"
NEVER_COUNT: Final = frozenset(name.lower().encode() for name in WITHHELD - {"Connection"})
"""Headers that no option can make part of a message."""

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
    """What was asked for, read but not understood."""

    target: Target
    headers: Pairs
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
    if not context.token_in_query:
        headers = [line for line in headers if line[0] != AUTHORIZATION]
    asked = _Asked(target, headers, _collect(headers, target.parameters), body)
    texts = asked.options.message.texts
    is_group = check_destination(target.destination, context.policy)
    if is_group:
        find_group(target.destination, context.groups)
    text, tick = read_cron(texts.get("Cron", ""), planning)
    given_id = read_id(texts)
    if "Not-Before" in texts:
        raise Invalid(NO_INSTANT)
    id = given_id or planning.new_id
    return NewSchedule(
        project_id=context.project_id,
        id=id,
        cron=text,
        template=_template(asked, id, context, is_group=is_group),
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


def _collect(headers: Pairs, parameters: Pairs) -> Options:
    """The options of the messages, and of the schedule."""
    return merge(collect(headers), collect(parameters))


def _template(asked: _Asked, id: str, context: PublishContext, *, is_group: bool) -> Template:
    """Make the messages as if they were published now: what is wrong with them is said at once."""
    options = _message_options(asked.options)
    destination = asked.target.destination
    messages = _messages(destination, options, asked.body, context)
    lookup = None
    if is_group:
        lookup = _lookup(asked)
        messages = _messages(ANYWHERE, options, asked.body, context)
    envelope = messages[0].envelope
    values = read_values(options.message.texts, MESSAGE)
    return Template(
        envelope=replace(envelope, schedule_id=id, url=lookup.group if lookup else envelope.url),
        delay_ms=values.delay_ms,
        timeout_ms=values.timeout_ms,
        lookup=lookup,
    )


def _messages(
    destination: str, options: Options, body: bytes, context: PublishContext
) -> tuple[NewMessage, ...]:
    return make_publication(destination, options, body, context=context, queue=None).messages


def _lookup(asked: _Asked) -> Lookup:
    """Keep what default headers of the group, as they may be then, could make use of."""
    lines = [line for line in asked.headers if _may_count(line[0])]
    return Lookup(
        group=asked.target.destination.partition("?")[0],
        destination=asked.target.destination,
        headers=tuple(lines),
        parameters=tuple(asked.target.parameters),
    )


def _may_count(name: bytes) -> bool:
    return name not in NEVER_COUNT and not name.startswith(TELEMETRY)


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
        destination=asked.target.destination,
        method=(texts.get("Method") or "POST").upper(),
        content_type=content_type_of(texts) or "",
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
    envelope, lookup = template.envelope, template.lookup
    if len(envelope.body) > limit > 0:
        raise exceeded("maxMessageSize", limit)
    if lookup is not None:
        return _look_up(schedule, lookup, context)
    if envelope.api is not None:
        envelope = replace(envelope, url=configured_url(context.llm_url))
    message = NewMessage(
        project_id=schedule.project_id, envelope=envelope, delay_ms=template.delay_ms or 0
    )
    return (message,)


def _look_up(schedule: Schedule, lookup: Lookup, context: PublishContext) -> tuple[NewMessage, ...]:
    options = _message_options(_collect(lookup.headers, lookup.parameters))
    body = schedule.template.envelope.body
    return tuple(
        replace(message, envelope=replace(message.envelope, schedule_id=schedule.id))
        for message in _messages(lookup.destination, options, body, context)
    )
