"""No address is dialled that the policy has not judged (section 2.2)."""

import pytest

from relaypost.domain.outcomes import NotReached, Trouble
from relaypost.outbound.sender import HttpSender, SenderLimits
from tests.outbound.conftest import MakeSender
from tests.support.address_corpus import IPV4_SPELLINGS, IPV6_SPELLINGS
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, answering, raw_server

SPELLINGS = [
    spelling
    for address in ("127.0.0.1", "0.0.0.0", "127.0.0.53", "169.254.169.254")
    for spelling in IPV4_SPELLINGS[address]
] + [
    f"[{spelling.strip('[]')}]"
    for address in ("::1", "::", "::ffff:127.0.0.1")
    for spelling in IPV6_SPELLINGS[address]
]
NO_NETWORK = ""


def refused(address: str) -> NotReached:
    return NotReached(
        trouble=Trouble.REFUSED_ADDRESS,
        error=f"connection failed: address {address} not allowed (see RELAYPOST_ALLOW_NETWORKS)",
    )


async def test_no_spelling_of_a_literal_reaches_loopback(make_sender: MakeSender) -> None:
    sender = make_sender(allow=NO_NETWORK)
    async with raw_server(answering(OK)) as trap:
        for spelling in SPELLINGS:
            outcome = await sender.send(attempt_request(trap.url(host=spelling)))
            assert isinstance(outcome, NotReached), spelling
            assert outcome.trouble is Trouble.REFUSED_ADDRESS, spelling
            assert outcome.status == 502
    assert trap.connections == 0


@pytest.mark.parametrize("spelling", IPV4_SPELLINGS["127.0.0.1"])
async def test_allowed_literals_are_reached_in_every_spelling(
    sender: HttpSender, spelling: str
) -> None:
    async with raw_server(answering(OK)) as server:
        outcome = await sender.send(attempt_request(server.url(host=spelling)))
    assert outcome.is_success


@pytest.mark.parametrize(
    ("answers", "address"),
    [
        (["127.0.0.1"], "127.0.0.1"),
        (["::1"], "::1"),
        (["::ffff:127.0.0.1"], "127.0.0.1"),
        (["10.0.0.1", "127.0.0.1"], "10.0.0.1"),
        (["0.0.0.0"], "0.0.0.0"),
        (["fe80::1%lo"], "fe80::1%lo"),
    ],
)
async def test_a_name_that_points_to_a_refused_address(
    make_sender: MakeSender, answers: list[str], address: str
) -> None:
    sender = make_sender(allow=NO_NETWORK, names=lambda _: answers)
    async with raw_server(answering(OK)) as trap:
        outcome = await sender.send(attempt_request(trap.url(host="inside.example")))
    assert outcome == refused(address)
    assert trap.connections == 0


async def test_what_can_not_be_read_is_not_dialled(make_sender: MakeSender) -> None:
    sender = make_sender(names=lambda _: ["0x7f.1", "localhost", "127.1"])
    async with raw_server(answering(OK)) as trap:
        outcome = await sender.send(attempt_request(trap.url(host="odd.example")))
    assert isinstance(outcome, NotReached)
    assert outcome.trouble is Trouble.DNS
    assert trap.connections == 0


async def test_refused_addresses_are_skipped(make_sender: MakeSender) -> None:
    sender = make_sender(allow="127.0.0.1", names=lambda _: ["10.0.0.1", "::1", "127.0.0.1"])
    async with raw_server(answering(OK)) as server:
        outcome = await sender.send(attempt_request(server.url(host="mixed.example")))
    assert outcome.is_success


async def test_rebinding_has_no_window(make_sender: MakeSender) -> None:
    """The name turns to loopback after its first answer; 127.0.0.2 plays the public address."""
    answers = iter([["127.0.0.2"], ["127.0.0.1"], ["127.0.0.1"]])
    limits = SenderLimits(dns_answers_for_ms=0, max_idle_per_origin=0)
    sender = make_sender(allow="127.0.0.2", limits=limits, names=lambda _: next(answers))
    async with (
        raw_server(answering(OK), host="127.0.0.2") as public,
        raw_server(answering(OK), port=public.port) as trap,
    ):
        url = public.url(host="rebinding.example")
        assert (await sender.send(attempt_request(url))).is_success
        for _ in range(2):
            assert await sender.send(attempt_request(url)) == refused("127.0.0.1")
    assert public.connections == 1
    assert trap.connections == 0


async def test_the_address_that_was_judged_is_the_one_that_is_dialled(
    make_sender: MakeSender,
) -> None:
    """One look-up for each connection: a second answer is never asked for."""
    asked: list[str] = []

    def names(host: str) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    limits = SenderLimits(dns_answers_for_ms=0)
    sender = make_sender(allow="127.0.0.2", limits=limits, names=names)
    async with raw_server(answering(OK), host="127.0.0.2") as public:
        outcome = await sender.send(attempt_request(public.url(host="rebinding.example")))
    assert outcome.is_success
    assert asked == ["rebinding.example"]
