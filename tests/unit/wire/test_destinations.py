import pytest

from relaypost.domain.addresses import DEVELOPMENT_NETWORKS, AddressPolicy
from relaypost.domain.errors import Invalid
from relaypost.wire.destinations import callback_url, check_destination, is_name
from relaypost.wire.options import CALLBACK, CALLBACK_FAILURE, FAILURE

STRICT = AddressPolicy()
NO_SCHEME = "endpoint has invalid scheme, add http:// or https://"


@pytest.mark.parametrize(
    "url",
    [
        "api/llm",
        "api/llm?x",
        "http://example.com",
        "HTTPS://u:p@Example.COM:8443/a%2Fb?x",
        "https://grüße.example/ü",
    ],
)
def test_destinations_pass(url: str) -> None:
    assert not check_destination(url, STRICT)


@pytest.mark.conformance("P-5")
@pytest.mark.parametrize(
    "text",
    ["", "h.example.com/x", "ftp://h/x", "https:h", "a b", ".", "..", "x" * 257, "?x=1", "grüße"],
)
def test_what_is_neither_a_url_nor_a_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_destination(text, STRICT)
    assert str(refused.value) == f"invalid destination url: {NO_SCHEME}"


@pytest.mark.parametrize("text", ["a.b-c_D9", "x" * 256, "api", "https", "grp?a=1", "grp?"])
def test_names_of_groups(text: str) -> None:
    assert check_destination(text, STRICT)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("api/email", "unknown api email"),
        ("api/", "unknown api "),
        ("https://", "endpoint has no host"),
        ("https://h:0/", "endpoint has an invalid port"),
        ("https://h/\x01", "endpoint has control characters"),
        ("https://h/" + "x" * 8192, "endpoint is longer than 8192 bytes"),
        (
            "http://localhost:3000/x",
            "endpoint resolves to a loopback address: 127.0.0.1 (see RELAYPOST_ALLOW_NETWORKS)",
        ),
        (
            "http://0x7f.1/",
            "endpoint resolves to a loopback address: 127.0.0.1 (see RELAYPOST_ALLOW_NETWORKS)",
        ),
        (
            "http://10.1.2.3/",
            "endpoint resolves to a private address: 10.1.2.3 (see RELAYPOST_ALLOW_NETWORKS)",
        ),
        (
            "http://169.254.169.254/",
            "endpoint resolves to a metadata address: 169.254.169.254 "
            "(see RELAYPOST_ALLOW_NETWORKS)",
        ),
    ],
    ids=lambda text: text[:40],
)
def test_other_defects(text: str, reason: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_destination(text, STRICT)
    assert str(refused.value) == f"invalid destination url: {reason}"


def test_the_policy_opens_networks() -> None:
    check_destination("http://localhost:3000/x", AddressPolicy(DEVELOPMENT_NETWORKS))


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        (CALLBACK, "callback"),
        (FAILURE, "failure callback"),
        (CALLBACK_FAILURE, "failure callback"),
    ],
)
@pytest.mark.parametrize("text", ["grp", "api/llm", "h/x"])
def test_a_callback_goes_to_a_url_only(prefix: str, kind: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        callback_url(text, prefix, STRICT)
    assert str(refused.value) == f"invalid {kind} url: {NO_SCHEME}"


def test_callbacks_follow_the_policy() -> None:
    with pytest.raises(Invalid, match="invalid callback url: endpoint resolves to a private"):
        callback_url("http://10.0.0.1/", CALLBACK, STRICT)
    assert callback_url("https://h/\udce9", CALLBACK, STRICT) == "https://h/é"


@pytest.mark.parametrize(("text", "is_one"), [("q.1-_Z", True), ("a/b", False), ("a\n", False)])
def test_names(text: str, is_one: bool) -> None:
    assert is_name(text) is is_one
