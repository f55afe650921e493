"""The bytes of a request (sections 3.2, 3.3). `Host`, `Content-Length` and credentials from the
URL are added here; all other headers come with the request.
"""

from relaypost.domain.errors import Invalid
from relaypost.domain.outcomes import AttemptRequest
from relaypost.domain.urls import Destination

_METHODS_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def request_head(request: AttemptRequest, destination: Destination) -> bytes:
    """Everything before the body."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in request.headers])
    # Headers were checked when accepted; this keeps a mistake there from splitting requests.
    lines = len(request.headers)
    if fields.count("\n") != lines or fields.count("\r") != lines:
        raise Invalid("a header has a line break")
    start = f"{request.method} {destination.target.decode('ascii')} HTTP/1.1\r\n"
    head = f"{start}Host: {destination.authority}\r\n{_added(request, destination)}{fields}\r\n"
    try:
        return head.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise Invalid("a header has characters that are no text") from None


def _added(request: AttemptRequest, destination: Destination) -> str:
    added = ""
    if request.body or request.method in _METHODS_WITH_BODY:
        added = f"Content-Length: {len(request.body)}\r\n"
    credentials = destination.authorization
    if credentials and not any(name == "Authorization" for name, _ in request.headers):
        added += f"Authorization: {credentials}\r\n"
    return added
