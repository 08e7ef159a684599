"""The sound half of a UE: what a fax terminal says before it is known to be one, over RTP in clear.

The one that calls says CNG, the one that is called says CED; a person says nothing. There is no ear: that sound comes
is counted and told once. Octets are made (`protocols.rtp.g711`), and a packet leaves every 20 ms.

Source: RFC 3550 §5.1, RFC 3551 §4.5.14 (PCMA, PCMU); T.30 §4 (the tones; general knowledge, not read there).
"""

from __future__ import annotations

import enum

from workbench.errors import MalformedMessageError
from workbench.net.values import Command
from workbench.net.values import Endpoint as Address
from workbench.nodes.datagram_endpoint import DatagramEndpoint
from workbench.nodes.media_news import Remark
from workbench.protocols.rtp import g711, wire
from workbench.protocols.rtp.messages import PCMA, RtpPacket, payload_name
from workbench.security.source import Source

PACKET_SECONDS = 0.020
"""a=ptime:20, as RFC 3551 §4.2 asks for where SDP says nothing."""
LINGER_SECONDS = 1.0
"""How long sound of the other end may still be on its way when the stream has ended."""
_MOST_AT_ONCE = 5
"""Packets that are sent late; of more than that, the rest is left out as if there had been silence."""
_CNG_ON, _CNG_TURN = 0.5, 3.5


class Sound(enum.StrEnum):
    """What a terminal says."""

    SILENCE = "silence"
    CNG = "CNG"
    CED = "CED"

    def hertz(self, second: float) -> int:
        """The tone that is heard so long after the call came up; 0: none.

        CNG is half a second of tone and three of silence. CED begins at once here; T.30 has some two seconds of
        silence before it, and an end.
        """
        if self is Sound.CED:
            return g711.CED_HERTZ
        return g711.CNG_HERTZ if self is Sound.CNG and second % _CNG_TURN < _CNG_ON else 0


class AudioEndpoint(DatagramEndpoint):
    """One end of an audio stream in clear.

    Args:
        local: where we receive, and send from.
        mute: it never sends.
        source: where SSRC, first sequence number and first timestamp come from (RFC 3550 §5.1: by chance).

    `heard` counts packets of the other end.
    """

    def __init__(self, local: Address, source: Source, *, mute: bool = False) -> None:
        super().__init__(local, secure=None)
        self.heard = 0
        self._sound = Sound.SILENCE
        self._payload_type = PCMA
        self._ssrc = source.number(0, 0xFFFF_FFFF)
        self._sequence = source.number(0, 0xFFFF)
        self._timestamp = source.number(0, 0xFFFF_FFFF)
        self._sent = 0
        self._due: float | None = None
        self._leaves: float | None = None
        self._paused = False
        self._mute = mute
        self._pieces: dict[int, bytes] = {}

    def take_over(self, payload_type: int, sound: Sound) -> None:
        """What the exchange says: how the other end wants to hear it (one of `g711.PAYLOAD_TYPES`), and what."""
        if payload_type != self._payload_type:
            self._pieces.clear()
        self._payload_type, self._sound = payload_type, sound

    def pause(self, paused: bool, now: float) -> list[Command]:
        """The direction says whether anything is sent: on hold nothing is (RFC 3264 §8.4)."""
        self._paused = paused
        if self.up:
            self._settle(now)
        return self._woken(now)

    def close(self, now: float, why: str = "the call is over") -> list[Command]:
        """Nothing is sent any more; what is on its way is let in, and dropped, for a moment (RFC 3264 §8.3.1)."""
        if not self.over:
            self._leaves = now + LINGER_SECONDS
        return self._down("")

    def next_wakeup(self) -> float | None:
        """When the next packet is due, or the port is given up."""
        return self._leaves if self.over else super().next_wakeup()

    def wake(self, now: float) -> list[Command]:
        """Let timers run out."""
        if self.over and self._leaves is not None and self._leaves <= now:
            self._leaves = None
            return self._unbind()
        return super().wake(now)

    # The session

    def _begin(self, now: float) -> list[Command]:
        self._settle(now)
        return self._woken(now)

    def _settle(self, now: float) -> None:
        """Whether and from when on packets leave."""
        if self._paused or self._mute:
            self._due = None
        elif self._due is None:
            self._due = now

    def _timer(self) -> float | None:
        return self._due if self.up else None

    def _woken(self, now: float) -> list[Command]:
        commands: list[Command] = []
        while self._due is not None and self._due <= now:
            if now - self._due < _MOST_AT_ONCE * PACKET_SECONDS:
                commands += self._packet(now)
            self._count()
        return commands

    def _packet(self, now: float) -> list[Command]:
        hertz = self._sound.hertz(self._sent * PACKET_SECONDS)
        payload = self._piece(hertz) * round(PACKET_SECONDS / g711.PIECE_SECONDS)
        packet = RtpPacket(self._payload_type, self._sequence, self._timestamp, self._ssrc, payload,
                           marker=self._sent == 0)
        self._sequence = (self._sequence + 1) & 0xFFFF
        what = str(self._sound) if hertz else "silence"
        return self._say(wire.encode(packet), f"RTP {payload_name(self._payload_type)}, {what} [RFC 3550 §5.1]", now)

    def _piece(self, hertz: int) -> bytes:
        if hertz not in self._pieces:
            self._pieces[hertz] = g711.piece(self._payload_type, hertz)
        return self._pieces[hertz]

    def _count(self) -> None:
        """The next packet's time, on both clocks: that of the samples goes on where packets are left out."""
        assert self._due is not None
        self._due += PACKET_SECONDS
        self._sent += 1
        samples = round(PACKET_SECONDS * g711.SAMPLES_PER_SECOND)
        self._timestamp = (self._timestamp + samples) & 0xFFFF_FFFF

    def _receive(self, octets: bytes, now: float) -> list[Command]:
        if wire.looks_like_rtcp(octets):
            return []
        try:
            packet = wire.decode(octets)
        except MalformedMessageError as error:
            self.news.append(Remark(f"RTP: {error}"))
            return []
        self.heard += 1
        if self.heard == 1:
            self.news.append(Remark(f"sound is heard: {payload_name(packet.payload_type)}"))
        return []

