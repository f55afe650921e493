"""How many attempts each host may have open: less when the node fills, less when it is down."""

from relaypost.domain.gates import Capacity, allowance_after, crowding, host_limit, next_step
from relaypost.domain.types import GateId

MAX_ALLOWANCES = 100_000


class HostLimits:
    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._allowances: dict[GateId, int] = {}
        self._crowd(0)

    def limit_of(self, host: GateId) -> int:
        allowance = self._allowances.get(host)
        return self._limit if allowance is None else min(self._limit, allowance)

    def fill(self, open_attempts: int) -> None:
        """Note that the node has more attempts open."""
        if open_attempts >= self._next_step:
            self._crowd(crowding(open_attempts, self._capacity))

    def ease(self, open_attempts: int) -> bool:
        """Note that it has fewer; answers whether every host may hold more now."""
        if not self._crowded:
            return False
        crowded = crowding(open_attempts, self._capacity, was=self._crowded)
        if crowded >= self._crowded:
            return False
        self._crowd(crowded)
        return True

    def reset(self) -> None:
        """The node is empty; what is known of single hosts stays."""
        self._crowd(0)

    def learn(self, host: GateId, *, reached: bool) -> None:
        """Narrow the gate of a host that did not answer, and widen that of one that does again."""
        allowance = self._allowances.get(host)
        if reached and allowance is None:
            return
        now = allowance_after(
            allowance or self._capacity.host, reached=reached, capacity=self._capacity
        )
        if now >= self._capacity.host:
            self._allowances.pop(host, None)
            return
        if len(self._allowances) >= MAX_ALLOWANCES:
            self._allowances.clear()
        self._allowances[host] = now

    def _crowd(self, crowded: int) -> None:
        self._crowded = crowded
        self._next_step = next_step(crowded, self._capacity)
        self._limit = host_limit(crowded, self._capacity)
