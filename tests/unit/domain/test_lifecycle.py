"""The life of a message: which moves are legal, and what follows from the outcome of an attempt."""

import itertools

import pytest

from relaypost.domain.lifecycle import (
    MOVES,
    NON_RETRYABLE,
    TERMINAL,
    Event,
    Transition,
    last_response,
    move,
    settle,
    settle_canceled,
)
from relaypost.domain.logs import LogState, NewLogEntry
from relaypost.domain.messages import State
from relaypost.domain.outcomes import NO_HINTS, Hints, NotReached, Responded, Trouble
from relaypost.domain.types import UnixMs
from tests.support.messages import BUSY, DOWN, NOW, OK, message

LATER = UnixMs(NOW + 12_182)
"""When the first retry is due by default (section 3.9)."""

FORBIDDEN = Responded(status=489)
NEVER_AGAIN = Hints(non_retryable=True)


@pytest.mark.parametrize(
    ("before", "event", "after"),
    [
        (State.WAITING, Event.CLAIMED, State.ACTIVE),
        (State.WAITING, Event.CANCELED, State.CANCELED),
        (State.ACTIVE, Event.SUCCEEDED, State.DELIVERED),
        (State.ACTIVE, Event.RETRIED, State.WAITING),
        (State.ACTIVE, Event.EXHAUSTED, State.FAILED),
        (State.ACTIVE, Event.CANCELED, State.CANCELED),
        (State.ACTIVE, Event.LEASE_LOST, State.WAITING),
    ],
)
def test_legal_moves(before: State, event: Event, after: State) -> None:
    assert move(before, event) is after


@pytest.mark.parametrize(
    ("state", "event"),
    [pair for pair in itertools.product(State, Event) if pair not in MOVES],
)
def test_all_other_moves_raise(state: State, event: Event) -> None:
    with pytest.raises(AssertionError, match=f"no move from {state.name} when {event.value}"):
        move(state, event)


def test_the_table_is_complete() -> None:
    assert len(MOVES) == 7
    assert not any(state in TERMINAL for state, _ in MOVES), "a terminal state is the end"
    assert set(MOVES.values()) == set(State)


def test_a_success() -> None:
    one = message(retried=2, max_retries=3)
    assert settle(one, Responded(status=299), NO_HINTS, now=NOW) == Transition(
        state=State.DELIVERED,
        retried=2,
        due_at=one.due_at,
        response_status=299,
        report_max_retries=3,
    )


@pytest.mark.parametrize("status", [200, 204, 299])
def test_hints_of_a_success_are_nothing(status: int) -> None:
    outcome = Responded(status=status)
    hints = Hints(retry_after_ms=5, non_retryable=True)
    assert settle(message(), outcome, hints, now=NOW).state is State.DELIVERED


def test_a_failure_with_attempts_left() -> None:
    assert settle(message(), BUSY, NO_HINTS, now=NOW) == Transition(
        state=State.WAITING,
        retried=1,
        due_at=LATER,
        entries=(
            NewLogEntry(
                state=LogState.ERROR,
                next_delivery_at=LATER,
                error="503 Service Unavailable",
                response_status=503,
                response_headers=BUSY.headers,
                response_body=BUSY.body,
            ),
            NewLogEntry(state=LogState.RETRY, next_delivery_at=LATER),
        ),
        report_max_retries=3,
    )


def test_a_failure_without_an_answer() -> None:
    error, retry = settle(message(), DOWN, NO_HINTS, now=NOW).entries
    assert error == NewLogEntry(
        state=LogState.ERROR, next_delivery_at=LATER, error="connection failed: connection refused"
    )
    assert retry.state is LogState.RETRY


def test_the_pause_counts_from_the_end_of_the_attempt() -> None:
    one = message(due_at=UnixMs(NOW - 50_000))
    assert settle(one, BUSY, NO_HINTS, now=NOW).due_at == LATER


def test_a_failure_without_attempts_left() -> None:
    one = message(retried=3, max_retries=3)
    assert settle(one, BUSY, NO_HINTS, now=NOW) == Transition(
        state=State.FAILED,
        retried=3,
        due_at=one.due_at,
        entries=(
            NewLogEntry(
                state=LogState.ERROR,
                error="503 Service Unavailable",
                response_status=503,
                response_headers=BUSY.headers,
                response_body=BUSY.body,
            ),
        ),
        response_status=503,
        last_response=last_response(BUSY),
        report_max_retries=3,
    )


def test_a_failure_that_forbids_retries() -> None:
    failed = settle(message(retried=1, max_retries=3), FORBIDDEN, NEVER_AGAIN, now=NOW)
    assert failed.state is State.FAILED
    assert [entry.error for entry in failed.entries] == [NON_RETRYABLE]
    assert failed.report_max_retries == 1, "so that the reader sees it is the last (3.12)"


@pytest.mark.parametrize("retried", [0, 3])
def test_a_failure_after_a_cancel(retried: int) -> None:
    one = message(retried=retried, max_retries=3)
    assert settle_canceled(one, BUSY) == Transition(
        state=State.CANCELED,
        retried=retried,
        due_at=one.due_at,
        entries=(
            NewLogEntry(
                state=LogState.ERROR,
                error="503 Service Unavailable",
                response_status=503,
                response_headers=BUSY.headers,
                response_body=BUSY.body,
            ),
        ),
    )


def test_a_forbidden_retry_after_a_cancel_is_named() -> None:
    canceled = settle_canceled(message(), FORBIDDEN, NEVER_AGAIN)
    assert canceled is not None
    assert [entry.error for entry in canceled.entries] == [NON_RETRYABLE]


def test_a_success_after_a_cancel_is_a_success() -> None:
    assert settle_canceled(message(), OK) is None


def test_the_last_response_is_the_answer() -> None:
    answered = last_response(BUSY)
    assert (answered.status, answered.headers, answered.body) == (503, BUSY.headers, b"busy")


@pytest.mark.parametrize(
    ("trouble", "status"), [(Trouble.TIMEOUT, 504), (Trouble.DNS, 502), (Trouble.TLS, 502)]
)
def test_without_an_answer_the_last_response_is_made_up(trouble: Trouble, status: int) -> None:
    made = last_response(NotReached(trouble=trouble, error="it went wrong"))
    assert (made.status, made.headers, made.body) == (status, (), b"it went wrong")


def test_only_an_attempt_under_way_has_an_outcome() -> None:
    with pytest.raises(AssertionError, match="no move from WAITING"):
        settle(message(state=State.WAITING), OK, NO_HINTS, now=NOW)
