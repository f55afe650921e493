"""Makes new connections. Nothing is dialled but an address that the policy has just judged."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

from relaypost.domain.addresses import AddressPolicy, IpAddress
from relaypost.domain.outcomes import NotReached
from relaypost.domain.urls import Destination
from relaypost.outbound.connection import Connection
from relaypost.outbound.resolver import Resolver
from relaypost.outbound.troubles import (
    address_refused,
    connection_failed,
    name_not_resolved,
    network_failed,
)

C = TypeVar("C", bound=Connection)


class Dialer:
    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        resolver: Resolver,
        *,
        policy: AddressPolicy,
        ssl_context: ssl.SSLContext,
    ) -> None:
        self._loop = loop
        self._resolver = resolver
        self._policy = policy
        self._ssl_context = ssl_context

    async def dial(
        self, destination: Destination, new: Callable[[str], C], *, deadline: float
    ) -> C | NotReached | None:
        """Connect to the first address that answers; `None` if the deadline passes before."""
        try:
            async with asyncio.timeout_at(deadline):
                return await self._dial(destination, new, deadline)
        except TimeoutError:
            return None

    async def _dial(
        self, destination: Destination, new: Callable[[str], C], deadline: float
    ) -> C | NotReached:
        addresses = await self._resolver.resolve(destination.host)
        if not addresses:
            return name_not_resolved(destination.host)
        allowed = [address for address in addresses if self._policy.refusal(address) is None]
        if not allowed:
            return address_refused(addresses[0])
        return await self._dial_in_turn(destination, allowed, new, deadline=deadline)

    async def _dial_in_turn(
        self,
        destination: Destination,
        addresses: list[IpAddress],
        new: Callable[[str], C],
        *,
        deadline: float,
    ) -> C | NotReached:
        *others, last = addresses
        for tried, address in enumerate(others):
            # An address that is silent must leave time for those behind it.
            now = self._loop.time()
            until = now + (deadline - now) / (len(addresses) - tried)
            outcome = await self._dial_address(destination, address, new, until=until)
            if isinstance(outcome, Connection):
                self._resolver.prefer(destination.host, address)
                return outcome
        outcome = await self._dial_address(destination, last, new, until=None)
        if others and isinstance(outcome, Connection):
            self._resolver.prefer(destination.host, last)
        return outcome

    async def _dial_address(
        self,
        destination: Destination,
        address: IpAddress,
        new: Callable[[str], C],
        *,
        until: float | None,
    ) -> C | NotReached:
        connection = new(destination.origin)
        limit = asyncio.timeout_at(until)
        try:
            async with limit:
                await self._loop.create_connection(
                    lambda: connection,
                    str(address),
                    destination.port,
                    ssl=self._ssl_context if destination.is_tls else None,
                    server_hostname=_server_name(destination),
                )
        except (OSError, ValueError, RuntimeError) as error:
            connection.forsake()
            return (
                connection_failed("connect timeout") if limit.expired() else network_failed(error)
            )
        except asyncio.CancelledError:
            connection.forsake()
            raise
        return connection


def _server_name(destination: Destination) -> str | None:
    # Certificates name hosts without the dot that makes a name absolute.
    return destination.host.removesuffix(".") if destination.is_tls else None
