"""The request to the destination (sections 3.2 to 3.4)."""

from relaypost.domain.messages import Message
from relaypost.domain.outcomes import AttemptRequest
from relaypost.domain.types import Headers
from relaypost.wire.ids import message_text

USER_AGENT = ("User-Agent", "Upstash-QStash")
ACCEPT_ENCODING = ("Accept-Encoding", "identity")


def attempt_request(message: Message, *, signature: str, region: str | None) -> AttemptRequest:
    """Everything of an attempt but `Host` and `Content-Length`, which the sender adds."""
    envelope = message.envelope
    return AttemptRequest(
        url=envelope.url,
        method=envelope.method,
        headers=_defaults(envelope.headers) + envelope.headers + _own(message, signature, region),
        body=envelope.body,
        timeout_ms=envelope.timeout_ms,
        keep_body=envelope.callback is not None,
    )


def _defaults(forwarded: Headers) -> Headers:
    """What is sent unless the publisher forwarded a header of that name."""
    names = {name for name, _ in forwarded}
    return tuple(line for line in (USER_AGENT, ACCEPT_ENCODING) if line[0] not in names)


def _own(message: Message, signature: str, region: str | None) -> Headers:
    """The headers that belong to the server; forwarded ones of these names never got this far."""
    envelope = message.envelope
    own = [
        ("Upstash-Message-Id", message_text(message.id)),
        ("Upstash-Retried", str(message.retried)),
        ("Upstash-Signature", signature),
    ]
    optional = (
        ("Upstash-Caller-Ip", envelope.caller_ip),
        ("Upstash-Topic-Name", envelope.topic_name),
        ("Upstash-Schedule-Id", envelope.schedule_id),
        ("Upstash-Region", region),
    )
    own += [(name, value) for name, value in optional if value is not None]
    return tuple(own)
