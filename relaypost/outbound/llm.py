"""The way to the service behind `api/llm`. It asks no other URL, so no address is refused: that one
is the operator's choice. The operator's token is added here, and is known nowhere else.
"""

from dataclasses import replace

from relaypost.domain.outcomes import AttemptRequest, NotReached, Outcome
from relaypost.domain.types import Headers
from relaypost.outbound.sender import HttpSender
from relaypost.outbound.streams import Stream


class LlmSender:
    def __init__(self, http: HttpSender, *, url: str, token: str | None, timeout_ms: int) -> None:
        """`http` must be this sender's own: what it connects to, others may not reuse."""
        self._http = http
        self._token = token
        self._timeout_ms = timeout_ms
        self.url = url

    async def send(self, request: AttemptRequest) -> Outcome:
        """Make one attempt, wherever the message was bound for when it was accepted."""
        headers = self._authorize(request.headers)
        return await self._http.send(replace(request, url=self.url, headers=headers))

    async def ask(self, body: bytes, *, headers: Headers) -> Stream | NotReached:
        """Make one request whose answer is read while it comes."""
        return await self._http.open(
            AttemptRequest(
                url=self.url,
                method="POST",
                headers=self._authorize(headers),
                body=body,
                timeout_ms=self._timeout_ms,
            )
        )

    async def close(self) -> None:
        await self._http.close()

    def _authorize(self, headers: Headers) -> Headers:
        """Add the token, unless the message brings credentials of its own."""
        if self._token is None or any(name == "Authorization" for name, _ in headers):
            return headers
        return (*headers, ("Authorization", f"Bearer {self._token}"))
