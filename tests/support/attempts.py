"""Factories for what a sender is given."""

from relaypost.domain.outcomes import AttemptRequest
from relaypost.domain.types import Headers


def attempt_request(
    url: str,
    *,
    method: str = "POST",
    headers: Headers = (),
    body: bytes = b"{}",
    timeout_ms: int = 5_000,
    keep_body: bool = True,
) -> AttemptRequest:
    return AttemptRequest(
        url=url,
        method=method,
        headers=headers,
        body=body,
        timeout_ms=timeout_ms,
        keep_body=keep_body,
    )
