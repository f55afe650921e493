"""The whole life of a message, by whatever outcomes: `settle` until the end."""

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.lifecycle import TERMINAL, Transition, settle, settle_canceled
from relaypost.domain.logs import LogState
from relaypost.domain.messages import Message, State
from relaypost.domain.outcomes import NO_HINTS, Hints, NotReached, Outcome, Responded, Trouble
from relaypost.domain.types import UnixMs
from tests.support.messages import NOW, message

DAY_MS = 86_400_000

answers = st.builds(Responded, status=st.integers(100, 999), body=st.binary(max_size=4))
silences = st.builds(NotReached, trouble=st.sampled_from(Trouble), error=st.just("no answer"))
outcomes = st.one_of(answers, silences)
hints = st.builds(
    Hints,
    retry_after_ms=st.none() | st.integers(0, DAY_MS),
    non_retryable=st.booleans(),
)
attempts = st.tuples(outcomes, st.just(NO_HINTS) | hints)
delays = st.none() | st.sampled_from(["0", "1000 * retried", "1000/retried", "sqrt(0 - 1)"])


@dataclass
class Life:
    """A message driven to its end."""

    message: Message
    now: UnixMs = NOW
    transitions: list[Transition] = field(default_factory=list)

    def attempt(self, outcome: Outcome, given_hints: Hints) -> Transition:
        before, self.now = self.message, UnixMs(max(self.now, self.message.due_at) + 5)
        active = replace(before, state=State.ACTIVE)
        transition = settle(active, outcome, given_hints, now=self.now)
        self.transitions.append(transition)
        self.message = replace(
            before,
            state=transition.state,
            retried=transition.retried,
            due_at=transition.due_at,
        )
        return transition

    @property
    def is_over(self) -> bool:
        return self.message.state in TERMINAL


@st.composite
def lives(draw: st.DrawFn) -> Life:
    life = Life(
        message(max_retries=draw(st.integers(0, 6)), retry_delay=draw(delays)),
    )
    while not life.is_over:
        life.attempt(*draw(attempts))
    return life


@given(lives())
def test_there_is_an_end_after_at_most_so_many_attempts(life: Life) -> None:
    assert len(life.transitions) <= 1 + life.message.envelope.max_retries
    assert life.message.retried == len(life.transitions) - 1, "counted before the last attempt"


@given(lives())
def test_only_the_last_attempt_ends_it(life: Life) -> None:
    *before, last = life.transitions
    assert all(transition.state is State.WAITING for transition in before)
    assert last.state in {State.DELIVERED, State.FAILED}


@given(lives())
def test_every_attempt_is_reported_and_the_last_is_recognised(life: Life) -> None:
    """Section 3.12: a reader takes `retried == maxRetries`, or a 2xx, for the last."""
    max_retries = life.message.envelope.max_retries
    for number, transition in enumerate(life.transitions):
        reported = transition.report_max_retries
        assert reported is not None
        looks_last = number == reported or transition.state is State.DELIVERED
        assert looks_last == (transition is life.transitions[-1])
        if transition.state is not State.FAILED:
            assert reported == max_retries


@given(lives())
def test_what_each_transition_holds(life: Life) -> None:
    """The fields of section 3.16; the entry of a terminal state is left to its reader."""
    for transition in life.transitions:
        states = [entry.state for entry in transition.entries]
        match transition.state:
            case State.WAITING:
                assert states == [LogState.ERROR, LogState.RETRY]
                assert {entry.next_delivery_at for entry in transition.entries} == {
                    transition.due_at
                }
            case State.FAILED:
                assert states == [LogState.ERROR]
                assert transition.entries[0].next_delivery_at is None
            case _:
                assert states == []
        assert (transition.last_response is not None) == (transition.state is State.FAILED)


@given(lives(), attempts)
def test_a_retry_is_never_before_now_and_never_after_a_day(
    life: Life, attempt: tuple[Outcome, Hints]
) -> None:
    one = replace(life.message, state=State.ACTIVE, retried=0)
    transition = settle(one, *attempt, now=life.now)
    if transition.state is State.WAITING:
        assert life.now <= transition.due_at <= life.now + DAY_MS
        if attempt[1].retry_after_ms is not None:
            assert transition.due_at == life.now + attempt[1].retry_after_ms


@given(attempts)
def test_after_a_cancel_nothing_is_repeated_nor_reported(attempt: tuple[Outcome, Hints]) -> None:
    outcome, given_hints = attempt
    canceled = settle_canceled(message(), outcome, given_hints)
    if outcome.is_success:
        assert canceled is None
    else:
        assert canceled is not None
        assert canceled.state is State.CANCELED
        assert [entry.state for entry in canceled.entries] == [LogState.ERROR]
        assert canceled.report_max_retries is None
        assert canceled.last_response is None


@given(attempts)
def test_an_answer_is_shown_as_it_came(attempt: tuple[Outcome, Hints]) -> None:
    outcome, given_hints = attempt
    transition = settle(message(max_retries=0), outcome, given_hints, now=NOW)
    if transition.state is State.FAILED:
        (error,) = transition.entries
        was_answered = isinstance(outcome, Responded)
        assert (error.response_status is not None) == was_answered
        assert transition.last_response is not None
        assert transition.last_response.status == outcome.status
        assert was_answered or transition.last_response.body == b"no answer"
