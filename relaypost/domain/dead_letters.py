"""Dead letters: messages that failed for good and are kept."""

from dataclasses import dataclass

from relaypost.domain.messages import Message
from relaypost.domain.types import DeadLetterId, Headers


@dataclass(frozen=True, slots=True, kw_only=True)
class LastResponse:
    """The answer to the last attempt; synthetic when there was none (section 3.8)."""

    status: int
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    id: DeadLetterId
    message: Message
    response: LastResponse
