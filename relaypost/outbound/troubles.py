"""The words for attempts that got no complete answer (section 3.8): short and stable."""

import errno
import os
import ssl

from relaypost.domain.addresses import SETTING, IpAddress, inner_address
from relaypost.domain.outcomes import NotReached, Trouble

_REASONS = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.ECONNABORTED: "connection reset",
    errno.EPIPE: "connection reset",
    errno.ETIMEDOUT: "connection timed out",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
}


def timed_out(timeout_ms: int) -> NotReached:
    seconds = timeout_ms // 1000 if timeout_ms % 1000 == 0 else timeout_ms / 1000
    text = f"timeout: no complete response within {seconds}s"
    return NotReached(trouble=Trouble.TIMEOUT, error=text)


def name_not_resolved(host: str) -> NotReached:
    return NotReached(trouble=Trouble.DNS, error=f"dns lookup failed: {host}")


def connection_failed(reason: str) -> NotReached:
    return NotReached(trouble=Trouble.CONNECTION, error=f"connection failed: {reason}")


def invalid_response(reason: str) -> NotReached:
    return NotReached(trouble=Trouble.INVALID_RESPONSE, error=f"invalid response: {reason}")


def address_refused(address: IpAddress) -> NotReached:
    text = f"connection failed: address {inner_address(address)} not allowed (see {SETTING})"
    return NotReached(trouble=Trouble.REFUSED_ADDRESS, error=text)


def network_failed(error: Exception) -> NotReached:
    """Name what the operating system or the TLS library had against a connection."""
    if isinstance(error, ssl.SSLError):
        return NotReached(trouble=Trouble.TLS, error=f"tls error: {_tls_reason(error)}")
    if isinstance(error, OSError):
        return connection_failed(_os_reason(error))
    return connection_failed(str(error) or type(error).__name__)


def _tls_reason(error: ssl.SSLError) -> str:
    # An error that the event loop made up lacks what OpenSSL's own errors have.
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {getattr(error, 'verify_message', error)}"
    return str(getattr(error, "reason", None) or "handshake failed").replace("_", " ").lower()


def _os_reason(error: OSError) -> str:
    number = error.errno
    if number is None:  # raised by the event loop itself
        number = errno.ECONNRESET if isinstance(error, ConnectionError) else 0
    return _REASONS.get(number) or (os.strerror(number).lower() if number else str(error))
