"""Filters as conditions on the tables `m` (messages) and `e` (envelopes)."""

from dataclasses import dataclass, field
from typing import Any

from relaypost.domain.filters import Filter

HOST = "(url_host(e.url) = ? OR substr(url_host(e.url), 1, length(?) + 1) = ? || ':')"
LABEL = "instr(e.labels, ',' || ? || ',')"


@dataclass(slots=True)
class Conditions:
    """Conditions joined with AND, and their values in order."""

    texts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, text: str, *values: Any) -> None:
        self.texts.append(text)
        self.values += values

    def one_of(self, column: str, values: tuple[Any, ...] | None) -> None:
        if values is not None:
            self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    def any_of(self, text: str, values: tuple[Any, ...] | None) -> None:
        """Some value makes `text` true; it names the value as often as it has question marks."""
        if values is not None:
            repeated = [value for value in values for _ in range(text.count("?"))]
            self.add(f"({' OR '.join([text] * len(values)) or 'FALSE'})", *repeated)

    @property
    def text(self) -> str:
        return " AND ".join(self.texts) or "TRUE"


def on_envelopes(which: Filter) -> Conditions:
    """What the fields of messages must be; dates and states are the caller's to compare."""
    conditions = Conditions()
    conditions.one_of("e.id", which.message_ids)
    conditions.one_of("e.url", which.urls)
    conditions.any_of(HOST, which.hosts)
    conditions.one_of("url_path(e.url)", which.paths)
    conditions.one_of("e.topic_name", which.topic_names)
    conditions.one_of("e.schedule_id", which.schedule_ids)
    conditions.one_of("e.caller_ip", which.caller_ips)
    conditions.any_of(LABEL, which.labels)
    for never_set in (which.queue_names, which.flow_control_keys):
        if never_set is not None:
            conditions.add("FALSE")
    return conditions
