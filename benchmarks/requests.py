"""The requests that are sent, as templates: only stamps differ from one request to the next."""

from collections.abc import Callable, Mapping
from itertools import chain

import msgspec

from benchmarks.stamps import STAMP, STAMP_BYTES

Render = Callable[[int, int], bytes]

LANE = "{lane}"
"""Stands for a number of six digits: messages go round so many queues or keys."""


class Address(msgspec.Struct, frozen=True):
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A request around `items` stamped bodies, with a lane before each of them if there are any."""

    head: str
    opening: str
    before: str
    after: str
    closing: str
    items: int
    lanes: int = 0

    def renderer(self, tag: int) -> Render:
        """Return a function of (monotonic ns, first sequence number)."""
        stamp = STAMP.replace("%04d", f"{tag:04d}")
        item = _literal(self.before) + stamp + _literal(self.after)
        text = _literal(self.head + self.opening) + ",".join([item] * self.items)
        pattern = (text + _literal(self.closing)).encode()
        if self.lanes:
            return lambda now_ns, first: pattern % self._numbers(now_ns, first)
        if self.items == 1:
            return lambda now_ns, sequence: pattern % (now_ns, sequence)
        return lambda now_ns, first: pattern % _stamps(now_ns, first, self.items)

    def _numbers(self, now_ns: int, first: int) -> tuple[int, ...]:
        numbers = range(first, first + self.items)
        return tuple(chain.from_iterable((n % self.lanes, now_ns, n) for n in numbers))


def plain_request(address: Address, *, body_bytes: int) -> Template:
    """Post to a sink directly: the floor, as no server can be faster than none."""
    return _single("/x", address, {}, body_bytes=body_bytes)


def publish_request(
    address: Address,
    destination: str,
    *,
    token: str,
    body_bytes: int,
    headers: Mapping[str, str] | None = None,
    lanes: int = 0,
) -> Template:
    options = {"Authorization": f"Bearer {token}", **(headers or {})}
    path = f"/v2/publish/{destination}"
    return _single(path, address, options, body_bytes=body_bytes, lanes=lanes)


def enqueue_request(
    address: Address, queue: str, destination: str, *, token: str, body_bytes: int, lanes: int
) -> Template:
    options = {"Authorization": f"Bearer {token}"}
    path = f"/v2/enqueue/{queue}/{destination}"
    return _single(path, address, options, body_bytes=body_bytes, lanes=lanes)


def schedule_request(
    address: Address, destination: str, *, token: str, cron: str, body_bytes: int
) -> Template:
    """Make a schedule. Its body carries the stamp of its making."""
    options = {"Authorization": f"Bearer {token}", "Upstash-Cron": cron}
    return _single(f"/v2/schedules/{destination}", address, options, body_bytes=body_bytes)


def batch_request(
    address: Address,
    destination: str,
    *,
    token: str,
    body_bytes: int,
    items: int,
    headers: Mapping[str, str] | None = None,
    queue: str | None = None,
    lanes: int = 0,
) -> Template:
    options = {"Content-Type": "text/plain", **(headers or {})}
    item: dict[str, object] = {} if queue is None else {"queue": queue}
    item |= {"destination": destination, "headers": options, "body": "@"}
    before, after = msgspec.json.encode(item).decode().rsplit("@", 1)
    return _template(
        _head("/v2/batch", address, {"Authorization": f"Bearer {token}"}, "application/json"),
        ("[", before, _filler(body_bytes) + after, "]"),
        items=items,
        lanes=lanes,
    )


def _single(
    path: str,
    address: Address,
    headers: Mapping[str, str],
    *,
    body_bytes: int,
    lanes: int = 0,
) -> Template:
    head = _head(path, address, headers, "text/plain")
    return _template(head, ("", "", _filler(body_bytes), ""), items=1, lanes=lanes)


def _template(
    head: str, parts: tuple[str, str, str, str], *, items: int, lanes: int = 0
) -> Template:
    opening, before, after, closing = parts
    item_bytes = len(before) + STAMP_BYTES + len(after)
    length = len(opening) + items * item_bytes + (items - 1) + len(closing)
    return Template(
        head=f"{head}Content-Length: {length}\r\n\r\n",
        opening=opening,
        before=before,
        after=after,
        closing=closing,
        items=items,
        lanes=lanes,
    )


def _head(path: str, address: Address, headers: Mapping[str, str], content_type: str) -> str:
    lines = [f"POST {path} HTTP/1.1", f"Host: {address.host}:{address.port}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Type: {content_type}", ""])


def _filler(body_bytes: int) -> str:
    return "x" * max(body_bytes - STAMP_BYTES, 0)


def _literal(text: str) -> str:
    return text.replace("%", "%%").replace(LANE, "%06d")


def _stamps(now_ns: int, first: int, items: int) -> tuple[int, ...]:
    return tuple(chain.from_iterable((now_ns, first + i) for i in range(items)))
