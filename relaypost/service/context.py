"""What the functions of the service share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.limits import Limits
from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import ProjectId, UnixMs
from relaypost.domain.zones import Zones
from relaypost.runtime import Clock, Ids, shipped_zone
from relaypost.service.intake import Intake
from relaypost.service.keys import KeyRing
from relaypost.service.llm import Llm
from relaypost.store.base import Store


def _none(_: ProjectId) -> Limits | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    store: Store
    intake: Intake
    clock: Clock
    policy: AddressPolicy
    keys: KeyRing
    llm: Llm | None = None
    limits: Limits = field(default_factory=Limits)
    """Of projects that have none of their own."""
    own_limits: Callable[[ProjectId], Limits | None] = _none
    retention: RetentionPeriods = field(default_factory=RetentionPeriods)
    ids: Ids = field(default_factory=Ids)
    zones: Zones = shipped_zone
    note_tick: Callable[[UnixMs], None] = lambda _: None
    """Tells the engine of a tick that may come before all others."""

    def limits_of(self, project: ProjectId) -> Limits:
        return self.own_limits(project) or self.limits
