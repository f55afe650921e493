"""TLS to destinations (section 3.2)."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from relaypost.domain.outcomes import NotReached, Responded, Trouble
from relaypost.outbound.sender import HttpSender, SenderLimits
from relaypost.outbound.tls import client_context
from tests.outbound.conftest import MakeSender
from tests.support.attempts import attempt_request
from tests.support.raw_servers import OK, Peer, answering, raw_server
from tests.support.stand_ins import certified


async def test_a_certificate_of_a_trusted_authority(
    make_sender: MakeSender, authority: trustme.CA, trusting_context: ssl.SSLContext
) -> None:
    asked: list[str | None] = []
    context = certified(authority, "api.example.com", "127.0.0.1")
    context.sni_callback = lambda _, name, __: asked.append(name)
    sender = make_sender(ssl_context=trusting_context, names=lambda _: ["127.0.0.1"])
    async with raw_server(answering(OK), ssl=context) as server:
        for host in ("API.example.com", "api.example.com", "api.example.com.", "127.0.0.1"):
            outcome = await sender.send(attempt_request(server.url(host=host)))
            assert isinstance(outcome, Responded), outcome
            assert outcome.body == b"ok"
    assert asked == ["api.example.com", "api.example.com", None]
    assert server.connections == 3


async def test_one_more_file_of_authorities(
    make_sender: MakeSender, authority: trustme.CA, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    sender = make_sender(ssl_context=client_context(ca_file=str(path)))
    async with raw_server(answering(OK), ssl=certified(authority, "127.0.0.1")) as server:
        assert (await sender.send(attempt_request(server.url()))).is_success


def test_the_system_stays_trusted_beside_it(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL itself takes the variable for a replacement."""
    path, system = str(tmp_path / "ca.pem"), str(tmp_path / "system.pem")
    authority.cert_pem.write_to_path(path)
    trustme.CA().cert_pem.write_to_path(system)
    paths = ssl.get_default_verify_paths()._replace(openssl_cafile=system)
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setenv("SSL_CERT_FILE", path)

    trusted = client_context(ca_file=path).get_ca_certs(binary_form=True)

    for file in (path, system):
        (certificate,) = _certificates(file)
        assert certificate in trusted


def _certificates(file: str) -> list[bytes]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=file)
    return context.get_ca_certs(binary_form=True)


@pytest.mark.parametrize("body", [b"x" * 1_000, b"x" * 5_000_000])
async def test_bodies_over_tls(
    make_sender: MakeSender, authority: trustme.CA, trusting_context: ssl.SSLContext, body: bytes
) -> None:
    sender = make_sender(ssl_context=trusting_context)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    context = certified(authority, "127.0.0.1")
    async with raw_server(answering(answer), ssl=context) as server:
        for _ in range(2):
            outcome = await sender.send(attempt_request(server.url(), body=body))
            assert isinstance(outcome, Responded), outcome
            assert outcome.body == body
    assert [len(request.body) for request in server.requests] == [len(body)] * 2
    assert server.connections == 1


@pytest.mark.parametrize(
    ("names", "trusted", "error"),
    [
        (("127.0.0.1",), False, "tls error: certificate verify failed: unable to get local issuer"),
        (("127.0.0.9",), True, "tls error: certificate verify failed: IP address mismatch"),
        (("other.example",), True, "tls error: certificate verify failed: IP address mismatch"),
    ],
)
async def test_certificates_that_are_refused(
    make_sender: MakeSender,
    authority: trustme.CA,
    trusting_context: ssl.SSLContext,
    names: tuple[str, ...],
    *,
    trusted: bool,
    error: str,
) -> None:
    issuer = authority if trusted else trustme.CA()
    sender = make_sender(ssl_context=trusting_context)
    async with raw_server(answering(OK), ssl=certified(issuer, *names)) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, NotReached)
    assert outcome.trouble is Trouble.TLS
    assert outcome.status == 502
    assert outcome.error.startswith(error)
    assert not server.requests


async def test_checks_can_be_turned_off(make_sender: MakeSender) -> None:
    sender = make_sender(ssl_context=client_context(verify=False))
    context = certified(trustme.CA(), "other.example")
    async with raw_server(answering(OK), ssl=context) as server:
        assert (await sender.send(attempt_request(server.url()))).is_success


async def test_old_versions_are_refused(
    make_sender: MakeSender, authority: trustme.CA, trusting_context: ssl.SSLContext
) -> None:
    assert trusting_context.minimum_version is ssl.TLSVersion.TLSv1_2
    context = certified(authority, "127.0.0.1")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    sender = make_sender(ssl_context=trusting_context)
    async with raw_server(answering(OK), ssl=context) as server:
        outcome = await sender.send(attempt_request(server.url()))
    assert isinstance(outcome, NotReached)
    assert outcome.trouble in (Trouble.TLS, Trouble.CONNECTION)  # not each server says why
    assert not server.requests


async def test_a_server_without_tls(make_sender: MakeSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(1)
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    sender = make_sender()
    async with raw_server(script) as server:
        url = f"https://127.0.0.1:{server.port}/"
        outcome = await sender.send(attempt_request(url))
    assert isinstance(outcome, NotReached)
    assert outcome.trouble is Trouble.TLS
    assert outcome.error in ("tls error: wrong version number", "tls error: record layer failure")


async def test_a_silent_handshake_ends_with_the_time_to_connect(make_sender: MakeSender) -> None:
    async def script(peer: Peer) -> None:
        await peer.wait_gone()
        gone.set()

    gone = asyncio.Event()
    sender = make_sender(limits=SenderLimits(connect_timeout_ms=100))
    async with raw_server(script) as server:
        url = f"https://127.0.0.1:{server.port}/"
        outcome = await sender.send(attempt_request(url))
        await gone.wait()
    assert isinstance(outcome, NotReached)
    assert outcome.error == "connection failed: connect timeout"


async def test_a_silent_address_leaves_time_for_the_next(
    make_sender: MakeSender, authority: trustme.CA, trusting_context: ssl.SSLContext
) -> None:
    async def silent(peer: Peer) -> None:
        await peer.wait_gone()

    sender = make_sender(
        ssl_context=trusting_context,
        limits=SenderLimits(connect_timeout_ms=1_000, max_idle_per_origin=0),
        names=lambda _: ["127.0.0.2", "127.0.0.1"],
    )
    context = certified(authority, "h.example")
    async with (
        raw_server(answering(OK), ssl=context) as server,
        raw_server(silent, host="127.0.0.2", port=server.port) as stalling,
    ):
        for _ in range(3):
            assert (await sender.send(attempt_request(server.url(host="h.example")))).is_success
    assert server.connections == 3
    assert stalling.connections == 1


async def test_cancelling_during_the_handshake_closes_the_connection(sender: HttpSender) -> None:
    async def script(peer: Peer) -> None:
        underway.set()
        await peer.wait_gone()
        gone.set()

    underway, gone = asyncio.Event(), asyncio.Event()
    async with raw_server(script) as server, asyncio.TaskGroup() as tasks:
        url = f"https://127.0.0.1:{server.port}/"
        attempt = tasks.create_task(sender.send(attempt_request(url)))
        await underway.wait()
        attempt.cancel()
        await gone.wait()
    assert attempt.cancelled()
