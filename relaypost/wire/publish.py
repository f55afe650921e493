"""A publish request, read into what it asks for (sections 2.1 to 2.14). It stores nothing.

raw target and headers --collect--> options --read--> values --> Publication
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final, NamedTuple

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.errors import Invalid, NotFound
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Deduplication, Envelope, NewMessage, Publication
from relaypost.domain.tokens import NOT_BOUND, Bindings
from relaypost.domain.types import Headers, ProjectId, UnixMs
from relaypost.domain.url_groups import UrlGroup
from relaypost.wire.bindings import check_bindings
from relaypost.wire.callback_options import (
    Callbacks,
    check_callback_quotas,
    make_callback,
    read_callbacks,
)
from relaypost.wire.deduplication import Content, deduplication_key
from relaypost.wire.destinations import api_of, check_destination, is_name
from relaypost.wire.fan_out import fan_out, find_group, with_defaults
from relaypost.wire.headers import Pairs, check_pairs, decode_value
from relaypost.wire.llm import API as LLM
from relaypost.wire.llm import url_of_llm
from relaypost.wire.option_values import (
    OptionValues,
    check_delay,
    check_quotas,
    exceeded,
    read_flag,
    read_not_before,
    read_values,
    timeout_or_default_ms,
)
from relaypost.wire.options import (
    MESSAGE,
    Options,
    collect,
    forwarded_lines,
    merge,
    plain_headers,
)
from relaypost.wire.queues import QUEUE_NAME_RULE, check_queue_name
from relaypost.wire.targets import cut_target
from relaypost.wire.unavailable import refuse_workflow

DEFAULT_RETRIES: Final = 3
CRON_ELSEWHERE: Final = (
    "Upstash-Cron is not allowed on this endpoint, use /v2/schedules/{destination}"
)
WORKFLOW_MARKS: Final = (
    b"upstash-workflow-runid",
    b"upstash-workflow-init",
    b"upstash-workflow-invoke",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishContext:
    """What a request is read against."""

    project_id: ProjectId
    limits: Limits
    policy: AddressPolicy
    now: UnixMs
    caller_ip: str | None = None
    llm_url: str | None = None
    """What `api/llm` stands for; `None` where it is not configured."""
    token_in_query: bool = False
    """The request's `Authorization` then is the sender's own, and may be forwarded."""
    groups: Mapping[str, UrlGroup] = field(default_factory=dict)
    """By name, as they stand; a name that is missing here is unknown."""
    bindings: Bindings = NOT_BOUND


class Delivery(NamedTuple):
    """What the options say of a delivery, whichever route they came by."""

    values: OptionValues
    callbacks: Callbacks
    headers: Headers


def read_publication(
    path: bytes,
    query: bytes,
    *,
    headers: Pairs,
    body: bytes,
    context: PublishContext,
    queue: str | None = None,
) -> Publication:
    """Read a request whose target goes on with `path` after its route; it may name a queue."""
    target = cut_target(path, query)
    try:
        options = collect(headers, withheld=b"" if context.token_in_query else b"authorization")
        if target.parameters:
            check_pairs(target.parameters)
            options = merge(options, collect(target.parameters))
        return make_publication(target.destination, options, body, context=context, queue=queue)
    except (Invalid, NotFound) as error:
        error.in_workflow = holds_step(headers, target.parameters)
        raise


def make_publication(
    destination: str, options: Options, body: bytes, *, context: PublishContext, queue: str | None
) -> Publication:
    """Make what one request, or one item of a batch, asks for: check its sense, then its quotas."""
    limits = context.limits
    check_bindings(destination, options, context.bindings)
    if len(body) > limits.max_message_bytes > 0:
        raise exceeded("maxMessageSize", limits.max_message_bytes)
    is_group = check_destination(destination, context.policy)
    group = find_group(destination, context.groups) if is_group else None
    if group is not None:
        options = with_defaults(options, group)
    texts = options.message.texts
    llm_url = url_of_llm(context.llm_url, texts, body) if api_of(destination) else None
    delivery = read_delivery(options, context)
    queue = read_queue(texts, queue)
    _refuse(texts)
    key = _deduplication_key(destination, options, body, queue=queue, method=delivery.values.method)
    delay_ms, not_before = read_due(texts, delivery.values, context)
    check_quotas(delivery.values, limits)
    check_callback_quotas(delivery.callbacks, limits)
    envelope = _envelope(destination, body, delivery=delivery, queue=queue, context=context)
    if llm_url is not None:
        envelope = replace(envelope, url=llm_url, api=LLM)
    messages = tuple(
        [
            NewMessage(
                project_id=context.project_id,
                envelope=each,
                delay_ms=delay_ms,
                not_before=not_before,
            )
            for each in ((envelope,) if group is None else fan_out(envelope, group))
        ]
    )
    if key is None:
        return Publication(messages=messages)
    deduplication = Deduplication(key=key, window_ms=limits.dedup_window_ms)
    return Publication(messages=messages, deduplication=deduplication)


def read_delivery(options: Options, context: PublishContext) -> Delivery:
    return Delivery(
        read_values(options.message.texts, MESSAGE),
        read_callbacks(options, context.policy),
        _delivered_headers(options),
    )


def _envelope(
    destination: str,
    body: bytes,
    *,
    delivery: Delivery,
    queue: str | None,
    context: PublishContext,
) -> Envelope:
    values, callbacks, headers = delivery
    limits = context.limits
    return Envelope(
        url=destination,
        method=values.method or "POST",
        headers=headers,
        body=body,
        timeout_ms=timeout_or_default_ms(values.timeout_ms, limits),
        max_retries=DEFAULT_RETRIES if values.max_retries is None else values.max_retries,
        retry_delay=values.retry_delay,
        callback=make_callback(callbacks.callback, values.redaction, limits),
        failure_callback=make_callback(callbacks.failure, values.redaction, limits),
        labels=values.labels or (),
        redaction=values.redaction,
        caller_ip=context.caller_ip,
        queue_name=queue,
        flow_control=values.flow_control,
    )


def read_due(
    texts: Mapping[str, str], values: OptionValues, context: PublishContext
) -> tuple[int, UnixMs | None]:
    """The delay, or the instant, of the first attempt; an instant wins, one in the past is none."""
    not_before = read_not_before(texts)
    if not_before is None:
        delay_ms = values.delay_ms or 0
        check_delay(delay_ms, context.limits)
        return delay_ms, None
    check_delay(not_before - context.now, context.limits)
    return 0, not_before if not_before > context.now else None


def read_queue(texts: Mapping[str, str], queue: str | None) -> str | None:
    """The queue of the route, or of the item, wins over the header."""
    if queue is not None:
        return check_queue_name(queue)
    name = texts.get("Queue-Name")
    if name is not None and not is_name(name):
        raise Invalid(f"invalid Upstash-Queue-Name: {QUEUE_NAME_RULE}")
    return name


def _refuse(texts: Mapping[str, str]) -> None:
    """Refuse what has another route, and what has none yet."""
    if "Cron" in texts:
        raise Invalid(CRON_ELSEWHERE)
    refuse_workflow(texts, MESSAGE)


def content_type_of(texts: Mapping[str, str]) -> str | None:
    """Workflow SDKs send both forms; the header of the request itself counts (section 2.10)."""
    return texts.get("Content-Type") or texts.get("Forward-Content-Type")


def _delivered_headers(options: Options) -> Headers:
    """What a delivery carries: the content type, then the forwarded headers."""
    texts, forwarded = options.message.texts, options.message.forwarded
    if read_flag(texts, "Header-Forward"):
        forwarded = {**plain_headers(options), **forwarded}
    content_type = content_type_of(texts)
    lines = forwarded_lines(forwarded)
    return lines if content_type is None else (("Content-Type", content_type), *lines)


def _deduplication_key(
    destination: str, options: Options, body: bytes, *, queue: str | None, method: str | None
) -> bytes | None:
    texts = options.message.texts
    if "Deduplication-Id" not in texts and "Content-Based-Deduplication" not in texts:
        return None
    content = Content(
        queue=queue or "",
        destination=destination,
        method=method or "POST",
        content_type=content_type_of(texts) or "",
        forwarded=options.message.forwarded,
        body=body,
    )
    return deduplication_key(texts, content)


def holds_step(*places: Pairs) -> bool:
    """Tell whether a message belongs to a run: every kind but a plain init (section 1.7)."""
    marks: dict[bytes, str] = {}
    for name, value in chain(*places):
        if name in WORKFLOW_MARKS and (text := decode_value(value)):
            marks.setdefault(name, text.lower())
    run_id, init, invoke = map(marks.get, WORKFLOW_MARKS)
    is_plain_init = init == "true" and invoke != "true"
    return bool(run_id and init and not is_plain_init)
