"""The recorded requests of the official SDKs, as the bytes that they were."""

import asyncio
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.support.servers import ROOT

FOLDER = ROOT / "tests/golden"
TOKEN = "TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request of an SDK, and the status that a stub gave it."""

    name: str
    call: str
    status: int | None
    """That of the stub; `None` when it closed the connection."""
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def refer_to(self, ids: Mapping[str, str]) -> "Recorded":
        """The request with ids that exist in place of recorded ones."""
        recorded = re.compile("|".join(map(re.escape, ids)) or "(?!)")
        target, body = (
            recorded.sub(lambda found: ids[found[0]], text)
            for text in (self.target, self.body.decode("utf-8", "surrogateescape"))
        )
        encoded = body.encode("utf-8", "surrogateescape")
        headers = tuple(
            (name, str(len(encoded)) if name.lower() == "content-length" else value)
            for name, value in self.headers
        )
        return replace(self, target=target, headers=headers, body=encoded)

    def encode(self, token: str) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", "Host: relaypost"]
        lines += [
            f"{name}: {value.replace(TOKEN, token) if name.lower() == 'authorization' else value}"
            for name, value in self.headers
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return self.status // 100 == 2

    def json(self) -> Any:
        assert self.headers.get("content-type") == "application/json"
        return json.loads(self.body)


def recorded(sdk: str) -> list[Recorded]:
    """What one SDK was seen to send, in order; calls that it refused itself sent nothing."""
    lines = (FOLDER / f"{sdk}.jsonl").read_text("utf-8").splitlines()
    rows = [(number, json.loads(line)) for number, line in enumerate(lines, start=1)]
    return [_read(number, row) for number, row in rows if row["request"] is not None]


def _read(number: int, row: Mapping[str, Any]) -> Recorded:
    request = row["request"]
    body = request["body"]
    return Recorded(
        name=f"line {number}: {row['call']}",
        call=row["call"].removeprefix("[sync] ").removeprefix("[async] "),
        status=row["answer"].get("status"),
        method=request["method"],
        target=request["path"],
        headers=tuple(request["headers"].items()),
        body=b64decode(body["base64"]) if isinstance(body, dict) else body.encode(),
    )


class Connection:
    """One kept-alive connection to a server, on which bytes are sent as they are."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def exchange(self, request: bytes) -> Answered:
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answered(int(status_line.split(" ")[1]), headers, body)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
