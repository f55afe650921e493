"""Requests as bytes and answers as they come: nothing that an HTTP client would mend or refuse."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from relaypost.wire.tokens import DEVELOPMENT_USERS

DEVELOPMENT_TOKEN = DEVELOPMENT_USERS[0].token
WAIT_SECONDS = 15.0
Lines = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        assert self.headers["content-type"] == "application/json"
        text: str = self.json["error"]
        return text


class Wire:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def end_sending(self) -> None:
        self._writer.write_eof()

    async def reply(self, *, to_head: bool = False) -> Reply:
        """The next answer; one to HEAD has no body, whatever it says."""
        async with asyncio.timeout(WAIT_SECONDS):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = {name.lower(): value for name, _, value in _split(lines)}
            length = 0 if to_head else int(headers.get("content-length", "0"))
            body = await self._reader.readexactly(length)
        return Reply(int(status_line.split(" ")[1]), headers, body)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The chunks of a body, as they were written."""
        async with asyncio.timeout(WAIT_SECONDS):
            while size := int(await self._reader.readline(), 16):
                yield (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readline()

    async def wait_closed(self) -> bytes:
        """What still comes until the server ends the connection; a reset is a failure."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._reader.read()

    async def first_byte(self) -> bytes:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._reader.readexactly(1)

    def close(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def connected(
    port: int, host: str = "127.0.0.1", *, read_limit: int = 1 << 24
) -> AsyncIterator[Wire]:
    """Connect; with a small limit, what nobody asks for stays with the server."""
    reader, writer = await asyncio.open_connection(host, port, limit=read_limit)
    wire = Wire(reader, writer)
    try:
        yield wire
    finally:
        wire.close()


def request(
    method: str,
    target: str | bytes,
    *headers: tuple[str, str],
    token: str | None = DEVELOPMENT_TOKEN,
    body: bytes | None = None,
) -> bytes:
    """The bytes of a request, with the token of the first development user unless told else."""
    raw = target if isinstance(target, bytes) else target.encode("latin-1")
    lines: list[tuple[str, str]] = [("Host", "relay"), *headers]
    if token is not None:
        lines.append(("Authorization", f"Bearer {token}"))
    if body is not None:
        lines.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (
        method.encode(),
        raw,
        head.encode("latin-1"),
        body or b"",
    )


async def ask(
    port: int,
    method: str,
    target: str | bytes,
    *headers: tuple[str, str],
    token: str | None = DEVELOPMENT_TOKEN,
    body: bytes | None = None,
    host: str = "127.0.0.1",
) -> Reply:
    """One request on a connection of its own."""
    async with connected(port, host) as wire:
        await wire.send(request(method, target, *headers, token=token, body=body))
        return await wire.reply(to_head=method == "HEAD")


def _split(lines: list[str]) -> list[tuple[str, str, str]]:
    return [
        (name, colon, value.strip()) for name, colon, value in (x.partition(":") for x in lines)
    ]
