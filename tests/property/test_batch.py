import json
import string

from hypothesis import given
from hypothesis import strategies as st

from tests.support.publishing import URL, context, publish, read_batch

TEXTS = st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), max_size=12)
NAMES = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)
HEADERS = st.dictionaries(NAMES.map("Upstash-Forward-{}".format), TEXTS, max_size=5)
BODIES = st.text(st.characters(codec="utf-8"), max_size=30)


@given(HEADERS, BODIES)
def test_an_item_is_like_the_single_request(headers: dict[str, str], body: str) -> None:
    item = {"destination": URL, "headers": headers, "body": body}
    as_request = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    single = publish(URL, as_request, body=body.encode())
    assert read_batch(json.dumps([item]).encode(), context()) == (single,)


@given(HEADERS, BODIES)
def test_the_slow_way_reads_the_same(headers: dict[str, str], body: str) -> None:
    item = {"destination": URL, "headers": headers, "body": body}
    listed = item | {"headers": {name: [value] for name, value in headers.items()}}
    one, other = (read_batch(json.dumps([any]).encode(), context()) for any in (item, listed))
    assert one == other


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(TEXTS, values, max_size=3),
    max_leaves=8,
)


@given(JSON.filter(lambda value: not isinstance(value, str) and value is not None))
def test_a_body_of_another_kind_is_its_compact_text(value: object) -> None:
    batch = json.dumps([{"destination": URL, "body": value}], indent=2, ensure_ascii=False)
    (publication,) = read_batch(batch.encode("utf-8", "replace"), context())
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert publication.messages[0].envelope.body == compact.encode("utf-8", "replace")
