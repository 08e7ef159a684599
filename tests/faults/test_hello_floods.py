"""Floods of ClientHellos at the access side of a DTLS gateway: nothing is kept for them, and faxes go on.

How many packets a second are left is for `benchmarks/agw_attacks.py`; here all of them have to arrive.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Literal

import load
import pytest
from load.controller import Endpoint, Kind
from load.faxes import bound

HOST, STRANGER = "127.0.0.1", "127.77.0.1"
# Far above what Python's and OpenSSL's allocators take for themselves, far below what a thousand sessions would need.
BOUND = 16_000_000
FLOOD = 3_000
SESSIONS = 1_000

Manner = Literal["bare", "returned", "pieces"]


class Scene:
    """A gateway with two faxes that are under way."""

    def __init__(self, agw: load.Agw, core: socket.socket) -> None:
        self.agw, self.core = agw, core
        self.client = load.Client()
        self.faxes = [self.enters(context) for context in self.free(2, Kind.FAX)]
        self.carry()

    def free(self, count: int, kind: Kind, host: str = HOST) -> list[load.Context]:
        """Contexts whose UE, at this address by its SDP, has not come yet."""
        return self.agw.controller.set_up(
            count, kind, core=Endpoint(*self.core.getsockname()), client=self.client, client_host=host, together=True)

    def enters(self, context: load.Context, host: str = HOST) -> load.Fax:
        """Its UE comes, and a packet is through."""
        return load.Fax(self.client, host, (context.access.host, context.access.port), self.core)

    def carry(self, packets: int = 20) -> None:
        """Each fax carries so many packets, both ways, and none is missing."""
        for fax in self.faxes:
            assert fax.up(packets, 8)[1] == fax.down(packets, 8)[1] == 0

    def flooded(self, contexts: list[load.Context], count: int, manner: Manner, hosts: int = 1) -> load.Hellos:
        """A flood against these, and faxes meanwhile; memory stays bounded."""
        where = [context.access for context in contexts]
        with load.Hellos(where, 200, STRANGER, manner, hosts) as first:     # what this needs anyway is there then
            while not first.step():
                self.carry()
        before = self.agw.resident()
        with load.Hellos(where, count, STRANGER, manner, hosts) as flood:
            while not flood.step():
                self.carry(2)
        assert self.agw.resident() - before < BOUND
        return flood


@pytest.fixture
def scene() -> Iterator[Scene]:
    with load.agw() as agw, bound(agw.host) as core:
        made = Scene(agw, core)
        yield made
        for fax in made.faxes:
            fax.close()


@pytest.mark.parametrize("hosts", [1, 1000], ids=["one address", "a thousand addresses"])
@pytest.mark.parametrize("manner", ["bare", "pieces"])
def test_without_a_cookie_nothing_is_kept(scene: Scene, manner: Manner, hosts: int):
    """Whole ones are answered with a cookie each; pieces are not put together. The UEs of these ports get in after it.

    The gateway latches, so that it listens to all of them (RFC 6347 §4.2.1)."""
    contexts = scene.free(5, Kind.FAX_BEHIND_NAT, "10.0.0.1")
    flood = scene.flooded(contexts, FLOOD, manner, hosts)
    assert (flood.answered > FLOOD // 2) == (manner == "bare")
    scene.faxes += [scene.enters(context) for context in contexts]
    scene.carry()


@pytest.mark.parametrize("hosts", [1, 250], ids=["one address", "many addresses"])
def test_with_a_cookie_there_are_few_sessions(scene: Scene, hosts: int):
    """Cookies come back and nothing follows: few sessions an endpoint, none of them is latched on, the UEs get in."""
    contexts = scene.free(5, Kind.FAX_BEHIND_NAT, "10.0.0.1")
    flood = scene.flooded(contexts, SESSIONS, "returned", hosts)
    assert flood.answered > SESSIONS // 2
    scene.faxes += [scene.enters(context) for context in contexts]
    scene.carry()


def test_without_latching_strangers_get_no_answer(scene: Scene):
    """Only the address that SDP names is listened to."""
    contexts = scene.free(5, Kind.FAX)
    flood = scene.flooded(contexts, FLOOD, "bare", 1000)
    assert flood.answered == 0
    scene.faxes += [scene.enters(context) for context in contexts]
    scene.carry()
