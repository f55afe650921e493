"""Node packages follow their lock; Node itself is installed only where that needs no question."""

import pytest

from tests.unit.scripts.conftest import Sandbox

NPM = "mkdir -p tests/sdk/js/node_modules"


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    project = sandbox.root / "tests/sdk/js"
    project.mkdir(parents=True)
    (project / "package.json").write_text("{}")
    (project / "package-lock.json").write_text("{}")
    return sandbox


def test_installs_from_the_lock_once(box: Sandbox) -> None:
    box.program("node")
    box.program("npm", NPM)
    assert box.run("node.sh").returncode == 0
    assert any(call.startswith("npm ci ") for call in box.calls())
    assert box.run("node.sh").returncode == 0
    assert not any(call.startswith("npm") for call in box.calls())


def test_installs_again_when_the_lock_has_changed(box: Sandbox) -> None:
    box.program("node")
    box.program("npm", NPM)
    box.run("node.sh")
    (box.root / "tests/sdk/js/package-lock.json").write_text('{"changed": true}')
    box.calls()
    box.run("node.sh")
    assert any(call.startswith("npm ci ") for call in box.calls())


def test_root_on_debian_gets_node_by_itself(box: Sandbox) -> None:
    box.program("id", "echo 0")
    box.program("apt-get", f"printf '#!/bin/sh\\n{NPM}\\n' >{box.bin}/npm; chmod +x {box.bin}/npm")
    (box.bin / "chmod").symlink_to("/bin/chmod")
    assert box.run("node.sh").returncode == 0
    assert any("install" in call and "nodejs npm" in call for call in box.calls())


@pytest.mark.parametrize("user", ["1000", "0"])
def test_says_what_is_missing(box: Sandbox, user: str) -> None:
    box.program("id", f"echo {user}")
    done = box.run("node.sh")
    assert done.returncode == 1
    assert "Node.js 18 or newer with npm" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_old_node_counts_as_none(box: Sandbox) -> None:
    box.program("node", "exit 1")
    box.program("npm", NPM)
    box.program("id", "echo 1000")
    assert box.run("node.sh").returncode == 1
