"""Answers for browser applications of other origins (section 1.11)."""

from relaypost.api.http import RawHeaders, Response

METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
EXPOSE = (b"access-control-expose-headers", b"*")


class Cors:
    """Which origins may call: any (`*`), those named, or none."""

    def __init__(self, origins: tuple[str, ...] = ("*",)) -> None:
        self._origins = {origin.encode() for origin in origins}
        self._any = [(b"access-control-allow-origin", b"*"), EXPOSE] if "*" in origins else None

    def headers(self, request: RawHeaders) -> RawHeaders:
        """What every answer carries."""
        if self._any is not None:
            return self._any
        origin = _find(request, b"origin")
        if origin is None or origin not in self._origins:
            return []
        return [(b"access-control-allow-origin", origin), EXPOSE, (b"vary", b"Origin")]

    def preflight(self, request: RawHeaders) -> Response:
        """The answer to `OPTIONS`; a plain `*` would not cover `Authorization`."""
        if not self._origins:
            return Response(204)
        asked = _find(request, b"access-control-request-headers") or b"*"
        return Response(
            204,
            headers=[
                (b"access-control-allow-methods", METHODS),
                (b"access-control-allow-headers", asked),
                (b"access-control-max-age", b"86400"),
            ],
        )


def _find(headers: RawHeaders, name: bytes) -> bytes | None:
    return next((value for key, value in headers if key == name), None)
