import pytest

from relaypost.wire.targets import cut_queue, cut_target, query_options, query_token, repair_text


def cut(target: str) -> tuple[str, list[tuple[bytes, bytes]]]:
    path, _, query = target.partition("?")
    destination, parameters = cut_target(path.encode(), query.encode())
    return destination, list(parameters)


@pytest.mark.conformance("P-3")
def test_options_are_cut_out_and_the_rest_is_kept_byte_for_byte() -> None:
    destination, parameters = cut("https://h/a%2Fb//c?x=%20&upstash-retries=2&y")
    assert destination == "https://h/a%2Fb//c?x=%20&y"
    assert parameters == [(b"upstash-retries", b"2")]


@pytest.mark.parametrize(
    ("target", "destination"),
    [
        ("https://h.example/p?a=1&upstash-retries=2&b=%20", "https://h.example/p?a=1&b=%20"),
        ("https://h/p?a=1&b=2", "https://h/p?a=1&b=2"),
        ("https://h?x=1", "https://h?x=1"),
        ("https://h/p?upstash-retries=2", "https://h/p"),
        ("https://h/p?UPSTASH-Retries=2&a", "https://h/p?a"),
        ("https://h/p?%75pstash-retries=2&a", "https://h/p?a"),
        ("https://h/p?a=upstash-retries", "https://h/p?a=upstash-retries"),
        ("https://h/p?a&&b&qstash_token=t&", "https://h/p?a&&b&"),
        ("https://h/p?QSTASH_token=t", "https://h/p"),
        ("https://h/p?upstashretries=1", "https://h/p?upstashretries=1"),
        ("https://h/p?a?b=1", "https://h/p?a?b=1"),
        ("https://h/%E2%82%AC/../x", "https://h/%E2%82%AC/../x"),
        ("purchases?a=1", "purchases?a=1"),
        ("", ""),
    ],
)
def test_the_destination(target: str, destination: str) -> None:
    assert cut(target)[0] == destination


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("upstash-label=a+b%2Bc", b"a b+c"),
        ("upstash-label", b""),
        ("upstash-label=", b""),
        ("upstash-label=a=b", b"a=b"),
        ("upstash-label=%FF", b"\xff"),
    ],
)
def test_values_are_form_decoded(query: str, value: bytes) -> None:
    assert cut(f"https://h?{query}") == ("https://h", [(b"upstash-label", value)])


def test_foreign_letters_do_not_fold_into_the_names_of_options() -> None:
    kelvin = "https://h/?qstash_to%E2%84%AAen=1"
    assert cut(kelvin) == (kelvin, [])


@pytest.mark.parametrize(
    ("target", "destination"),
    [
        ("https:/h/p", "https://h/p"),
        ("http:/h", "http://h"),
        ("HTTPS:/h", "HTTPS://h"),
        ("HTTPS://h//x", "HTTPS://h//x"),
        ("https%3A%2F%2Fh%2Fp%3Fx%3D1", "https://h/p?x=1"),
        ("HTTP%3a//h/a%2520b", "HTTP://h/a%20b"),
        ("https%3A/h", "https://h"),
        ("https%3A%2F%2Fh%3Fupstash-retries%3D1", "https://h?upstash-retries=1"),
        ("https%3A%2F%2Fh%2Fp?a=1", "https://h/p?a=1"),
        ("https%3A%2F%2Fh%2Fp%3Fx?a=1&upstash-delay=1s", "https://h/p?x&a=1"),
        ("http-group", "http-group"),
        ("https:h", "https:h"),
    ],
)
def test_repairs(target: str, destination: str) -> None:
    assert cut(target)[0] == destination


def test_bytes_that_are_no_utf8_are_read_as_latin1() -> None:
    assert cut_target(b"https://h/\xe9", b"").destination == "https://h/é"


def test_a_destination_given_as_data_is_repaired_too_but_not_cut() -> None:
    assert repair_text("https%3A%2F%2Fh") == "https://h"
    assert repair_text("http:/h?upstash-retries=1") == "http://h?upstash-retries=1"
    assert repair_text("https://h/é") == "https://h/é"


@pytest.mark.parametrize(
    ("remainder", "queue", "path"),
    [
        (b"q1/https://h/a%2Fb", "q1", b"https://h/a%2Fb"),
        (b"a%20b/https://h", "a b", b"https://h"),
        (b"a%2Fb/grp", "a/b", b"grp"),
        (b"/https://h", "", b"https://h"),
        (b"q1", "q1", b""),
    ],
)
def test_the_queue_is_one_decoded_segment(remainder: bytes, queue: str, path: bytes) -> None:
    assert cut_queue(remainder) == (queue, path)


@pytest.mark.conformance("K-12")
@pytest.mark.parametrize(
    ("query", "token"),
    [
        (b"qstash_token=abc", "abc"),
        (b"qstash_token=eyJ9fQ==", "eyJ9fQ=="),
        (b"qstash_token=eyJ9fQ%3D%3D", "eyJ9fQ=="),
        (b"a=1&QStash_Token=abc&b", "abc"),
        (b"qstash_token=a+b", "a+b"),
        (b"qstash_token=a%2Bb", "a+b"),
        (b"qstash_token=a%20b+", "a+b+"),
        (b"qstash%5Ftoken=abc", "abc"),
        (b"qstash_token=&qstash_token=abc", "abc"),
        (b"qstash_token=first&qstash_token=second", "first"),
        (b"qstash_token=", None),
        (b"qstash_token", None),
        (b"a=qstash_token", None),
        (b"x=%20", None),
        (b"", None),
    ],
)
def test_the_token_of_a_query(query: bytes, token: str | None) -> None:
    assert query_token(query) == token


def test_options_of_a_query_without_destination() -> None:
    assert list(query_options(b"dlqIds=1&upstash-delay=1s")) == [(b"upstash-delay", b"1s")]
    assert list(query_options(b"dlqIds=1")) == []
    assert list(query_options(b"")) == []
