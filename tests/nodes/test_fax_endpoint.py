"""The fax half of a UE: a recorded fax between two ends, in clear and in DTLS, over a way that loses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from workbench.errors import LocalProtocolError
from workbench.net.values import (
    BindDatagrams,
    Command,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    SendDatagram,
    UnbindDatagrams,
)
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.nodes.media_news import Down, Remark, Up
from workbench.protocols.sdp.t38 import ErrorCorrection, T38Stream
from workbench.protocols.t38 import recorded, udptl
from workbench.security import dtls
from workbench.security.identities import Identity
from workbench.security.source import Source

CALLER, CALLED = Endpoint("203.0.113.10", 20000), Endpoint("198.51.100.1", 30000)
STRANGER = Endpoint("192.0.2.66", 4711)
OURS = Identity.self_signed("caller.example", Source(1, "caller"))
THEIRS = Identity.self_signed("called.example", Source(1, "called"))
OTHER = Identity.self_signed("other.example", Source(1, "other"))


class Line:
    """Two ends and a wire in virtual time; `lost` says which datagrams do not arrive."""

    def __init__(self, *, protected: bool, lost: Callable[[int], bool] = lambda number: False) -> None:
        def secure(identity: Identity) -> Callable[[bool], dtls.DtlsSession] | None:
            return (lambda client: dtls.DtlsSession(identity, client)) if protected else None

        self.ends = {
            CALLER: FaxEndpoint(CALLER, secure=secure(OURS)), CALLED: FaxEndpoint(CALLED, secure=secure(THEIRS))}
        self.now = 0.0
        self.sent: list[SendDatagram] = []
        self.commands: list[Command] = []
        self._lost = lost

    def meets(self, presented: Identity = THEIRS) -> Line:
        self.does(self.ends[CALLED].meet(CALLER, [OURS.fingerprint()], self.now, begins=False))
        self.does(self.ends[CALLER].meet(CALLED, [presented.fingerprint()], self.now, begins=True))
        return self

    def does(self, commands: list[Command]) -> Line:
        waiting = list(commands)
        while waiting:
            command = waiting.pop(0)
            self.commands.append(command)
            if isinstance(command, SendDatagram):
                self.sent.append(command)
                if not self._lost(len(self.sent)):
                    arrives = DatagramReceived(command.remote, command.local, command.data)
                    if self.ends[command.remote].concerns(arrives):
                        waiting += self.ends[command.remote].handle(arrives, self.now)
        return self

    def plays(self, seconds: float = 60.0) -> Line:
        until = self.now + seconds
        while True:
            moments = [at for end in self.ends.values() if (at := end.next_wakeup()) is not None]
            if not moments or min(moments) > until:
                self.now = until
                return self
            self.now = max(self.now, min(moments))
            for end in self.ends.values():
                self.does(end.wake(self.now))

    def faxes(self, recording: recorded.Recording) -> Line:
        self.does(self.ends[CALLER].play(recording, "caller", self.now))
        self.does(self.ends[CALLED].play(recording, "called", self.now))
        return self.plays()

    def remarks(self, where: Endpoint) -> list[str]:
        return [one.text for one in self.ends[where].news if isinstance(one, Remark)]


@pytest.mark.parametrize("name", recorded.NAMES)
@pytest.mark.parametrize("protected", [False, True], ids=["in clear", "in DTLS"])
def test_a_recorded_fax_passes(name, protected):
    """Every packet of both terminals arrives once and in order, and both ends read the same T.30 as was recorded."""
    fax = recorded.load(name)
    line = Line(protected=protected).meets()
    for end in line.ends.values():
        assert isinstance(end.news[0], Up)
        end.take_over(T38Stream(), fax.version)
    line.faxes(fax)
    assert line.ends[CALLED].heard == len(fax.of("caller"))
    assert line.ends[CALLER].heard == len(fax.of("called"))
    assert line.ends[CALLED].frames["DCS"] >= 1
    assert line.ends[CALLER].frames["DIS"] >= 1
    assert line.ends[CALLER].frames["MCF"] >= 1
    assert line.ends[CALLED].frames["DCN"] >= 1
    assert not [one for end in line.ends.values() for one in (end.lost, end.repaired) if one]
    assert any("our side" in one for one in line.remarks(CALLER))
    clear = [one for one in line.sent if one.data[0] not in (20, 21, 22, 23)]
    assert bool(clear) is not protected


def test_packets_keep_their_times_and_are_repeated_as_asked():
    """An indicator leaves three times at its moment, data once; each datagram is one UDPTL packet with redundancy."""
    fax = recorded.load()
    line = Line(protected=False).meets().faxes(fax)
    sequences = Counter(udptl.decode(one.data).sequence for one in line.sent if one.local == CALLER)
    assert [sequences[number] for number in range(len(sequences))] == [one.copies for one in fax.of("caller")]
    secondaries = [len(udptl.decode(one.data).secondary) for one in line.sent if one.local == CALLER]
    assert max(secondaries) == 2


@pytest.mark.parametrize("protected", [False, True], ids=["in clear", "in DTLS"])
def test_losses_are_made_good(protected):
    """Every seventh datagram is lost: redundancy brings back what was in it, and DTLS repeats its flights."""
    fax = recorded.load()
    line = Line(protected=protected, lost=lambda number: number % 7 == 0).meets().plays(10.0).faxes(fax)
    for end, said in ((line.ends[CALLED], "caller"), (line.ends[CALLER], "called")):
        assert (end.heard, end.lost) == (len(fax.of(said)), 0)
    assert line.ends[CALLED].repaired + line.ends[CALLER].repaired > 0


def test_losses_without_redundancy_are_told():
    """Without correction the same way loses packets for good, and the person hears of it."""
    fax = recorded.load()
    line = Line(protected=False, lost=lambda number: number % 7 == 0).meets()
    for end in line.ends.values():
        end.take_over(T38Stream(error_correction=ErrorCorrection.NONE), fax.version)
    line.faxes(fax)
    assert line.ends[CALLED].lost + line.ends[CALLER].lost > 0
    assert any("are lost" in one for one in line.remarks(CALLED) + line.remarks(CALLER))


def test_another_certificate_ends_it_before_any_packet():
    """The fingerprint does not match: no UDPTL leaves in either direction, in clear or otherwise."""
    line = Line(protected=True).meets(OTHER)
    line.faxes(recorded.load())
    assert [type(one) for one in line.ends[CALLER].news] == [Down]
    assert not any(one.data[0] == 23 or one.data[0] < 20 for one in line.sent)


def test_what_is_not_the_other_ends_is_dropped():
    """A stranger's datagram, and in front of DTLS anything in clear, is dropped; the fax goes on."""
    line = Line(protected=True).meets()
    packet = udptl.encode(udptl.UdptlPacket(0, b"\x06", ()))
    end = line.ends[CALLER]
    for source in (STRANGER, CALLED):
        (drop,) = end.handle(DatagramReceived(CALLER, source, packet), 0.0)
        assert isinstance(drop, Drop)
    assert end.heard == 0
    line.faxes(recorded.load())
    assert end.lost == 0


def test_garbage_in_clear_is_told_and_harms_nothing():
    """Octets that are no UDPTL, or whose IFP can't be read: a remark each; ICMP too."""
    line = Line(protected=False).meets()
    end = line.ends[CALLER]
    for octets in (b"", b"\0", bytes(40), b"\xff" * 40):
        assert end.handle(DatagramReceived(CALLER, CALLED, octets), 0.0) == []
    end.handle(DatagramFailed(CALLER, CALLED, "port unreachable"), 0.0)
    assert len(line.remarks(CALLER)) >= 4
    assert line.faxes(recorded.load()).ends[CALLED].lost == 0


def test_closing_says_close_notify_and_unbinds():
    """Whoever closes first: both are over, and nothing is bound any more."""
    line = Line(protected=True).meets()
    line.does(line.ends[CALLER].close(line.now))
    assert all(end.over and end.finished for end in line.ends.values())
    assert {type(one) for one in line.commands} >= {BindDatagrams, UnbindDatagrams}
    assert [one.local for one in line.commands if isinstance(one, UnbindDatagrams)].count(CALLER) == 1
    assert all(end.next_wakeup() is None for end in line.ends.values())


def test_a_fax_that_is_ordered_early_waits():
    """Ordered before the session is up it begins with it, and keeps its distances; two at once are refused."""
    fax = recorded.load()
    line = Line(protected=True)
    assert line.ends[CALLER].play(fax, "caller", 0.0) == []
    with pytest.raises(LocalProtocolError, match="being sent"):
        line.ends[CALLER].play(fax, "caller", 0.0)
    line.now = 5.0
    line.meets().plays()
    assert line.ends[CALLED].heard == len(fax.of("caller"))


def test_however_often_it_is_renewed_two_ports_are_bound():
    """Associations at new ports, none of which comes up before the next is asked for: those before leave nothing."""
    line = Line(protected=True).meets()
    end = line.ends[CALLER]
    bound = {CALLER}
    for number in range(5):
        there = Endpoint(CALLER.host, 21_000 + number)
        for command in end.renew(there, CALLED, [THEIRS.fingerprint()], line.now, begins=False,
                                 secure=lambda client: dtls.DtlsSession(OURS, client)):
            if isinstance(command, BindDatagrams):
                bound.add(command.local)
            elif isinstance(command, UnbindDatagrams):
                bound.discard(command.local)
        assert bound == {CALLER, there}
    gone = {command.local for command in end.close(line.now) if isinstance(command, UnbindDatagrams)}
    assert gone == bound
    assert end.finished
