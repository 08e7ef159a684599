"""The floor control servers of an MRFP, told by hand what a gateway would tell them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from workbench.net.values import Endpoint
from workbench.nodes.floor_control import Configuration, Decided, Decision
from workbench.nodes.gateway.flow import Flow
from workbench.nodes.gateway.settings import Change, Role, Setting
from workbench.nodes.mrfp.floors import Floors, Rules
from workbench.protocols import sdp
from workbench.protocols.bfcp.events import Event, RequestChanged, Transmit
from workbench.protocols.bfcp.machine import Participant
from workbench.protocols.bfcp.registry import status_name


class Bearer(Flow):
    """An endpoint without a gateway: it keeps what is said to it."""

    __slots__ = ("host", "reports", "said", "seen", "up", "wakes")

    def __init__(self, user: int | None, conference: int = 4321) -> None:
        told = sdp.BfcpStream((), conference, user, (sdp.FloorStreams(543),))
        setting = Setting("TCP/BFCP", False, Endpoint("192.0.2.160", 40000), Role.ACTIVE, floor=told)
        super().__init__(1, f"ip/1/media/{user}", 1, setting, None)  # type: ignore[arg-type]
        self.said = b""
        self.seen: list[Change] = []
        self.reports: list[Decided] = []
        self.wakes: float | None = None
        self.up = True
        self.host: Floors | None = None

    takes = property(lambda self: self.up)

    def order(self, *commands: object) -> None:
        """Nobody carries it out."""

    def observe(self, change: Change, source: object = None, decided: Decided | None = None) -> None:
        """What the controller would hear."""
        if decided is None:
            self.seen.append(change)
        else:
            self.reports.append(decided)

    def arm(self, name: str, moment: float) -> None:
        """When it would be woken."""
        self.wakes = moment

    def disarm(self, *names: str) -> None:
        """It would not be woken."""
        self.wakes = None

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


def configured(user: int, *, chairs: tuple[int, ...] = (), holders: int = 1) -> Bearer:
    """An endpoint of a conference that the controller has configured."""
    bearer = Bearer(user)
    told = Configuration(4321, (sdp.FloorStreams(543),), holders=holders)
    bearer.setting = msgspec.structs.replace(bearer.setting, floor_control=told, chairs=chairs)
    return bearer


class Client:
    """A participant, and what it has heard of its floor request."""

    def __init__(self, user: int, floors: Floors, **told: Any) -> None:
        self.bearer, self.floors = configured(user, **told), floors
        self._half = Participant(4321, user)
        floors.consider(self.bearer, 0.0)
        self.says(self._half.opened(0.0))

    def says(self, events: Sequence[Event], now: float = 0.0) -> None:
        """What the participant's half transmits goes to the MRFP."""
        for event in events:
            if isinstance(event, Transmit):
                self.floors.heard(self.bearer, event.octets, now)

    def asks(self, now: float = 0.0) -> None:
        """FloorRequest."""
        self.says(self._half.send_floor_request(543, now)[1], now)

    def heard(self, now: float = 0.0) -> list[tuple[str, int]]:
        """Status and place of its own request, each time that it is told."""
        octets, self.bearer.said = self.bearer.said, b""
        return [(status_name(event.request.status or 0), event.request.position)
                for event in self._half.receive_data(octets, now) if isinstance(event, RequestChanged)]


def test_granted_waits_for_the_media_update(floors: Floors):
    """X22: the decision is reported, the user hears Accepted; Granted only behind Confirm Media Update."""
    one = Client(1, floors)
    one.asks()
    assert one.heard() == [("Accepted", 0)]
    assert one.bearer.reports == [Decided(1, 1, (543,), Decision.GRANTED)]
    floors.confirmed(one.bearer, 7, 1.0)
    assert one.heard() == []
    floors.confirmed(one.bearer, 1, 1.0)
    floors.confirmed(one.bearer, 1, 1.0)
    assert one.heard() == [("Granted", 0)] and one.bearer.wakes is None


def test_the_second_is_queued(floors: Floors):
    """X25: one holder; the second has place 1 in the queue, before and after the first is confirmed."""
    one, two = Client(1, floors), Client(2, floors)
    one.asks()
    two.asks()
    floors.confirmed(one.bearer, 1, 1.0)
    assert (one.heard()[-1], two.heard()) == (("Granted", 0), [("Accepted", 1)]) and not two.bearer.reports


def test_two_holders_where_the_controller_says_so(floors: Floors):
    """Maximum Floor Holder Number (TS 23.333 §8.45): both are reported, and hear Granted one by one."""
    one, two = Client(1, floors, holders=2), Client(2, floors, holders=2)
    one.asks()
    two.asks()
    floors.confirmed(two.bearer, 2, 1.0)
    assert (one.heard(), two.heard()) == ([("Accepted", 0)], [("Accepted", 0), ("Granted", 0)])


def test_a_grant_that_is_not_confirmed_is_denied(floors: Floors):
    """Nothing waits without end: Denied is reported, and the floor is decided for the next."""
    one, two = Client(1, floors), Client(2, floors)
    one.asks()
    two.asks()
    assert one.bearer.wakes == 10.0
    floors.woken(one.bearer, 9.0)
    assert one.heard() == [("Accepted", 0)]
    floors.woken(one.bearer, 10.0)
    assert [told.decision for told in one.bearer.reports] == [Decision.GRANTED, Decision.DENIED]
    assert (one.heard(), two.heard()[-1]) == ([("Denied", 0)], ("Accepted", 0))
    assert two.bearer.reports == [Decided(2, 2, (543,), Decision.GRANTED)] and one.bearer.wakes == 20.0
    floors.confirmed(one.bearer, 1, 11.0)
    floors.confirmed(two.bearer, 2, 11.0)
    assert (one.heard(), two.heard()) == ([], [("Granted", 0)])


def test_who_leaves_before_the_media_update_gets_nothing(floors: Floors):
    """Its confirmation comes to nothing; the next is decided, and reported where it is."""
    one, two = Client(1, floors), Client(2, floors)
    one.asks()
    two.asks()
    floors.left(one.bearer)
    assert two.bearer.wakes == 0.0
    floors.woken(two.bearer, 90.0)      # who leaves says no time: the time limit begins when it is known
    assert two.bearer.wakes == 100.0
    floors.confirmed(two.bearer, 1, 91.0)
    assert two.heard()[-1] == ("Accepted", 0) and two.bearer.reports[-1].decision is Decision.GRANTED
    floors.confirmed(two.bearer, 2, 92.0)
    assert two.heard() == [("Granted", 0)]
    floors.left(two.bearer)
    floors.woken(two.bearer, 99.0)
    floors.confirmed(two.bearer, 2, 99.0)
    assert len(floors) == 0


def test_a_designated_chair_decides(floors: Floors):
    """Designate Floor Chair (TS 23.333 §8.46): requests stay Pending until the chair has spoken."""
    one = Client(1, floors)
    Client(2, floors, chairs=(543,))
    one.asks()
    assert one.heard() == [("Pending", 0)] and not one.bearer.reports


def test_other_floors_than_the_conference_has(floors: Floors):
    """What a later termination is told of the conference is the same, or it is given up."""
    Client(1, floors)
    other = Client(2, floors, holders=2)
    assert (other.bearer.up, other.bearer.seen) == (False, [Change.LOST])


def test_floors_of_settings_wait_for_nobody(floors: Floors):
    """Without configuration over H.248 nothing is reported, and the user hears Granted at once."""
    bearer = Bearer(1)
    floors.consider(bearer, 0.0)
    for octets in asking(1):
        floors.heard(bearer, octets, 0.0)
    assert bearer.said and not bearer.reports and bearer.wakes is None
