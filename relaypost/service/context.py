"""What the functions of the service share."""

from collections.abc import Callable
from dataclasses import dataclass, field

from relaypost.domain.addresses import AddressPolicy
from relaypost.domain.limits import Limits
from relaypost.domain.retention import RetentionPeriods
from relaypost.domain.types import UnixMs
from relaypost.domain.zones import Zones
from relaypost.runtime import Clock, Ids, shipped_zone
from relaypost.service.intake import Intake
from relaypost.service.keys import KeyRing
from relaypost.service.llm import Llm
from relaypost.store.base import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    store: Store
    intake: Intake
    clock: Clock
    policy: AddressPolicy
    keys: KeyRing
    llm: Llm | None = None
    limits: Limits = field(default_factory=Limits)
    retention: RetentionPeriods = field(default_factory=RetentionPeriods)
    ids: Ids = field(default_factory=Ids)
    zones: Zones = shipped_zone
    note_tick: Callable[[UnixMs], None] = lambda _: None
    """Tells the engine of a tick that may come before all others."""
