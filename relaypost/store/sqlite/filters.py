"""Filters as conditions on envelopes (`e`). Dates, states and ids are the callers' to compare.

A list of values is one parameter, an array in JSON: so a statement has one text however many
values there are, and SQLite's limits on terms and parameters are not met.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from relaypost.domain.filters import Filter
from relaypost.domain.urls import name_of

IN_LIST = "{column} IN (SELECT value FROM json_each(?))"

LABEL = "EXISTS (SELECT 1 FROM json_each(?) WHERE instr(e.labels, ',' || value || ','))"

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Conditions:
    """Conditions joined with AND, and their values in order."""

    texts: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    can_match: bool = True
    """False when no row at all can meet them."""

    def add(self, text: str, *values: Any) -> None:
        self.texts.append(text)
        self.values += values

    def one_of(self, column: str, values: tuple[Any, ...] | None) -> None:
        self.some(IN_LIST.format(column=column), values)

    def some(self, text: str, values: tuple[Any, ...] | None) -> None:
        """Some value makes `text` true; each of its question marks is the list of values."""
        if values is None:
            return
        self.can_match = self.can_match and bool(values)
        self.add(text, *[_encode(values).decode()] * text.count("?"))

    @property
    def text(self) -> str:
        return " AND ".join(self.texts) or "TRUE"


def _add_hosts(conditions: Conditions, hosts: tuple[str, ...] | None) -> None:
    """A host without a port stands for all its ports."""
    names = tuple(host for host in hosts or () if name_of(f"http://{host}") == host)
    with_port = tuple(host for host in hosts or () if host not in names)
    name, host = IN_LIST.format(column="url_name(e.url)"), IN_LIST.format(column="url_host(e.url)")
    if names and with_port:
        conditions.add(f"({name} OR {host})", _encode(names).decode(), _encode(with_port).decode())
    elif with_port:
        conditions.some(host, with_port)
    else:
        conditions.some(name, hosts)


def on_envelopes(which: Filter) -> Conditions:
    conditions = Conditions()
    conditions.one_of("e.url", which.urls)
    _add_hosts(conditions, which.hosts)
    conditions.one_of("url_path(e.url)", which.paths)
    conditions.one_of("e.topic_name", which.topic_names)
    conditions.one_of("e.queue_name", which.queue_names)
    conditions.one_of("e.schedule_id", which.schedule_ids)
    conditions.one_of("e.flow_control_key", which.flow_control_keys)
    conditions.one_of("e.caller_ip", which.caller_ips)
    conditions.some(LABEL, which.labels)
    return conditions
