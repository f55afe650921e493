"""What an attempt came to, in the words of section 3.8."""

import pytest

from relaypost.domain.outcomes import NotReached, Responded, Trouble


@pytest.mark.parametrize(
    ("status", "text"),
    [(500, "500 Internal Server Error"), (429, "429 Too Many Requests"), (799, "799")],
)
def test_the_words_for_an_answer(status: int, text: str) -> None:
    assert Responded(status=status).error == text


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("https://www.example.com/x", "308 Permanent Redirect: https://www.example.com/x"),
        ("/é", "308 Permanent Redirect: /é"),
        ("/\udce9", "308 Permanent Redirect: /é"),
        ("", "308 Permanent Redirect"),
    ],
)
def test_a_redirect_names_its_target(location: str, text: str) -> None:
    """Bytes that are no UTF-8 too must become text: it is stored, and shown as JSON."""
    headers = (("Server", "x"), ("Location", location), ("Location", "second"))
    assert Responded(status=308, headers=headers).error == text


def test_a_target_of_another_status_is_not_named() -> None:
    assert Responded(status=503, headers=(("Location", "/x"),)).error == "503 Service Unavailable"


@pytest.mark.parametrize(("status", "is_success"), [(199, False), (200, True), (300, False)])
def test_success_is_2xx(status: int, is_success: bool) -> None:
    assert Responded(status=status).is_success is is_success


def test_no_answer_is_no_success() -> None:
    assert not NotReached(trouble=Trouble.DNS, error="dns lookup failed: h").is_success
