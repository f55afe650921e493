"""What a bound token may name."""

import pytest

from relaypost.domain.errors import Forbidden
from relaypost.domain.tokens import NOT_BOUND, Bindings
from relaypost.wire.bindings import check_bindings
from relaypost.wire.options import collect
from tests.support.publishing import publish

HERE = "https://shop.example.com/hook"
ELSEWHERE = "https://evil.example/"
BOUND = Bindings(hosts=("shop.example.com",), groups=("orders",))


@pytest.mark.parametrize("destination", [HERE, f"{HERE}?a=b", "https:/shop.example.com/"])
def test_its_hosts(destination: str) -> None:
    assert publish(destination, bindings=BOUND).messages


@pytest.mark.parametrize(
    "destination", [ELSEWHERE, "returns", "api/llm", "", "https://", "https://shop.example.com:x/"]
)
def test_nothing_else(destination: str) -> None:
    with pytest.raises(Forbidden, match=r"^token is not allowed to perform this operation$"):
        publish(destination, bindings=BOUND)


def test_its_groups() -> None:
    check_bindings("orders?a=b", collect(()), BOUND)
    with pytest.raises(Forbidden):
        check_bindings("orders.example.com", collect(()), BOUND)


@pytest.mark.parametrize(
    "name",
    ["Upstash-Callback", "Upstash-Failure-Callback", "Upstash-Callback-Failure-Callback"],
)
@pytest.mark.parametrize(
    ("url", "is_refused"), [(HERE, False), (ELSEWHERE, True), ("https://bücher.example", True)]
)
def test_callbacks_too(name: str, url: str, is_refused: bool) -> None:
    headers = {"Upstash-Callback": HERE, name: url.encode().decode("latin-1")}
    if is_refused:
        with pytest.raises(Forbidden):
            publish(HERE, headers, bindings=BOUND)
    else:
        assert publish(HERE, headers, bindings=BOUND).messages


def test_others_may_name_anything() -> None:
    headers = {"Upstash-Callback": ELSEWHERE}
    assert publish(ELSEWHERE, headers, bindings=NOT_BOUND).messages
