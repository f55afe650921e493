"""Who sends a request: the token that it brings (section 1.3), the address it comes from (1.12)."""

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

from relaypost.api.http import Caller, RawHeaders, Scope
from relaypost.domain.errors import Unauthorized
from relaypost.service.directory import Directory
from relaypost.wire.targets import query_token

INVALID = "unable to authenticate: invalid token"
Networks = tuple[IPv4Network | IPv6Network, ...]


def authenticate(directory: Directory, headers: RawHeaders, query: bytes) -> Caller:
    """The caller whose token came with the request; one in the query alone decides.

    Raises:
        Unauthorized: there is no token, or it opens nothing.
    """
    in_query = query_token(query) if query else None
    token = directory.authenticate(in_query or bearer_token(headers))
    if token is None:
        raise Unauthorized(INVALID)
    return Caller(
        project_id=token.project_id,
        kind=token.kind,
        token_in_query=in_query is not None,
        bindings=token.bindings,
    )


def bearer_token(headers: RawHeaders) -> str:
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.strip().partition(b" ")
            return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""
    return ""


class CallerAddresses:
    """The address of the peer, or the one that trusted proxies vouch for."""

    def __init__(self, trusted: Networks) -> None:
        self._trusted = trusted

    def of(self, scope: Scope) -> str | None:
        if scope["client"] is None:
            return None
        address: str = scope["client"][0]
        if address.startswith("::ffff:"):
            address = _canonical(address) or address
        if self._trusted and self._is_trusted(address):
            return self._forwarded(scope["headers"]) or address
        return address

    def _forwarded(self, headers: RawHeaders) -> str | None:
        """The right-most address that is not a trusted proxy; `None` where one can't be read."""
        lists = [value for name, value in headers if name == b"x-forwarded-for"]
        for hop in reversed(b",".join(lists).decode("latin-1").split(",")):
            address = _canonical(hop)
            if address is None or not self._is_trusted(address):
                return address
        return None

    def _is_trusted(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self._trusted)


def _canonical(hop: str) -> str | None:
    """An address without brackets, port and zone; IPv4 in the form of IPv6 as IPv4."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    try:
        address = ip_address(hop.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
