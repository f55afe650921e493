"""Where the socket of a server is: beside its database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 100
"""Bytes of a path that every system takes for a socket."""


def socket_path(database: str) -> str:
    return f"{os.path.realpath(database)}.socket"


@contextmanager
def short_path(path: str) -> Iterator[str]:
    """The path of a socket, or a shorter one to the same file where systems have one."""
    if len(os.fsencode(path)) <= LONGEST:
        yield path
        return
    folder, name = os.path.split(path)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)
