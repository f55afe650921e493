"""Options of a DLQ retry: they replace those of the dead letter one by one (section 6.10)."""

from dataclasses import dataclass, replace
from typing import TypeVar

from relaypost.domain.limits import Limits
from relaypost.domain.messages import Callback, Envelope, NewMessage, Redaction
from relaypost.domain.types import Headers, ProjectId, UnixMs
from relaypost.wire.callback_options import (
    CallbackOptions,
    Callbacks,
    check_callback_quotas,
    make_callback,
    read_callbacks,
)
from relaypost.wire.headers import Pairs, check_pairs
from relaypost.wire.option_values import OptionValues, check_quotas, read_values
from relaypost.wire.options import MESSAGE, collect, forwarded_lines, merge
from relaypost.wire.publish import PublishContext, read_due, read_queue
from relaypost.wire.redactions import add_redactions
from relaypost.wire.targets import query_options

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a retry request changes on each message that it brings back."""

    project_id: ProjectId
    values: OptionValues
    headers: Headers
    callbacks: Callbacks
    queue: str | None
    delay_ms: int
    not_before: UnixMs | None
    limits: Limits

    def bring_back(self, envelope: Envelope) -> NewMessage:
        """Make the new message of a dead letter from its envelope."""
        return NewMessage(
            project_id=self.project_id,
            envelope=self._override(envelope),
            delay_ms=self.delay_ms,
            not_before=self.not_before,
        )

    def _override(self, envelope: Envelope) -> Envelope:
        values, limits = self.values, self.limits
        redaction = add_redactions(envelope.redaction, values.redaction)
        callback, failure = self.callbacks
        return replace(
            envelope,
            method=values.method or envelope.method,
            headers=override_headers(envelope.headers, self.headers),
            timeout_ms=values.timeout_ms or envelope.timeout_ms,
            max_retries=_given(values.max_retries, envelope.max_retries),
            retry_delay=values.retry_delay or envelope.retry_delay,
            callback=override_callback(envelope.callback, callback, redaction, limits),
            failure_callback=override_callback(
                envelope.failure_callback, failure, redaction, limits
            ),
            labels=values.labels or envelope.labels,
            redaction=redaction,
            queue_name=self.queue or envelope.queue_name,
            flow_control=values.flow_control or envelope.flow_control,
        )


def read_overrides(headers: Pairs, query: bytes, context: PublishContext) -> Overrides:
    """Read a retry request; its `Content-Type`, body and deduplication say nothing."""
    parameters = query_options(query)
    check_pairs(parameters)
    options = merge(collect(headers), collect(parameters))
    values = read_values(options.message.texts, MESSAGE)
    callbacks = read_callbacks(options, context.policy)
    delay_ms, not_before = read_due(options.message.texts, values, context)
    check_quotas(values, context.limits)
    check_callback_quotas(callbacks, context.limits)
    return Overrides(
        project_id=context.project_id,
        values=values,
        headers=forwarded_lines(options.message.forwarded),
        callbacks=callbacks,
        queue=read_queue(options.message.texts, None),
        delay_ms=delay_ms,
        not_before=not_before,
        limits=context.limits,
    )


def override_headers(old: Headers, new: Headers) -> Headers:
    """Replace header by header, each with all its values."""
    replaced = {name for name, _ in new}
    return (*[line for line in old if line[0] not in replaced], *new)


def override_callback(
    old: Callback | None,
    given: CallbackOptions | None,
    redaction: Redaction | None,
    limits: Limits,
) -> Callback | None:
    """Replace the options of a callback one by one; `redaction` is that of the new message."""
    if old is None:
        return make_callback(given, redaction, limits)
    if given is None:
        return replace(old, redaction=old.redaction and add_redactions(redaction, old.redaction))
    values = given.values
    own_redaction = add_redactions(old.redaction, values.redaction)
    return replace(
        old,
        url=given.url or old.url,
        method=values.method or old.method,
        headers=override_headers(old.headers, given.headers),
        timeout_ms=values.timeout_ms or old.timeout_ms,
        max_retries=_given(values.max_retries, old.max_retries),
        retry_delay=values.retry_delay or old.retry_delay,
        delay_ms=_given(values.delay_ms, old.delay_ms),
        labels=values.labels or old.labels,
        redaction=own_redaction and add_redactions(redaction, own_redaction),
        flow_control=values.flow_control or old.flow_control,
        failure_callback=override_callback(old.failure_callback, given.failure, redaction, limits),
    )


def _given(new: T | None, old: T) -> T:
    return old if new is None else new
