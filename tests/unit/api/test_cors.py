"""What browser applications of other origins are told."""

from relaypost.api.cors import Cors
from relaypost.api.http import RawHeaders

ORIGIN = b"https://app.example"


def request(origin: bytes | None, *more: tuple[bytes, bytes]) -> RawHeaders:
    return [*([] if origin is None else [(b"origin", origin)]), *more]


def test_any_origin() -> None:
    expected = [
        (b"access-control-allow-origin", b"*"),
        (b"access-control-expose-headers", b"*"),
    ]

    assert Cors().headers(request(None)) == expected
    assert Cors().headers(request(ORIGIN)) == expected


def test_named_origins() -> None:
    cors = Cors((ORIGIN.decode(), "https://other.example"))

    assert dict(cors.headers(request(ORIGIN))) == {
        b"access-control-allow-origin": ORIGIN,
        b"access-control-expose-headers": b"*",
        b"vary": b"Origin",
    }
    assert cors.headers(request(b"https://evil.example")) == []
    assert cors.headers(request(None)) == []


def test_no_origin() -> None:
    cors = Cors(())

    assert cors.headers(request(ORIGIN)) == []
    assert cors.preflight(request(ORIGIN)).headers == []


def test_preflight_allows_what_was_asked_for() -> None:
    asked = b"authorization,upstash-forward-x"

    answer = Cors().preflight(request(ORIGIN, (b"access-control-request-headers", asked)))

    assert answer.status == 204
    assert dict(answer.headers) == {
        b"access-control-allow-methods": b"GET, POST, PUT, PATCH, DELETE, OPTIONS",
        b"access-control-allow-headers": asked,
        b"access-control-max-age": b"86400",
    }
    assert (b"access-control-allow-headers", b"*") in Cors().preflight([]).headers
