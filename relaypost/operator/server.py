"""The socket on which a running server takes commands: one JSON line each way, then it closes.

Who may write to the file may do everything; its mode lets only the user of the server.
"""

import asyncio
import contextlib
import os
import socket
import stat

from relaypost.operator.commands import answer
from relaypost.operator.paths import short_path
from relaypost.service.administration import Administration

BACKLOG = 16
PATIENCE_SECONDS = 10
MAX_LINE = 65_536


class OperatorSocket:
    def __init__(self, path: str) -> None:
        """Listen; whoever calls holds the database, so that a socket that is there is a dead one.

        Raises:
            OSError: there can be no socket at this path.
        """
        self._path = path
        self._listener = _listen(path)
        self._inode = os.stat(path).st_ino

    async def run(self, office: Administration) -> None:
        """Answer commands until this is cancelled."""
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            while True:
                connection, _ = await loop.sock_accept(self._listener)
                tasks.create_task(_serve(connection, office))

    def close(self) -> None:
        """Take the file away, unless a later server has put its own there."""
        self._listener.close()
        with contextlib.suppress(OSError):
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)


async def _serve(connection: socket.socket, office: Administration) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=MAX_LINE)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            line = await reader.readline()
        if line:
            writer.write(await answer(office, line))
            await writer.drain()
    except (ConnectionError, TimeoutError, ValueError):
        return  # it went away, said nothing, or said too much
    finally:
        writer.close()


def _listen(path: str) -> socket.socket:
    _remove_dead(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_path(path) as short:
            listener.bind(short)
        os.chmod(path, stat.S_IRUSR | stat.S_IWUSR)
        listener.listen(BACKLOG)  # only now: before its mode is set nobody can connect
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _remove_dead(path: str) -> None:
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(f"{path} is no socket")
    os.unlink(path)
