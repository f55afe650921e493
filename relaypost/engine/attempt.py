"""One attempt: build the request, send it, name the outcome. It decides nothing."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from relaypost.domain.expressions import delay_ms
from relaypost.domain.lifecycle import Settlement, last_response, settle, settle_canceled
from relaypost.domain.messages import Message, State
from relaypost.domain.outcomes import (
    NO_HINTS,
    AttemptRequest,
    Hints,
    NotReached,
    Outcome,
    Responded,
    Trouble,
)
from relaypost.domain.projects import SigningKeys
from relaypost.domain.sequences import first_after, next_sequence
from relaypost.domain.types import DeadLetterId, ProjectId, Sequence, UnixMs
from relaypost.domain.urls import host_of, path_of
from relaypost.engine.sender import Sender
from relaypost.runtime import Clock, Ids
from relaypost.wire.callbacks import callback_messages
from relaypost.wire.hints import read_hints
from relaypost.wire.ids import message_text
from relaypost.wire.outgoing import attempt_request
from relaypost.wire.signature import sign

log = logging.getLogger(__name__)

KeysOf = Callable[[ProjectId], SigningKeys]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How deliveries are signed and marked."""

    keys_of: KeysOf
    region: str | None = None
    backdate_seconds: int = 0


UNREACHED_SECONDS = 0.02
"""What an attempt takes longer that reached nobody: its host's next one waits for that, so that a
host that is down gets some fifty attempts a second, however many messages wait for it."""

INTERNAL_ERROR = NotReached(trouble=Trouble.CONNECTION, error="connection failed: internal error")
"""What a defect of ours makes of an attempt: no message may stay open for ever."""


class Attempts:
    """Makes attempts; holds what they share."""

    def __init__(
        self,
        sender: Sender,
        *,
        clock: Clock,
        ids: Ids,
        signing: Signing,
        apis: Mapping[str, Sender],
    ) -> None:
        """`apis` are the ways to what messages name instead of a URL; one may be missing now that
        was there when a message was accepted."""
        self._sender = sender
        self._apis = apis
        self._clock = clock
        self._ids = ids
        self._signing = signing
        # Those of an earlier start are behind: the clock is never before the newest stored time.
        self._last_dead_letter = Sequence(first_after(clock.now()) - 1)

    async def make(self, message: Message) -> Settlement:
        """Send the message once and say what follows."""
        outcome = await self._send(message)
        if isinstance(outcome, NotReached):
            await asyncio.sleep(UNREACHED_SECONDS)
        try:
            return self._conclude(message, outcome)
        except Exception:
            log.exception("an outcome could not be judged", extra=ids_of(message))
            return self._conclude(message, INTERNAL_ERROR, reports=False)

    async def _send(self, message: Message) -> Outcome:
        api = message.envelope.api
        sender = self._sender if api is None else self._apis.get(api)
        if sender is None:
            error = f"api {api} is not configured"
            return NotReached(trouble=Trouble.NOT_CONFIGURED, error=error)
        try:
            return await sender.send(self._request(message))
        except Exception:
            log.exception("an attempt failed inside relaypost", extra=ids_of(message))
            return INTERNAL_ERROR

    def _conclude(self, message: Message, outcome: Outcome, *, reports: bool = True) -> Settlement:
        hints = self._hints(outcome)
        now = self._clock.now()
        transition = settle(message, outcome, hints, now=now)
        if transition.state is State.WAITING and hints.retry_after_ms is None:
            _note_fault(message)
        dead_letter_id = self._dead_letter_id(now) if transition.state is State.FAILED else None
        return Settlement(
            message=message,
            transition=transition,
            if_canceled=settle_canceled(message, outcome, hints),
            callbacks=callback_messages(
                message, transition, last_response(outcome), dead_letter_id=dead_letter_id
            )
            if reports
            else (),
            dead_letter_id=dead_letter_id,
            reached=isinstance(outcome, Responded),
        )

    def _request(self, message: Message) -> AttemptRequest:
        signing = self._signing
        signature = sign(
            message.envelope.url,
            message.envelope.body,
            key=signing.keys_of(message.project_id).current,
            now_seconds=self._clock.system_now() // 1000 - signing.backdate_seconds,
            jti=self._ids.new("jwt_"),
        )
        return attempt_request(message, signature=signature, region=signing.region)

    def _hints(self, outcome: Outcome) -> Hints:
        if outcome.is_success or isinstance(outcome, NotReached):
            return NO_HINTS
        return read_hints(outcome.status, outcome.headers, now=self._clock.system_now())

    def _dead_letter_id(self, now: UnixMs) -> DeadLetterId:
        self._last_dead_letter = next_sequence(self._last_dead_letter, now)
        return DeadLetterId(self._last_dead_letter)


def _note_fault(message: Message) -> None:
    """Say when the message's own expression gives no number for this pause (section 2.8)."""
    expression = message.envelope.retry_delay
    if expression is not None and delay_ms(expression, message.retried) is None:
        log.warning("a retry delay is no number: the default is used", extra=ids_of(message))


def describe(settlement: Settlement, *, took_ms: int) -> dict[str, object]:
    """The fields of the one log line of an attempt.

    Of the URL only what names the place, of an answer only its status: user info, queries and the
    targets of redirects hold secrets.
    """
    message, transition = settlement.message, settlement.transition
    failure = next((entry for entry in transition.entries if entry.error), None)
    status = failure.response_status if failure else transition.response_status
    return ids_of(message) | {
        "method": message.envelope.method,
        "url": _place(message.envelope.url),
        "retried": message.retried,
        "max_retries": message.envelope.max_retries,
        "state": transition.state.name,
        "status": status,
        "error": failure.error if failure and status is None else None,
        "due_at": transition.due_at if transition.state is State.WAITING else None,
        "took_ms": took_ms,
    }


def _place(url: str) -> str:
    scheme, _, _ = url.partition("://")
    return f"{scheme}://{host_of(url)}{path_of(url)}"


def ids_of(message: Message) -> dict[str, object]:
    return {"message_id": message_text(message.id), "project_id": message.project_id}
