"""What a sink has seen in one measurement."""

from array import array

from benchmarks.figures import Latency, summarize
from benchmarks.stamps import read_stamp


class Tally:
    """Counts each message once and times its first arrival."""

    def __init__(self, tag: int) -> None:
        self.tag = tag
        self.duplicates = 0
        self.strays = 0
        self.unstamped = 0
        self.last_ns = 0
        self._seen = bytearray(65_536)
        self._latencies = array("q")

    @property
    def count(self) -> int:
        return len(self._latencies)

    def arrived(self, body: bytes, now_ns: int) -> None:
        stamp = read_stamp(body)
        if stamp is None:
            self.unstamped += 1
        elif stamp.tag != self.tag:
            self.strays += 1
        else:
            self._count(stamp.sequence, now_ns - stamp.sent_ns, now_ns)

    def latency(self) -> Latency:
        return summarize(self._latencies)

    def _count(self, sequence: int, latency_ns: int, now_ns: int) -> None:
        seen = self._seen
        if sequence >= len(seen):
            seen.extend(bytes(max(sequence + 1 - len(seen), len(seen))))
        if seen[sequence]:
            self.duplicates += 1
            return
        seen[sequence] = 1
        self.last_ns = now_ns
        self._latencies.append(latency_ns)
