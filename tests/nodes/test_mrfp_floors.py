"""The floor control servers of an MRFP, told by hand what a gateway would tell them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workbench.net.values import Endpoint
from workbench.nodes.gateway.flow import Flow
from workbench.nodes.gateway.settings import Change, Role, Setting
from workbench.nodes.mrfp.floors import Floors, Rules
from workbench.protocols import sdp
from workbench.protocols.bfcp.machine import Participant


class Bearer(Flow):
    """An endpoint without a gateway: it keeps what is said to it."""

    __slots__ = ("host", "said", "seen", "up")

    def __init__(self, user: int | None, conference: int = 4321) -> None:
        told = sdp.BfcpStream((), conference, user, (sdp.FloorStreams(543),))
        setting = Setting("TCP/BFCP", False, Endpoint("192.0.2.160", 40000), Role.ACTIVE, floor=told)
        super().__init__(1, f"ip/1/media/{user}", 1, setting, None)  # type: ignore[arg-type]
        self.said = b""
        self.seen: list[Change] = []
        self.up = True
        self.host: Floors | None = None

    takes = property(lambda self: self.up)

    def order(self, *commands: object) -> None:
        """Nobody carries it out."""

    def observe(self, change: Change, *_: object, **__: object) -> None:
        """What the controller would hear."""
        self.seen.append(change)

    def say(self, data: bytes, now: float, why: str) -> None:
        """What the peer would hear."""
        self.said += data

    def leave(self, now: float, why: str) -> None:
        """The connection goes, and the application hears of it."""
        self.up = False
        if self.host is not None:
            self.host.left(self)


def asking(user: int) -> Iterator[bytes]:
    """Octets of a participant that asks for the floor."""
    one = Participant(4321, user)
    events = [*one.opened(0.0), *one.send_floor_request(543, 0.0)[1]]
    return (event.octets for event in events if hasattr(event, "octets"))


@pytest.fixture
def floors() -> Floors:
    return Floors(Rules(clients=2))


@pytest.mark.parametrize("bearer", [Bearer(7, conference=9), Bearer(None)], ids=["another conference", "nobody"])
def test_who_is_of_another_conference_is_given_up(floors: Floors, bearer: Bearer):
    """One context is one conference; the controller hears of the endpoint that is none of its clients."""
    floors.consider(Bearer(1), 0.0)
    floors.consider(bearer, 0.0)
    assert (len(floors), bearer.up, bearer.seen) == (1, False, [Change.LOST])


def test_no_more_clients_than_the_rules_say(floors: Floors):
    """What a controller can make an MRFP hold has a bound."""
    bearers = [Bearer(user) for user in (1, 2, 3)]
    for bearer in bearers:
        floors.consider(bearer, 0.0)
    assert [bearer.up for bearer in bearers] == [True, True, False]


def test_who_does_not_read_is_given_up(floors: Floors):
    """Nothing piles up for a client that takes no octets any more; the others go on."""
    slow, quick = Bearer(1), Bearer(2)
    for bearer in (slow, quick):
        bearer.host = floors
        floors.consider(bearer, 0.0)
    slow.full = True
    for bearer in (slow, quick):
        for octets in asking(bearer.setting.floor.user):  # type: ignore[union-attr, arg-type]
            floors.heard(bearer, octets, 1.0)
    assert (slow.up, slow.said, len(floors)) == (False, b"", 1) and quick.said


def test_garbage_ends_one_connection(floors: Floors):
    """A stream that can't be read is closed (RFC 8855 §6.1), and nobody else's."""
    bad, good = Bearer(1), Bearer(2)
    for bearer in (bad, good):
        bearer.host = floors
        floors.consider(bearer, 0.0)
    floors.heard(bad, b"\xff" * 64, 1.0)
    assert (bad.up, good.up, bad.seen) == (False, True, [Change.LOST])
    assert len(floors) == 1


def test_the_last_one_ends_the_conference(floors: Floors):
    """An empty context holds nothing."""
    bearer = Bearer(1)
    floors.consider(bearer, 0.0)
    floors.left(bearer)
    floors.left(bearer)
    assert len(floors) == 0
