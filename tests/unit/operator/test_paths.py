"""Where the socket for commands is."""

import socket
import sys
from pathlib import Path

import pytest

from relaypost.operator.paths import LONGEST, short_path, socket_path


def test_it_is_beside_the_database(tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    assert socket_path(str(tmp_path / "real.db")) == f"{tmp_path}/real.db.socket"
    assert socket_path(str(tmp_path / "link.db")) == f"{tmp_path}/real.db.socket"


def test_a_short_path_is_itself() -> None:
    with short_path("/var/lib/relaypost/relaypost.db.socket") as path:
        assert path == "/var/lib/relaypost/relaypost.db.socket"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no shorter name for it")
def test_a_long_path_is_reached(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 50)
    folder.mkdir()
    path = str(folder / "relaypost.db.socket")
    assert len(path) > LONGEST
    with socket.socket(socket.AF_UNIX) as listener:
        with short_path(path) as short:
            assert len(short) < LONGEST
            listener.bind(short)
        listener.listen()
        assert (folder / "relaypost.db.socket").is_socket()
        with socket.socket(socket.AF_UNIX) as caller, short_path(path) as short:
            caller.connect(short)
