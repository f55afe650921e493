"""Names of projects: user ids on the wire (section 7.2)."""

import pytest

from relaypost.domain.projects import is_project_name


@pytest.mark.parametrize("name", ["a", "defaultUser", "shop-1_B", "x" * 64])
def test_names(name: str) -> None:
    assert is_project_name(name)


@pytest.mark.parametrize("name", ["", "x" * 65, "a.b", "a b", "a/b", "é", "a\n"])
def test_what_is_no_name(name: str) -> None:
    assert not is_project_name(name)
