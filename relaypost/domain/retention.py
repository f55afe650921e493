"""How long things are kept (section 6.12)."""

from dataclasses import dataclass

from relaypost.domain.types import UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """What is older than these instants may be forgotten."""

    logs_before: UnixMs
    dead_letters_before: UnixMs
    keys_before: UnixMs
    """Flow-control keys that were last used before this, and that nothing needs."""
    now: UnixMs


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPeriods:
    logs_ms: int = 7 * 86_400_000
    dead_letters_ms: int = 30 * 86_400_000
    finished_messages_ms: int = 60_000
    """How long a finished message can still be read by its id."""
    keys_ms: int = 86_400_000
    """How long a flow-control key is kept that nothing uses."""

    def horizon(self, now: UnixMs) -> Horizon:
        """A message is kept while it, or its log, can be read."""
        kept_ms = max(self.logs_ms, self.finished_messages_ms)
        return Horizon(
            logs_before=UnixMs(now - kept_ms),
            dead_letters_before=UnixMs(now - self.dead_letters_ms),
            keys_before=UnixMs(now - self.keys_ms),
            now=now,
        )
