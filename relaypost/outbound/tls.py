"""How TLS is spoken to destinations (section 3.2)."""

import contextlib
import ssl
from pathlib import Path


def client_context(*, ca_file: str | None = None, verify: bool = True) -> ssl.SSLContext:
    """TLS 1.2 or newer, checked against the system's trust store and one more file of CAs."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        _trust_system(context)
        context.load_verify_locations(cafile=ca_file)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust_system(context: ssl.SSLContext) -> None:
    """Trust the system's own CAs, which the variable `SSL_CERT_FILE` makes OpenSSL pass over."""
    paths = ssl.get_default_verify_paths()
    with contextlib.suppress(OSError):
        context.load_verify_locations(cafile=paths.openssl_cafile)
    if Path(paths.openssl_capath).is_dir():
        context.load_verify_locations(capath=paths.openssl_capath)
