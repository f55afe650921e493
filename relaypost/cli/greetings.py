"""What the server prints when it has started."""

from relaypost.app import Started
from relaypost.wire.tokens import DEVELOPMENT_USERS

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses to listen on that nobody can call, and what to call instead."""


def first_greeting(started: Started) -> str:
    """Where the server listens and, at the very first start, the credentials made for it."""
    lines = [f"relaypost listens on {_url(started)}"]
    made = started.credentials
    if made is None:
        return lines[0]
    lines += ["", "Credentials of the first project. They are not shown again:", ""]
    lines.append(f'QSTASH_URL="{_url(started)}"')
    if made.token is not None:
        lines.append(f'QSTASH_TOKEN="{made.token}"')
    if made.keys is not None:
        lines.append(f'QSTASH_CURRENT_SIGNING_KEY="{made.keys.current}"')
        lines.append(f'QSTASH_NEXT_SIGNING_KEY="{made.keys.next}"')
    if made.read_only_token is not None:
        lines += ["", f"Read-only token: {made.read_only_token}"]
    return "\n".join([*lines, ""])


def development_greeting(started: Started, *, exposed: bool) -> str:
    """The lines to paste into an `.env` file, for each of the four users."""
    lines = [
        f"relaypost dev listens on {_url(started)}",
        "Credentials are public and data may be gone at the next start: for development only.",
    ]
    if exposed:
        lines.append("WARNING: everyone who reaches this address can use it.")
    for user in DEVELOPMENT_USERS:
        lines += [
            "",
            f"# {user.name}",
            f'QSTASH_URL="{_url(started)}"',
            f'QSTASH_TOKEN="{user.token}"',
            f'QSTASH_CURRENT_SIGNING_KEY="{user.keys.current}"',
            f'QSTASH_NEXT_SIGNING_KEY="{user.keys.next}"',
        ]
    return "\n".join([*lines, ""])


def _url(started: Started) -> str:
    host, port = started.addresses[0]
    host = EVERYWHERE.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}{started.base_path}"
