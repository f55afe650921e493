from urllib.parse import quote_plus

from hypothesis import given
from hypothesis import strategies as st

from relaypost.wire.targets import cut_target, query_token

PATHS = st.from_regex(rb"https?://[a-z]{1,5}(/[!-\"$->@-~]{0,6}){0,3}", fullmatch=True)
FOREIGN = st.from_regex(rb"[A-TV-Za-tv-z0-9_.-]{0,6}(=[!-%'-~]{0,6})?", fullmatch=True).filter(
    lambda parameter: not parameter.lower().startswith(b"qstash_token")
)
OPTIONS = st.tuples(st.from_regex(r"upstash-[a-z-]{1,10}", fullmatch=True), st.text(max_size=10))


@given(PATHS, st.lists(FOREIGN, min_size=1, max_size=5))
def test_a_target_without_options_is_its_destination(path: bytes, parameters: list[bytes]) -> None:
    query = b"&".join(parameters)
    expected = path + b"?" + query if query else path
    destination, options = cut_target(path, query)
    assert destination.encode() == expected
    assert not options


@given(PATHS, st.lists(st.tuples(st.booleans(), FOREIGN, OPTIONS), max_size=6))
def test_only_options_leave_the_query(
    path: bytes, mixed: list[tuple[bool, bytes, tuple[str, str]]]
) -> None:
    sent = [
        foreign if is_foreign else f"{option[0]}={quote_plus(option[1])}".encode()
        for is_foreign, foreign, option in mixed
    ]
    kept = b"&".join(foreign for is_foreign, foreign, _ in mixed if is_foreign)
    options = [(name.encode(), text.encode()) for ours, _, (name, text) in mixed if not ours]
    destination, parameters = cut_target(path, b"&".join(sent))
    assert destination.encode() == (path + b"?" + kept if kept else path)
    assert list(parameters) == options


@given(st.text("ABCabc019-_+/=", min_size=1), st.booleans())
def test_a_token_comes_through_encoded_or_not(token: str, is_encoded: bool) -> None:
    written = quote_plus(token) if is_encoded else token
    assert query_token(f"a=1&qstash_token={written}".encode()) == token
