"""A destination that answers with anything but what HTTP asks for."""

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

RESET = struct.pack("ii", 1, 0)
ANSWERS = (
    b"",
    b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"HTTP/1.1 999999 What\r\n\r\n",
    b"HTTP/9.9 200 OK\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000,
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"\x15\x03\x03\x00\x02\x02\x28",
)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        number = int(head.split(b" ")[1].strip(b"/"))
        kind = number % (len(ANSWERS) + 2)
        if kind < len(ANSWERS):
            writer.write(ANSWERS[kind])
        elif kind == len(ANSWERS):
            writer.write(os.urandom(2_000))
        else:
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.close()
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.transport.abort()


@asynccontextmanager
async def rude() -> AsyncIterator[str]:
    """Its URL; a request to `/<number>` is answered in the way of that number."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
