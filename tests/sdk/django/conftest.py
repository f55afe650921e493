"""A shop on Django whose tasks go through django-qstash, as a program of its own."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.servers import Account, RelaypostProcess
from tests.support.shops import RunningShop, Shop, running_shop, shop_client


@pytest.fixture(scope="session")
def account(development: RelaypostProcess) -> Account:
    return development.accounts["testUser1"]


@pytest.fixture(scope="session")
def running(account: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningShop]:
    with running_shop(account, tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture
async def shop(running: RunningShop) -> AsyncIterator[Shop]:
    async with shop_client(running) as shop:
        yield shop
