# ruff: noqa: RUF001  (characters that deceive are what is tested here)
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaypost.domain.urls import InvalidUrl, append_query, host_of, name_of, path_of, split_url


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        # The table of section 3.5.
        ("https://api.example.com", b"/", "api.example.com"),
        ("https://api.example.com/", b"/", "api.example.com"),
        ("https://API.example.com:443/a%2Fb/?q=1&r=%20", b"/a%2Fb/?q=1&r=%20", "API.example.com"),
        ("http://localhost:3000/hook", b"/hook", "localhost:3000"),
        ("https://h/größe/日本", b"/gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC", "h"),
        # The rules of 2.2 and 3.2.
        ("https://h?x=1", b"/?x=1", "h"),
        ("https://h?", b"/?", "h"),
        ("https://h#top", b"/", "h"),
        ("https://h/p?a=1#f?b/2", b"/p?a=1", "h"),
        ("https://h/a b?c d", b"/a%20b?c%20d", "h"),
        ("https://h//a/../b/./c//", b"//a/../b/./c//", "h"),
        ("https://h/%zz%", b"/%zz%", "h"),
        ("https://h/a\\b", b"/a\\b", "h"),
        ("https://h/\udce4", b"/%E4", "h"),
        ("HTTPS://H/", b"/", "H"),
        ("http://h:80/", b"/", "h"),
        ("http://h:443/", b"/", "h:443"),
        ("http://h:00080/", b"/", "h"),
        ("http://h:/", b"/", "h"),
        ("https://u:p@h:8443/", b"/", "h:8443"),
        ("http://[::1]/", b"/", "[::1]"),
        ("http://[::FFFF:1.2.3.4]:8080/x", b"/x", "[::FFFF:1.2.3.4]:8080"),
        ("http://bücher.example/", b"/", "xn--bcher-kva.example"),
        ("http://h_1.example./", b"/", "h_1.example."),
    ],
)
def test_request_line_and_host(url: str, target: bytes, authority: str) -> None:
    destination = split_url(url)
    assert destination.target == target
    assert destination.authority == authority


@pytest.mark.parametrize(
    ("url", "host", "port", "origin"),
    [
        ("https://API.example.com", "api.example.com", 443, "https://api.example.com:443"),
        ("http://h:8080", "h", 8080, "http://h:8080"),
        ("http://[0:0:0::1]:3000/", "::1", 3000, "http://[::1]:3000"),
        ("http://１２７.0.0.1/", "127.0.0.1", 80, "http://127.0.0.1:80"),
        (
            "http://MÜNCHEN.example",
            "xn--mnchen-3ya.example",
            80,
            "http://xn--mnchen-3ya.example:80",
        ),
        ("http://a@b@c/", "c", 80, "http://c:80"),
    ],
)
def test_where_to_connect(url: str, host: str, port: int, origin: str) -> None:
    destination = split_url(url)
    assert (destination.host, destination.port, destination.origin) == (host, port, origin)
    assert destination.is_tls is origin.startswith("https:")


@pytest.mark.parametrize(
    ("userinfo", "pair"),
    [
        ("u:p", b"u:p"),
        ("u", b"u:"),
        (":p", b":p"),
        ("u%40x:p%3Aq%2F", b"u@x:p:q/"),
        ("u:p:q", b"u:p:q"),
        ("u:p@q", b"u:p@q"),
        ("jürgen:schlüssel", "jürgen:schlüssel".encode()),
    ],
)
def test_user_info_becomes_basic_credentials(userinfo: str, pair: bytes) -> None:
    authorization = split_url(f"https://{userinfo}@h/").authorization
    assert authorization is not None
    scheme, _, encoded = authorization.partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded) == pair


@pytest.mark.parametrize("url", ["https://h/", "https://@h/", "https://:@h/"])
def test_no_credentials_without_user_info(url: str) -> None:
    assert split_url(url).authorization is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "endpoint has invalid scheme, add http:// or https://"),
        ("h.example.com/x", "endpoint has invalid scheme, add http:// or https://"),
        ("ftp://h/", "endpoint has invalid scheme, add http:// or https://"),
        (" https://h/", "endpoint has invalid scheme, add http:// or https://"),
        ("https:/h", "endpoint has invalid scheme, add http:// or https://"),
        ("https://", "endpoint has no host"),
        ("https:///p", "endpoint has no host"),
        ("https://?x", "endpoint has no host"),
        ("https://:80/", "endpoint has no host"),
        ("https://u:p@/", "endpoint has no host"),
        ("https://.../", "endpoint has no host"),
        ("https://h:0/", "endpoint has an invalid port"),
        ("https://h:65536/", "endpoint has an invalid port"),
        ("https://h:99999999999999/", "endpoint has an invalid port"),
        ("https://h:-1/", "endpoint has an invalid port"),
        ("https://h:80a/", "endpoint has an invalid port"),
        ("https://h:٨٠/", "endpoint has an invalid port"),
        ("https://h:1:2/", "endpoint has an invalid port"),
        ("https://h/\n", "endpoint has control characters"),
        ("https://h\t/", "endpoint has control characters"),
        ("https://h/\x00", "endpoint has control characters"),
        ("https://h/\x7f", "endpoint has control characters"),
        ("https://h/\x85", "endpoint has control characters"),
        ("https://good.example\\@127.0.0.1/", "endpoint has a backslash in its host"),
        ("https://[::1", "endpoint has an invalid IPv6 address"),
        ("https://[::1]x/", "endpoint has an invalid IPv6 address"),
        ("https://[]/", "endpoint has an invalid IPv6 address"),
        ("https://[1.2.3.4]/", "endpoint has an invalid IPv6 address"),
        ("https://[::g]/", "endpoint has an invalid IPv6 address"),
        ("https://::1/", "endpoint has no host"),
        ("https://[fe80::1%25eth0]/", "endpoint has an IPv6 address with a zone"),
        ("https://[fe80::1%eth0]/", "endpoint has an IPv6 address with a zone"),
        ("https://a b/", "endpoint has an invalid host"),
        ("https://127%2e0%2e0%2e1/", "endpoint has an invalid host"),
        ("https://a<b/", "endpoint has an invalid host"),
        ("https://a／b.example/", "endpoint has an invalid host"),
        ("https://℀.example/", "endpoint has an invalid host"),
        ("https://\u00ad/", "endpoint has an invalid host"),
        ("https://ü..example/", "endpoint has an invalid host"),
        (f"https://{'a' * 255}/", "endpoint has an invalid host"),
        (f"https://{'ü' * 64}/", "endpoint has an invalid host"),
        (f"https://{'ü' * 300}/", "endpoint has an invalid host"),
        ("https://h/\ud800", "endpoint has characters that are no text"),
    ],
)
def test_refused_with_a_reason(url: str, reason: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        split_url(url)
    assert caught.value.reason == reason
    assert str(caught.value) == f"invalid destination url: {reason}"


def test_length_is_counted_in_bytes() -> None:
    longest = "https://h/" + "a" * 8182
    assert len(split_url(longest).target) == 8183
    for url in (longest + "a", "https://h/" + "ü" * 4092):
        with pytest.raises(InvalidUrl, match="longer than 8192 bytes"):
            split_url(url)


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://API.example.com", "api.example.com", "/"),
        ("https://u:p@API.example.com:443/A%2fb?x#y", "api.example.com:443", "/A%2fb"),
        ("http://[::1]:3000/hook", "[::1]:3000", "/hook"),
        ("http://h?x=/y", "h", "/"),
        ("http://h#/y", "h", "/"),
        ("no url", "", "/"),
    ],
)
def test_host_and_path_for_filters(url: str, host: str, path: str) -> None:
    assert host_of(url) == host
    assert path_of(url) == path


@given(st.text(max_size=60), st.sampled_from(["http://", "https://h/", "https://[", "http://h?"]))
def test_any_text_is_split_or_refused(rest: str, start: str) -> None:
    try:
        destination = split_url(start + rest)
    except InvalidUrl:
        return
    assert destination.target.isascii()
    assert destination.target.startswith(b"/")
    head = destination.target + destination.authority.encode("ascii")
    assert not set(head) & set(b"\x00\t\r\n \x7f")
    assert 1 <= destination.port <= 65535
    assert destination.host


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.example.com/x", "api.example.com"),
        ("https://u:p@API.example.com:8443/x", "api.example.com"),
        ("http://[::1]/", "[::1]"),
        ("http://[::1]:8080/", "[::1]"),
        ("group", ""),
    ],
)
def test_the_name_of_a_host_has_no_port(url: str, name: str) -> None:
    assert name_of(url) == name


@pytest.mark.parametrize(
    ("url", "joined"),
    [
        ("https://h", "https://h?a=1&b"),
        ("https://h/p", "https://h/p?a=1&b"),
        ("https://h/p&", "https://h/p&?a=1&b"),
        ("https://h/p?", "https://h/p?a=1&b"),
        ("https://h/p?x", "https://h/p?x&a=1&b"),
        ("https://h/p?x&", "https://h/p?x&a=1&b"),
        ("https://h/p?x?y", "https://h/p?x?y&a=1&b"),
        ("https://h/p#f?g", "https://h/p?a=1&b#f?g"),
        ("https://h/p?x#f#g", "https://h/p?x&a=1&b#f#g"),
    ],
)
def test_parameters_behind_those_of_a_url(url: str, joined: str) -> None:
    assert append_query(url, "a=1&b") == joined
