"""The environment follows the locks, and nothing is done when nothing has changed."""

import pytest

from tests.unit.scripts.conftest import Sandbox

# `-m venv FOLDER` makes an environment whose python is this same fake.
PYTHON = 'if [ "$2" = venv ]; then mkdir -p "$3/bin" && cp "$0" "$3/bin/python"; fi'
OFFLINE = PYTHON + '\nif [ "$3" = install ]; then exit 1; fi'


def installs(sandbox: Sandbox) -> list[str]:
    return [call for call in sandbox.calls() if " -m pip install " in call]


def test_creates_and_installs_from_the_locks_with_hashes(sandbox: Sandbox) -> None:
    sandbox.program("python3", PYTHON)
    done = sandbox.run("venv.sh", "run")
    assert done.returncode == 0, done.stderr
    packages, ourselves = installs(sandbox)
    assert "--require-hashes" in packages
    assert "requirements.lock" in packages
    assert "requirements-dev.lock" not in packages
    assert "--no-deps --no-build-isolation --editable ." in ourselves


def test_does_nothing_the_second_time(sandbox: Sandbox) -> None:
    sandbox.program("python3", PYTHON)
    sandbox.run("venv.sh", "dev")
    sandbox.calls()
    again = sandbox.run("venv.sh", "dev")
    assert (again.returncode, again.stdout, sandbox.calls()) == (0, "", [])


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-build.lock"])
def test_installs_again_when_a_lock_has_changed(sandbox: Sandbox, file: str) -> None:
    sandbox.program("python3", PYTHON)
    sandbox.run("venv.sh", "run")
    sandbox.calls()
    with (sandbox.root / file).open("a") as lock:
        lock.write("# changed\n")
    sandbox.run("venv.sh", "run")
    assert len(installs(sandbox)) == 2


def test_a_failed_installation_is_tried_again(sandbox: Sandbox) -> None:
    sandbox.program("python3", OFFLINE)
    assert sandbox.run("venv.sh", "run").returncode != 0
    sandbox.calls()
    assert sandbox.run("venv.sh", "run").returncode != 0
    assert len(installs(sandbox)) == 1


def test_a_broken_environment_is_made_anew(sandbox: Sandbox) -> None:
    sandbox.program("python3", PYTHON)
    sandbox.run("venv.sh", "run")
    (sandbox.root / ".venv/bin/python").unlink()
    assert sandbox.run("venv.sh", "run").returncode == 0
    assert (sandbox.root / ".venv/bin/python").exists()


def test_stops_with_the_sentence_when_there_is_no_python(sandbox: Sandbox) -> None:
    done = sandbox.run("venv.sh", "dev")
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed" in done.stderr
    assert not (sandbox.root / ".venv").exists()
