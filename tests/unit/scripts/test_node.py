"""Node packages follow their lock; Node itself is installed only where that needs no question."""

import pytest

from tests.unit.scripts.conftest import Sandbox

PROJECTS = ("tests/sdk/js", "tests/sdk/frameworks", "examples/nextjs-ai-pipeline")
NPM = 'mkdir -p "$3/node_modules"'
"""What `npm ci --prefix <project>` leaves behind."""


@pytest.fixture
def box(sandbox: Sandbox) -> Sandbox:
    for name in PROJECTS:
        project = sandbox.root / name
        project.mkdir(parents=True)
        (project / "package.json").write_text("{}")
        (project / "package-lock.json").write_text("{}")
    return sandbox


def test_installs_from_the_lock_once(box: Sandbox) -> None:
    box.program("node")
    box.program("npm", NPM)
    assert box.run("node.sh").returncode == 0
    installed = [call.split()[3] for call in box.calls() if call.startswith("npm ci --prefix ")]
    assert installed == list(PROJECTS)
    assert box.run("node.sh").returncode == 0
    assert not any(call.startswith("npm") for call in box.calls())


def test_installs_again_when_the_lock_has_changed(box: Sandbox) -> None:
    box.program("node")
    box.program("npm", NPM)
    box.run("node.sh")
    (box.root / PROJECTS[1] / "package-lock.json").write_text('{"changed": true}')
    box.calls()
    box.run("node.sh")
    installed = [call.split()[3] for call in box.calls() if call.startswith("npm ci --prefix ")]
    assert installed == [PROJECTS[1]]


def test_root_on_debian_gets_node_by_itself(box: Sandbox) -> None:
    box.program("id", "echo 0")
    stock = box.root.parent / "stock"
    stock.mkdir()
    for name, body in (("npm", NPM), ("node", "")):
        box.program(name, body).rename(stock / name)
    box.program("apt-get", f"cp {stock}/* {box.bin}")
    assert box.run("node.sh").returncode == 0
    assert any("install" in call and "nodejs npm" in call for call in box.calls())


@pytest.mark.parametrize("user", ["1000", "0"])
def test_says_what_is_missing(box: Sandbox, user: str) -> None:
    box.program("id", f"echo {user}")
    done = box.run("node.sh")
    assert done.returncode == 1
    assert "Node.js 20.19 or newer with npm" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_root_on_an_old_debian_is_told(box: Sandbox) -> None:
    box.program("node", "exit 1")
    box.program("npm", NPM)
    box.program("id", "echo 0")
    box.program("apt-get")
    done = box.run("node.sh")
    assert done.returncode == 1
    assert "this system's packages are older" in done.stderr


def test_an_old_node_counts_as_none(box: Sandbox) -> None:
    box.program("node", "exit 1")
    box.program("npm", NPM)
    box.program("id", "echo 1000")
    assert box.run("node.sh").returncode == 1
