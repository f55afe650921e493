"""The callbacks that a message asks for: their URLs and the options of their groups (2.12)."""

from typing import NamedTuple

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.limits import Limits
from relaypost.domain.messages import Callback, Redaction
from relaypost.domain.types import Headers
from relaypost.wire.destinations import callback_url
from relaypost.wire.option_values import (
    OptionValues,
    check_delay,
    check_quotas,
    read_values,
    timeout_or_default_ms,
)
from relaypost.wire.options import (
    CALLBACK,
    CALLBACK_FAILURE,
    FAILURE,
    OptionGroup,
    Options,
    forwarded_lines,
)
from relaypost.wire.redactions import add_redactions
from relaypost.wire.unavailable import refuse_workflow


class CallbackOptions(NamedTuple):
    """What one group says, given or not: only with a URL it makes a callback."""

    url: str | None
    values: OptionValues
    headers: Headers
    failure: "CallbackOptions | None" = None


class Callbacks(NamedTuple):
    """Both groups of a message; `None` for a group that is not mentioned at all."""

    callback: CallbackOptions | None = None
    failure: CallbackOptions | None = None


NO_CALLBACKS = Callbacks()


def read_callbacks(options: Options, policy: AddressPolicy) -> Callbacks:
    """Read and validate all groups, those without a URL too."""
    texts = options.message.texts
    if not options.callbacks and "Callback" not in texts and "Failure-Callback" not in texts:
        return NO_CALLBACKS
    callback = options.callback(CALLBACK)
    nested_url = callback.texts.get("Failure-Callback")
    nested = _read_group(options.callback(CALLBACK_FAILURE), CALLBACK_FAILURE, nested_url, policy)
    return Callbacks(
        _read_group(callback, CALLBACK, texts.get("Callback"), policy, nested),
        _read_group(options.callback(FAILURE), FAILURE, texts.get("Failure-Callback"), policy),
    )


def _read_group(
    group: OptionGroup,
    prefix: str,
    url: str | None,
    policy: AddressPolicy,
    failure: CallbackOptions | None = None,
) -> CallbackOptions | None:
    if url is None and not group.texts and not group.forwarded and failure is None:
        return None
    checked_url = None if url is None else callback_url(url, prefix, policy)
    values = read_values(group.texts, prefix)
    if url is not None:
        refuse_workflow(group.texts, prefix)
    return CallbackOptions(checked_url, values, forwarded_lines(group.forwarded), failure)


def check_callback_quotas(callbacks: Callbacks, limits: Limits) -> None:
    callback, failure = callbacks
    groups = (
        (CALLBACK, callback),
        (CALLBACK_FAILURE, callback and callback.failure),
        (FAILURE, failure),
    )
    for prefix, options in groups:
        if options is not None:
            check_quotas(options.values, limits, prefix=prefix)
            check_delay(options.values.delay_ms or 0, limits)


def make_callback(
    options: CallbackOptions | None, redaction: Redaction | None, limits: Limits
) -> Callback | None:
    """Make the callback of a message that hides `redaction`; entries of the group add to it."""
    if options is None or options.url is None:
        return None
    values = options.values
    return Callback(
        url=options.url,
        method=values.method or "POST",
        headers=options.headers,
        timeout_ms=timeout_or_default_ms(values.timeout_ms, limits),
        max_retries=values.max_retries,
        retry_delay=values.retry_delay,
        delay_ms=values.delay_ms or 0,
        labels=values.labels,
        redaction=values.redaction and add_redactions(redaction, values.redaction),
        flow_control=values.flow_control,
        failure_callback=make_callback(options.failure, redaction, limits),
    )
