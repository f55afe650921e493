import errno
import os
import ssl
from ipaddress import ip_address

import pytest

from relaypost.domain.outcomes import Trouble
from relaypost.outbound.troubles import address_refused, network_failed, timed_out


@pytest.mark.parametrize(
    ("timeout_ms", "seconds"),
    [(7_200_000, "7200"), (1_000, "1"), (1_500, "1.5"), (1, "0.001"), (1_234_567, "1234.567")],
)
def test_the_seconds_of_a_timeout(timeout_ms: int, seconds: str) -> None:
    outcome = timed_out(timeout_ms)
    assert outcome.error == f"timeout: no complete response within {seconds}s"
    assert outcome.status == 504


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "connection refused"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "connection reset"),
        (ConnectionResetError(), "connection reset"),
        (ConnectionAbortedError("by the loop"), "connection reset"),
        (BrokenPipeError(errno.EPIPE, "x"), "connection reset"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "connection timed out"),
        (OSError(errno.EHOSTUNREACH, "x"), "host unreachable"),
        (OSError(errno.ENETUNREACH, "x"), "network unreachable"),
        (OSError(errno.EMFILE, "x"), os.strerror(errno.EMFILE).lower()),
        (OSError("odd"), "odd"),
        (ValueError("odd name"), "odd name"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_reasons_of_the_network(error: Exception, text: str) -> None:
    outcome = network_failed(error)
    assert outcome.error == f"connection failed: {text}"
    assert outcome.trouble is Trouble.CONNECTION
    assert outcome.status == 502


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ssl.SSLError(1, "[SSL: X] x"), "handshake failed"),
        (ssl.SSLCertVerificationError("expired"), "certificate verify failed: ('expired',)"),
    ],
)
def test_the_reasons_of_tls(error: ssl.SSLError, text: str) -> None:
    outcome = network_failed(error)
    assert outcome.error == f"tls error: {text}"
    assert outcome.trouble is Trouble.TLS


def test_a_refused_address_is_shown_as_it_is_judged() -> None:
    outcome = address_refused(ip_address("::ffff:10.0.0.1"))
    assert outcome.error == (
        "connection failed: address 10.0.0.1 not allowed (see RELAYPOST_ALLOW_NETWORKS)"
    )
    assert outcome.trouble is Trouble.REFUSED_ADDRESS
