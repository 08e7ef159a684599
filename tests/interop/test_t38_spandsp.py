"""spandsp's fax terminals at both ends of our UDPTL: a page arrives, however much of the traffic is lost on the way."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from programs import missing
from record_fax import page
from spandsp_fax import TICK, V17, V27TER, V29, FaxEnd, library, read_tiff, write_tiff

from workbench.protocols.t38 import ifp
from workbench.protocols.t38.events import IfpReceived, Lost
from workbench.protocols.t38.machine import Correction, Receiver, Sender
from workbench.protocols.t38.messages import DataType, Field, FieldType, IfpPacket, Indicator
from workbench.protocols.t38.t30 import FrameReader

ALL = V27TER | V29 | V17


class Line:
    """One direction: IFP packets of a terminal, through our sender, a wire that loses, our receiver, to the other.

    Args:
        correction: of the sender.
        loses: asked for each datagram.
        version: T38FaxVersion.
    """

    def __init__(self, correction: Correction, loses: Callable[[], bool], version: int) -> None:
        self.sender = Sender(correction, depth=3, max_datagram=1400)
        self.receiver = Receiver()
        self.frames = FrameReader()
        self.names: list[str] = []
        self.lost = self.dropped = 0
        self._loses = loses
        self._version = version
        self._queue: list[bytes] = []

    def take(self, octets: bytes, count: int) -> None:
        """From a terminal, which says how often a packet is to be sent."""
        packet = ifp.decode(octets, self._version)
        assert ifp.encode(packet, self._version) == octets
        self.names += [frame.name for frame in self.frames.receive(packet)]
        self._queue.append(self.sender.send(octets))

    def carry(self, to: FaxEnd, now: float) -> None:
        """What is on the way arrives, or not. FEC may leave zeros behind a packet: they are taken off."""
        for datagram in self._queue:
            if self._loses():
                self.dropped += 1
                continue
            self._tell(self.receiver.receive_data(datagram, now), to)
        self._queue.clear()
        self._tell(self.receiver.wake(now), to)

    def _tell(self, events: list[object], to: FaxEnd) -> None:
        for event in events:
            if isinstance(event, IfpReceived):
                packet = ifp.decode(event.octets, self._version, rebuilt=True)
                to.receive(ifp.encode(packet, self._version), event.sequence)
            elif isinstance(event, Lost):
                self.lost += event.count


class Call(NamedTuple):
    """What has become of a call: both directions, how each end says it went, the lines that were received."""

    forth: Line
    back: Line
    results: list[int | None]
    lines: list[int]

    @property
    def lost(self) -> int:
        """IFP packets that did not reach a terminal."""
        return self.forth.lost + self.back.lost


def fax(folder: Path, correction: Correction, loss: float, *, seed: int = 1, ecm: bool = True, modems: int = ALL,
        version: int = 0) -> Call:
    """A call of one page."""
    spandsp = library()
    if spandsp is None:
        missing("spandsp", "apt-get install libspandsp2")
    chance = random.Random(seed)
    sent, received = folder / "sent.tif", folder / "received.tif"
    write_tiff(sent, page())
    lines = [Line(correction, lambda: chance.random() < loss, version) for _ in range(2)]
    ends = [
        FaxEnd(spandsp, True, sent, "1", lines[0].take, modems=modems, ecm=ecm, version=version),
        FaxEnd(spandsp, False, received, "2", lines[1].take, modems=modems, ecm=ecm, version=version),
    ]
    for tick in range(int(300 / TICK)):
        for end in ends:
            end.tick()
        for line, end in zip(lines, reversed(ends), strict=True):
            line.carry(end, tick * TICK)
        if all(end.result is not None for end in ends):
            break
    for end in ends:
        end.close()
    return Call(*lines, [end.result for end in ends], read_tiff(received) if received.exists() else [])


@pytest.mark.parametrize(("correction", "loss"), [
    (Correction.NONE, 0.0), (Correction.REDUNDANCY, 0.05), (Correction.REDUNDANCY, 0.10), (Correction.FEC, 0.03)])
def test_a_page_arrives_in_spite_of_loss(tmp_path, correction, loss):
    """UDPTL's error correction below T.30's: no packet is lost to the terminals, and every dot of the page arrives."""
    call = fax(tmp_path, correction, loss, seed=7)
    assert (call.forth.dropped + call.back.dropped > 5) == (loss > 0)
    assert (call.results, call.lost) == ([0, 0], 0)
    assert call.lines == page()
    assert call.forth.names[:2] == ["TSI", "DCS"] and call.forth.names[-1] == "DCN" and "MCF" in call.back.names


def test_without_correction_the_same_loss_is_felt(tmp_path):
    """The control: the terminals miss packets, and have to repeat or give up."""
    call = fax(tmp_path, Correction.NONE, 0.05, seed=7)
    assert call.lost > 5


@pytest.mark.parametrize(("ecm", "modems", "version"), [(False, V27TER | V29, 3), (True, V27TER, 0), (False, ALL, 3)])
def test_other_modems_and_versions(tmp_path, ecm, modems, version):
    """V.27ter, V.29 and V.17, with and without error correction mode, in both layouts of IFP."""
    call = fax(tmp_path, Correction.REDUNDANCY, 0.0, ecm=ecm, modems=modems, version=version)
    assert call.results == [0, 0] and call.lines == page()
    assert ("FCD" in call.forth.names) == ecm


@pytest.mark.parametrize("version", [0, 3])
def test_every_value_has_the_octets_that_spandsp_gives_it(tmp_path, version):
    """Indicators, data types and field types, with octets and without: spandsp is the library that writes extension
    field types wider than PER does (`wide`); everything else is the module's."""
    spandsp = library()
    if spandsp is None:
        missing("spandsp", "apt-get install libspandsp2")
    out: list[bytes] = []
    end = FaxEnd(spandsp, False, tmp_path / "none.tif", "1", lambda octets, count: out.append(octets), version=version)
    known = 0
    packets = [IfpPacket(indicator=one) for one in Indicator]
    packets += [IfpPacket(data=kind, fields=(Field(field, octets),))
                for kind, field, octets in itertools.product(DataType, FieldType, (b"\xaa\xbb", None))]
    for packet in packets:
        out.clear()
        if packet.indicator is not None:
            sent = end.signal(packet.indicator)
        else:
            (field,) = packet.fields or ()
            sent = end.data(packet.data or 0, field.kind, field.octets or b"")
        if sent:
            known += 1
            assert out == [ifp.encode(packet, version, wide=version > 0)]
            assert ifp.decode(out[0], version, wide=version > 0) == packet
    assert known == (len(packets) if version else 16 + 9 * 8 * 2)
    end.close()
