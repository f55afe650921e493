"""Ids and units that every layer shares."""

from typing import NewType

UnixMs = NewType("UnixMs", int)
"""An instant in Unix milliseconds."""

Sequence = NewType("Sequence", int)
"""A number that orders events by time; see `sequences`."""

MessageId = NewType("MessageId", int)
"""The sequence number of a message's acceptance."""

DeadLetterId = NewType("DeadLetterId", int)
"""The sequence number of a message's entry into the dead letter queue."""

ProjectId = NewType("ProjectId", int)
LeaseId = NewType("LeaseId", int)
GateId = NewType("GateId", int)
QueueId = NewType("QueueId", int)

Headers = tuple[tuple[str, str], ...]
"""Header lines in order, names in canonical form; a name may occur more than once.

Bytes of a value that are not UTF-8 are kept as lone surrogates ("surrogateescape").
"""
