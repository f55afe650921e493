"""Factories for what the domain and the store speak of: all by default, overrides by name."""

from dataclasses import replace
from typing import Any

from relaypost.domain.dead_letters import LastResponse
from relaypost.domain.lifecycle import Settlement, last_response, settle, settle_canceled
from relaypost.domain.messages import (
    Callback,
    Deduplication,
    Envelope,
    Message,
    NewMessage,
    Publication,
    State,
)
from relaypost.domain.outcomes import NO_HINTS, Hints, NotReached, Outcome, Responded, Trouble
from relaypost.domain.projects import Project, SigningKeys
from relaypost.domain.sequences import sequence
from relaypost.domain.types import DeadLetterId, MessageId, ProjectId, UnixMs

NOW = UnixMs(1_795_525_409_034)
PROJECT = ProjectId(1)
OTHER_PROJECT = ProjectId(2)
URL = "https://api.example.com/orders"
MINUTE = 60_000

OK = Responded(status=200)
BUSY = Responded(status=503, headers=(("Content-Type", "text/plain"),), body=b"busy")
DOWN = NotReached(trouble=Trouble.CONNECTION, error="connection failed: connection refused")


def project(id: ProjectId = PROJECT, **overrides: Any) -> Project:
    plain = Project(
        id=id, name=f"project-{id}", keys=SigningKeys(current="sig_current", next="sig_next")
    )
    return replace(plain, **overrides)


def callback(url: str = "https://back.example.com/done", **overrides: Any) -> Callback:
    return replace(Callback(url=url, timeout_ms=20_000), **overrides)


def envelope(url: str = URL, **overrides: Any) -> Envelope:
    plain = Envelope(url=url, body=b'{"order":71}', timeout_ms=20_000, max_retries=3)
    return replace(plain, **overrides)


def new_message(url: str = URL, **overrides: Any) -> NewMessage:
    """A message not yet accepted; what `NewMessage` does not know goes into its envelope."""
    own = {
        name: overrides.pop(name)
        for name in ("project_id", "delay_ms", "not_before")
        if name in overrides
    }
    fields: dict[str, Any] = {"project_id": PROJECT, "envelope": envelope(url, **overrides)}
    return NewMessage(**fields | own)


def publication(
    *messages: NewMessage, key: bytes | None = None, window_ms: int = 600_000
) -> Publication:
    deduplication = None if key is None else Deduplication(key=key, window_ms=window_ms)
    return Publication(messages=messages or (new_message(),), deduplication=deduplication)


def message(**overrides: Any) -> Message:
    """A message under way; what `Message` does not know goes into its envelope."""
    fields: dict[str, Any] = {
        "id": MessageId(sequence(NOW)),
        "project_id": PROJECT,
        "state": State.ACTIVE,
        "not_before": NOW,
        "due_at": NOW,
    }
    known = (*fields, "retried", "cancel_requested", "envelope")
    own = {name: overrides.pop(name) for name in known if name in overrides}
    fields["envelope"] = envelope(**overrides)
    return Message(**fields | own)


def settlement(
    of: Message,
    outcome: Outcome = OK,
    *,
    hints: Hints = NO_HINTS,
    now: UnixMs = NOW,
    callbacks: tuple[NewMessage, ...] = (),
    dead_letter_id: DeadLetterId | None = None,
) -> Settlement:
    """What the engine would write down of an attempt; a failure for good gets a dead letter."""
    transition = settle(of, outcome, hints, now=now)
    if transition.state is State.FAILED and dead_letter_id is None:
        dead_letter_id = DeadLetterId(of.id)
    return Settlement(
        message=of,
        transition=transition,
        if_canceled=settle_canceled(of, outcome, hints),
        callbacks=callbacks,
        dead_letter_id=dead_letter_id,
        reached=isinstance(outcome, Responded),
    )


def response(outcome: Outcome = BUSY) -> LastResponse:
    return last_response(outcome)
