"""What the live tests share: programs of one test, modules compiled and certificates made once."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from interop.children import Children, children
from interop.tls_ends import Identity, identity
from programs import missing, need

HEADERS = Path("/usr/include/re")


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


@pytest.fixture(scope="session")
def libre(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program `bfcp_libre_peer.c`, compiled once."""
    compiler = need("gcc")
    if not (HEADERS / "re_bfcp.h").exists():
        missing("libre", "apt-get install libre-dev")
    program = tmp_path_factory.mktemp("libre") / "bfcp_libre_peer"
    source = Path(__file__).with_name("bfcp_libre_peer.c")
    subprocess.run(
        [compiler, "-DHAVE_STDBOOL_H", "-DHAVE_INTTYPES_H", f"-I{HEADERS}", str(source), "-o", str(program), "-lre"],
        check=True, timeout=60)
    return program


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Children]:
    """The programs that one test starts; none is left."""
    with children(tmp_path) as found:
        yield found
