"""Asking a running server, from another process."""

import socket

from relaypost.operator.paths import short_path

MAX_READ = 65_536


def ask(path: str, line: bytes) -> bytes | None:
    """The answer to a command, empty when the server ended before it; `None` when none listens.

    Raises:
        OSError: there is a server, and it can't be asked.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with short_path(path) as short:
                connection.connect(short)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return None
        try:
            connection.sendall(line + b"\n")
            return b"".join(iter(lambda: connection.recv(MAX_READ), b""))
        except (BrokenPipeError, ConnectionResetError):
            return b""
