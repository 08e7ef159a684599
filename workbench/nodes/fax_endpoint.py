"""The fax half of a UE: one side of a recorded fax over UDPTL, in clear or in DTLS, one packet in a datagram or record.

What a terminal said is played as it was recorded, with its times. What comes from the other end is put in order, losses
are made good from what is repeated, and the T.30 frames in it are told.

Source: T.38 §9 (UDPTL), RFC 7345 (UDPTL over DTLS).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Literal

from workbench.errors import LocalProtocolError, PeerError
from workbench.net.values import Command
from workbench.net.values import Endpoint as Address
from workbench.nodes.datagram_endpoint import DatagramEndpoint
from workbench.nodes.fax_terminal import MOST_DATAGRAM
from workbench.nodes.media_news import Remark
from workbench.nodes.procedure import earliest
from workbench.protocols.sdp.t38 import ErrorCorrection, T38Stream
from workbench.protocols.t38 import events as t38
from workbench.protocols.t38 import ifp
from workbench.protocols.t38.machine import Correction, Receiver, Sender
from workbench.protocols.t38.recorded import Packet, Recording
from workbench.protocols.t38.t30 import FrameReader
from workbench.security import dtls

Part = Literal["caller", "called"]
# Pieces of the page: they are counted and not told one by one.
_PIECES = ("FCD", "")
_SMALLEST, _MOST = 72, 16_384


class FaxEndpoint(DatagramEndpoint):
    """One end of a fax.

    Args:
        local, secure, keepalive: as for any session over UDP.
        depth: how many former packets are repeated in each one, unless the other end's SDP wants others.

    `frames` are the T.30 frames that have come, by name; `heard` and `lost` count IFP packets.
    """

    def __init__(
        self, local: Address, *, secure: Callable[[bool], dtls.DtlsSession] | None, depth: int = 2,
        keepalive: float = 0.0,
    ) -> None:
        super().__init__(local, secure=secure, keepalive=keepalive)
        self.frames: Counter[str] = Counter()
        self.heard = 0
        self.lost = 0
        self.repaired = 0
        self._depth = depth
        self._version = 0
        self._sender = Sender(depth=depth, max_datagram=MOST_DATAGRAM)
        self._receiver = Receiver()
        self._reader = FrameReader()
        self._due: deque[tuple[float, Packet]] = deque()
        self._playing = False

    @property
    def said(self) -> bool:
        """All that was to be played has left, or can't any more."""
        return self.over or not self._due

    def take_over(self, theirs: T38Stream, version: int) -> None:
        """What the exchange says: the correction, depth and datagrams that the other end wants, and the version."""
        wanted = theirs.error_correction or ErrorCorrection.REDUNDANCY
        depth = self._depth if theirs.depth is None else min(max(self._depth, theirs.depth[0]), theirs.depth[1])
        largest = MOST_DATAGRAM if theirs.max_datagram is None else min(max(theirs.max_datagram, _SMALLEST), _MOST)
        self._version = version
        self._sender = Sender(
            Correction(wanted.value), depth=depth, max_datagram=largest, first=self._sender.sequence)

    def play(self, recording: Recording, part: Part, now: float) -> list[Command]:
        """Say what that terminal of a recorded call said, from now on. Raises LocalProtocolError: one is being said."""
        if self._due:
            raise LocalProtocolError("a fax is being sent")
        self._due = deque((now + packet.time, packet) for packet in recording.of(part))
        self._playing = bool(self._due)
        return self._woken(now) if self.up else []

    # The session

    def _begin(self, now: float) -> list[Command]:
        """What was to be said before the session was up begins now, with the distances it was recorded with."""
        if self._due:
            late = max(0.0, now - self._due[0][0])
            self._due = deque((moment + late, packet) for moment, packet in self._due)
        return self._woken(now)

    def _receive(self, octets: bytes, now: float) -> list[Command]:
        self._told(self._receiver.receive_data(octets, now))
        return []

    def _timer(self) -> float | None:
        said = self._due[0][0] if self._due and self.up else None
        return earliest([said, self._receiver.next_wakeup()])

    def _woken(self, now: float) -> list[Command]:
        self._told(self._receiver.wake(now))
        commands: list[Command] = []
        while self.up and self._due and self._due[0][0] <= now:
            commands += self._packet(self._due.popleft()[1], now)
        if self._playing and not self._due:
            self._playing = False
            self.news.append(Remark("our side of the fax has been sent"))
        return commands

    def _packet(self, packet: Packet, now: float) -> list[Command]:
        """A packet as often as the terminal asked for: an indicator is worth more than data."""
        sequence = self._sender.sequence
        try:
            octets = self._sender.send(packet.octets)
        except LocalProtocolError as error:
            self.news.append(Remark(f"left out: {error}"))
            return []
        commands: list[Command] = []
        for _ in range(packet.copies):
            commands += self._say(octets, f"UDPTL {sequence} [T.38 §9]", now)
        return commands

    def _told(self, events: list[t38.Event]) -> None:
        for event in events:
            match event:
                case t38.IfpReceived(octets=octets, way=way):
                    self.heard += 1
                    self.repaired += way is not t38.Way.PRIMARY
                    self._frames(octets, rebuilt=way is t38.Way.FEC)
                case t38.Lost(sequence=sequence, count=count):
                    self.lost += count
                    self.news.append(Remark(f"{count} packets are lost, from UDPTL {sequence} on"))
                case t38.PacketDropped(error=error):
                    self.news.append(Remark(f"UDPTL: {error}"))

    def _frames(self, octets: bytes, *, rebuilt: bool) -> None:
        try:
            packet = ifp.decode(octets, self._version, rebuilt=rebuilt)
        except PeerError as error:
            self.news.append(Remark(f"IFP: {error}"))
            return
        for frame in self._reader.receive(packet):
            # Names are T.30's, so there are few.
            self.frames[frame.name] += 1
            if frame.name not in _PIECES:
                self.news.append(Remark(f"T.30 {frame.name} {frame.says}".rstrip()))
