"""Filters by brute force: what the store must select, said in plain Python."""

from dataclasses import dataclass

from hypothesis import strategies as st

from relaypost.domain.filters import Filter
from relaypost.domain.flow_control import FlowControl
from relaypost.domain.logs import LogState
from relaypost.domain.messages import Envelope
from relaypost.domain.types import UnixMs
from tests.support.lives import START, envelope


@dataclass(frozen=True, slots=True)
class Site:
    """A URL, and what of it filters compare."""

    url: str
    hosts: tuple[str, ...]
    path: str


SITES = (
    Site("https://a.example/", ("a.example",), "/"),
    Site("http://a.example:8080", ("a.example", "a.example:8080"), "/"),
    Site("https://B.example/x?y=1", ("b.example",), "/x"),
    Site("http://[::1]:90/x", ("[::1]", "[::1]:90"), "/x"),
)
LABELS = ("red", "green", "dark red")
CALLERS = ("203.0.113.7", "2001:db8::1", None)
NAMES = ("one", None)
UNKNOWN = "unknown"

SITE_OF = {site.url: site for site in SITES}

envelopes = st.builds(
    lambda site, labels, caller, topic, schedule, key, retries: envelope(
        url=site.url,
        labels=tuple(labels),
        caller_ip=caller,
        topic_name=topic,
        schedule_id=schedule,
        flow_control=key and FlowControl(key=key),
        max_retries=retries,
        retry_delay="10",
    ),
    st.sampled_from(SITES),
    st.lists(st.sampled_from(LABELS), unique=True, max_size=2),
    st.sampled_from(CALLERS),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
    st.integers(0, 2),
)


def _some(*values: str) -> st.SearchStrategy[tuple[str, ...] | None]:
    chosen = st.lists(st.sampled_from((*values, UNKNOWN)), min_size=1, max_size=2, unique=True)
    return st.none() | chosen.map(tuple)


dates = st.none() | st.integers(-1, 60).map(lambda ms: UnixMs(START + ms))

filters = st.builds(
    Filter,
    urls=_some(*[site.url for site in SITES]),
    hosts=_some(*[host for site in SITES for host in site.hosts]),
    paths=_some("/", "/x"),
    topic_names=_some("one"),
    schedule_ids=_some("one"),
    flow_control_keys=_some("one"),
    labels=_some(*LABELS),
    caller_ips=_some(*[caller for caller in CALLERS if caller]),
    from_date=dates,
    to_date=dates,
)
"""Most draws set several fields and so match little; `sparse_filters` set one or two."""

FIELDS = (
    "urls",
    "hosts",
    "paths",
    "topic_names",
    "schedule_ids",
    "flow_control_keys",
    "labels",
    "caller_ips",
    "from_date",
    "to_date",
)


@st.composite
def sparse_filters(draw: st.DrawFn) -> Filter:
    full = draw(filters)
    kept = draw(st.sets(st.sampled_from(FIELDS), max_size=2))
    return Filter(**{name: getattr(full, name) for name in kept})


log_states = st.none() | st.lists(
    st.sampled_from(LogState), min_size=1, max_size=3, unique=True
).map(tuple)


def fits_envelope(which: Filter, sealed: Envelope) -> bool:
    site = SITE_OF[sealed.url]
    return all(
        wanted is None or bool(set(wanted) & set(values))
        for wanted, values in (
            (which.urls, (sealed.url,)),
            (which.hosts, site.hosts),
            (which.paths, (site.path,)),
            (which.topic_names, (sealed.topic_name,)),
            (which.schedule_ids, (sealed.schedule_id,)),
            (which.flow_control_keys, (sealed.flow_control and sealed.flow_control.key,)),
            (which.labels, sealed.labels),
            (which.caller_ips, (sealed.caller_ip,)),
        )
    )


def fits_dates(which: Filter, time: UnixMs) -> bool:
    after = which.from_date is None or time >= which.from_date
    return after and (which.to_date is None or time <= which.to_date)
