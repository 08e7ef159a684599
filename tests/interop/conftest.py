"""What the live tests share: programs of one test, modules compiled and certificates made once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.children import Children, children
from interop.tls_ends import Identity, identity


@pytest.fixture(scope="session")
def ebin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Erlang modules are compiled to."""
    return tmp_path_factory.mktemp("ebin")


@pytest.fixture(scope="session")
def ue(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A UE's certificate and key."""
    return identity(tmp_path_factory.mktemp("ue"), "ue")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Somebody else's."""
    return identity(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Children]:
    """The programs that one test starts; none is left."""
    with children(tmp_path) as found:
        yield found
