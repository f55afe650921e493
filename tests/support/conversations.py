"""Conversations of generated requests with the API, held in a process of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 280
OK = range(200, 300)


@dataclass(frozen=True, slots=True)
class Topic:
    """What a conversation is about: operations, named like `GET /v2/queues`.

    With flows, one request goes on from the answer to another; else each stands alone.
    """

    operations: list[str]
    flows: bool
    examples: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `statuses` are those that each operation was answered with."""

    defects: str
    statuses: dict[str, list[int]]

    @property
    def succeeded(self) -> set[str]:
        return {name for name, all in self.statuses.items() if any(one in OK for one in all)}


def converse(topics: Iterable[Topic]) -> list[Outcome]:
    """What is generated depends on the modules that are loaded: here they are always the same."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.generated_requests"],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        input=json.dumps([asdict(topic) for topic in topics]),
        stdout=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return [Outcome(**told) for told in json.loads(done.stdout)]
