"""Start all that the example needs: a queue, stand-ins for model and mail provider, and the app.

    start.py PORT COMMAND

COMMAND serves the app on $PORT, which is PORT, or any other if that one is taken. Ctrl-C ends all.
What the environment names already is used, not started: QSTASH_TOKEN, MODEL_URL, MAIL_URL.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import stand_ins

QUEUE = os.environ.get("RELAYPOST", "make --silent --no-print-directory -C ../.. dev")
CREDENTIAL = re.compile(r'(QSTASH_\w+)="(.*)"')
PAUSE_SECONDS = 0.1


def main(wanted_port: str, command: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    environment = {"MAIL_API_KEY": "the-key-of-the-stand-in", **os.environ}
    with ExitStack() as running:
        if "QSTASH_TOKEN" not in environment:
            environment |= start_queue(running)
        if "MODEL_URL" not in environment:
            environment["MODEL_URL"] = f"{stand_ins.serve(stand_ins.Model)}/v1"
        if "MAIL_URL" not in environment:
            stand_ins.Mail.key = environment["MAIL_API_KEY"]
            environment["MAIL_URL"] = stand_ins.serve(stand_ins.Mail)
        app = running.enter_context(start_app(command, environment, wanted_port))
        mails = f"{environment['MAIL_URL']}/emails"
        print(f"\nEverything runs. Open {environment['APP_URL']} (mails: {mails})\n", flush=True)
        app.wait()


def start_queue(running: ExitStack) -> dict[str, str]:
    """Start relaypost for development; answers the variables that it prints for its first user."""
    port = free_port(os.environ.get("QSTASH_DEV_PORT", "8080"))
    environment = {**os.environ, "QSTASH_DEV_PORT": port}
    queue = running.enter_context(process(QUEUE, environment, stdout=subprocess.PIPE, text=True))
    credentials: dict[str, str] = {}
    for line in queue.stdout:
        show(line)
        if found := CREDENTIAL.match(line):
            credentials[found[1]] = found[2]
        if len(credentials) == 4:
            break
    else:
        sys.exit("The queue did not start.")
    threading.Thread(target=lambda: [show(line) for line in queue.stdout], daemon=True).start()
    return credentials


@contextmanager
def start_app(
    command: str, environment: dict[str, str], wanted_port: str
) -> Iterator[subprocess.Popen]:
    port = environment["PORT"] = free_port(environment.get("PORT", wanted_port))
    environment.setdefault("APP_URL", f"http://localhost:{port}")
    with process(command, environment) as app:
        while not is_listening(port):
            if app.poll() is not None:
                sys.exit("The app did not start.")
            time.sleep(PAUSE_SECONDS)
        yield app


@contextmanager
def process(
    command: str, environment: dict[str, str], **options: object
) -> Iterator[subprocess.Popen]:
    """A command that goes on, in a group of its own: what it starts in turn ends with it."""
    child = subprocess.Popen(
        command, env=environment, shell=True, start_new_session=True, **options
    )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
        child.wait()


def show(line: str) -> None:
    """Print a line of the queue, but for the many credentials of its first lines."""
    if line.strip() and not line.startswith(("#", "QSTASH_")):
        print(f"queue | {line}", end="", flush=True)


def free_port(wanted: str) -> str:
    """The wanted port, or any other if that one is taken."""
    for port in (int(wanted), 0):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return str(probe.getsockname()[1])
    sys.exit("There is no free port.")


def is_listening(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
