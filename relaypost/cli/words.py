"""What commands for operators say to people."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

GAP = "  "


def table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Columns as wide as their widest text."""
    lines = [heads, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def when(at: int | None) -> str:
    """A time in minutes of UTC; what older versions made has none."""
    if at is None:
        return "-"
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def credentials(of: str, made: dict[str, Any]) -> str:
    """Lines for the environment of clients."""
    lines = [f"Credentials of {of}. The tokens are not shown again:", ""]
    lines.append(f'QSTASH_TOKEN="{made["token"]}"')
    if "keys" in made:
        lines += key_lines(made["keys"])
    return "\n".join([*lines, "", f"Read-only token: {made['read_only_token']}", ""])


def key_lines(pair: dict[str, Any]) -> list[str]:
    return [
        f'QSTASH_CURRENT_SIGNING_KEY="{pair["current"]}"',
        f'QSTASH_NEXT_SIGNING_KEY="{pair["next"]}"',
    ]
