"""The life of a message: which moves are legal, and what follows from the outcome of an attempt.

              claimed              succeeded
   WAITING -----------> ACTIVE ----------------> DELIVERED
     ^  |                | | |
     |  | canceled       | | +-- exhausted ----> FAILED (dead letter)
     |  +--> CANCELED <--+ |
     |                     |
     +---------------------+  retried (due_at moves on), lease lost

Scheduled, retrying and parked are not states: they are WAITING with a later `due_at`, with
`retried > 0`, or held by a closed gate. The numbers of rules are those of section 3.15.
"""

import enum
from dataclasses import dataclass

from relaypost.domain.dead_letters import LastResponse
from relaypost.domain.logs import LogState, NewLogEntry
from relaypost.domain.messages import Message, NewMessage, State
from relaypost.domain.outcomes import NO_HINTS, Hints, NotReached, Outcome, Responded
from relaypost.domain.retries import pause_ms
from relaypost.domain.types import DeadLetterId, UnixMs


class Event(enum.Enum):
    CLAIMED = "claimed"
    SUCCEEDED = "succeeded"
    RETRIED = "retried"
    EXHAUSTED = "exhausted"
    CANCELED = "canceled"
    LEASE_LOST = "lease lost"


MOVES = {
    (State.WAITING, Event.CLAIMED): State.ACTIVE,
    (State.WAITING, Event.CANCELED): State.CANCELED,
    (State.ACTIVE, Event.SUCCEEDED): State.DELIVERED,
    (State.ACTIVE, Event.RETRIED): State.WAITING,
    (State.ACTIVE, Event.EXHAUSTED): State.FAILED,
    (State.ACTIVE, Event.CANCELED): State.CANCELED,
    (State.ACTIVE, Event.LEASE_LOST): State.WAITING,
}

NON_RETRYABLE = "489: non-retryable error"
TERMINAL = frozenset({State.DELIVERED, State.FAILED, State.CANCELED})


def move(state: State, event: Event) -> State:
    """The state that follows; an illegal move is a defect of the program and raises."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise AssertionError(f"no move from {state.name} when {event.value}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """Everything that one outcome changes.

    `entries` leaves out the entry of a terminal state, which every reader derives from the state
    itself. `report_max_retries` is set when a callback is due and is the number that it shows.
    """

    state: State
    retried: int
    due_at: UnixMs
    entries: tuple[NewLogEntry, ...] = ()
    response_status: int | None = None
    last_response: LastResponse | None = None
    """The answer to keep in the dead letter; set exactly when `state` is FAILED."""
    report_max_retries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A transition with what has to be written in the same transaction.

    When a cancel was recorded while the attempt was open, `if_canceled` applies instead.
    """

    message: Message
    transition: Transition
    if_canceled: Transition | None = None
    callbacks: tuple[NewMessage, ...] = ()
    dead_letter_id: DeadLetterId | None = None
    reached: bool = True
    """Whether the destination answered at all; its host's gate narrows when not."""


def settle(message: Message, outcome: Outcome, hints: Hints, *, now: UnixMs) -> Transition:
    """What follows from the outcome of an attempt at the time `now` (rules 3, 4 and 5)."""
    if outcome.is_success:
        return _delivered(message, outcome)
    if hints.non_retryable:
        return _failed(message, outcome, error=NON_RETRYABLE, max_retries=message.retried)
    if message.retried >= message.envelope.max_retries:
        return _failed(message, outcome, error=outcome.error, max_retries=message.retried)
    return _retried(message, outcome, due_at=UnixMs(now + _pause_ms(message, hints)))


def settle_canceled(
    message: Message, outcome: Outcome, hints: Hints = NO_HINTS
) -> Transition | None:
    """What applies instead when a cancel was asked for meanwhile (rule 9; rule 8 is no change)."""
    if outcome.is_success:
        return None
    error = NON_RETRYABLE if hints.non_retryable else outcome.error
    return Transition(
        state=move(message.state, Event.CANCELED),
        retried=message.retried,
        due_at=message.due_at,
        entries=(_error_entry(outcome, error=error),),
    )


def _delivered(message: Message, outcome: Outcome) -> Transition:
    return Transition(
        state=move(message.state, Event.SUCCEEDED),
        retried=message.retried,
        due_at=message.due_at,
        response_status=outcome.status,
        report_max_retries=message.envelope.max_retries,
    )


def _retried(message: Message, outcome: Outcome, *, due_at: UnixMs) -> Transition:
    retry = NewLogEntry(state=LogState.RETRY, next_delivery_at=due_at)
    return Transition(
        state=move(message.state, Event.RETRIED),
        retried=message.retried + 1,
        due_at=due_at,
        entries=(_error_entry(outcome, error=outcome.error, next_delivery_at=due_at), retry),
        report_max_retries=message.envelope.max_retries,
    )


def _failed(message: Message, outcome: Outcome, *, error: str, max_retries: int) -> Transition:
    return Transition(
        state=move(message.state, Event.EXHAUSTED),
        retried=message.retried,
        due_at=message.due_at,
        entries=(_error_entry(outcome, error=error),),
        response_status=outcome.status,
        last_response=last_response(outcome),
        report_max_retries=max_retries,
    )


def last_response(outcome: Outcome) -> LastResponse:
    """The answer that dead letters and callbacks show, made up if there was none (section 3.8)."""
    if isinstance(outcome, Responded):
        return LastResponse(status=outcome.status, headers=outcome.headers, body=outcome.body)
    return LastResponse(status=outcome.status, body=outcome.error.encode())


def _pause_ms(message: Message, hints: Hints) -> int:
    return pause_ms(
        message.retried,
        retry_delay=message.envelope.retry_delay,
        hint_ms=hints.retry_after_ms,
    )


def _error_entry(
    outcome: Outcome, *, error: str, next_delivery_at: UnixMs | None = None
) -> NewLogEntry:
    if isinstance(outcome, NotReached):
        return NewLogEntry(state=LogState.ERROR, next_delivery_at=next_delivery_at, error=error)
    return NewLogEntry(
        state=LogState.ERROR,
        next_delivery_at=next_delivery_at,
        error=error,
        response_status=outcome.status,
        response_headers=outcome.headers,
        response_body=outcome.body,
    )
