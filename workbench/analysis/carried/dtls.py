"""DTLS in UDP: each association's handshake told message by message, and what is inside where the key log opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis import summaries
from workbench.analysis.carried import fax
from workbench.analysis.carried.dtls_stream import DtlsObserver, RecordRead, Told
from workbench.analysis.drafts import MOST_CONTENT_OCTETS, Draft, counted
from workbench.net.values import Endpoint
from workbench.protocols.tls import datagrams
from workbench.protocols.tls import messages as tls
from workbench.protocols.tls.datagrams import Record, is_of_running
from workbench.protocols.tls.registry import ContentType

if TYPE_CHECKING:
    from workbench.analysis.dissect import Dissector

_NAMES = {20: "ChangeCipherSpec", 21: "Alert", 22: "Handshake", 23: "Application Data", 24: "Heartbeat"}
_MOST_FRAMES = 1_000_000


class DtlsFlow:
    """One association between two endpoints on one wire.

    Attributes:
        sides: the endpoints by direction: 0 has sent the first datagram.
        observer: what the handshake showed.
        seen: seconds of the first and the last datagram, since the first frame of the capture.
        frames, numbers: of its datagrams, in order and as a set.
        pieces: direction, frame and octets of each decrypted payload.
        cut: there was more payload than is kept.
        drafts: its messages.
        protocol: what is inside, such as `DTLS/UDPTL`; `DTLS` where that is not known.
        former: the association that this one replaces between the same endpoints; None: there was none.
        earlier: the same association as it ran between other endpoints; None: it has always run between these.
    """

    def __init__(self, dissector: Dissector, wire: str, first: Endpoint, second: Endpoint, time: float) -> None:
        self.wire = wire
        self.sides = (first, second)
        self.observer = DtlsObserver(dissector.keylog)
        self.seen = [time, time]
        self.frames: list[int] = []
        self.numbers: set[int] = set()
        self.pieces: list[tuple[int, int, bytes]] = []
        self.drafts: list[Draft] = []
        self.cut = False
        self.protocol = "DTLS"
        self.former: DtlsFlow | None = None
        self.earlier: DtlsFlow | None = None
        self._dissector = dissector
        self._kept = 0
        self._hearings = (fax.Hearing(), fax.Hearing())

    def of(self, source: Endpoint, datagram: bytes) -> DtlsFlow:
        """This association or the one that it replaces, whichever a datagram is of (RFC 7345 §4.5).

        Who can open it has it. Without a key log the record numbers tell, which go on in each of the two.
        """
        former = self.former
        records = datagrams.split(datagram)[0] if former is not None and is_of_running(datagram) else []
        if former is None or not records:
            return self
        if self.opens(source, records[0]):
            return self
        if former.opens(source, records[0]):
            return former
        ours, theirs = self._distance(source, records[0]), former._distance(source, records[0])
        return former if ours is None or (theirs is not None and theirs < ours) else self

    def opens(self, source: Endpoint, record: Record) -> bool:
        """Whether a protected record is of this association, as far as the key log tells."""
        return self.observer.open(self._direction(source), record) is not None

    def other(self, end: Endpoint) -> Endpoint:
        """The end that is not this one."""
        return self.sides[1] if end == self.sides[0] else self.sides[0]

    def goes_on(self, source: Endpoint, destination: Endpoint, time: float) -> DtlsFlow:
        """The same association between other endpoints, one of which is an end of this one still."""
        kept = next(index for index in (0, 1) if self.sides[index] in (source, destination))
        other = destination if self.sides[kept] == source else source
        first, second = (self.sides[0], other) if kept == 0 else (other, self.sides[1])
        flow = DtlsFlow(self._dissector, self.wire, first, second, time)
        flow.observer, flow.earlier = self.observer, self
        return flow

    @property
    def told(self) -> list[Draft]:
        """Messages of the association, between whichever endpoints."""
        found, flow = list(self.drafts), self.earlier
        while flow is not None:
            found[:0], flow = flow.drafts, flow.earlier
        return found

    def _distance(self, source: Endpoint, record: Record) -> int | None:
        return self.observer.distance(self._direction(source), record)

    def _direction(self, source: Endpoint) -> int:
        return 0 if source == self.sides[0] else 1

    def feed(self, source: Endpoint, datagram: bytes, frames: tuple[int, ...], time: float) -> None:
        """Take the next datagram; its messages become drafts."""
        direction = self._direction(source)
        self.seen[1] = time
        if len(self.frames) < _MOST_FRAMES:
            self.frames += frames
            self.numbers.update(frames)
        records, error = self.observer.feed(direction, datagram, frames[-1])
        for read in records:
            self._record(read, frames, time)
        if error is not None:
            end = records[-1].record.end if records else 0
            self._tell(direction, frames, time, "octets that are no DTLS record", datagram[end:], error=str(error))

    def _record(self, read: RecordRead, frames: tuple[int, ...], time: float) -> None:
        direction, kind = read.direction, _NAMES[read.record.type]
        protected = read.record.epoch > 0
        if read.plaintext is None:
            why = "no key" if read.problem == "no key for it" else read.problem
            size = counted(len(read.record.fragment))
            draft = self._tell(direction, frames, time, f"{kind} ({size}, not readable: {why}){_again(read)}", b"")
            draft.protected, draft.repeated = True, read.replayed or read.repeated
            self._dissector.ledger.unread(frames, "DTLS records", read.problem or "not readable",
                                          len(read.record.fragment))
            return
        if read.record.type == ContentType.APPLICATION_DATA:
            self._payload(read, frames, time)
            return
        for told in read.told:
            draft = self._tell(direction, told.frames, time, _said(told, read), told.octets, told.message)
            draft.protected, draft.repeated = protected, read.replayed or told.repeated
        if read.problem:
            draft = self._tell(direction, frames, time, f"{kind} that does not decode", read.plaintext,
                               error=read.problem)
            draft.protected = protected

    def _payload(self, read: RecordRead, frames: tuple[int, ...], time: float) -> None:
        octets = read.plaintext
        if not octets:
            return
        if read.replayed:
            draft = self._tell(read.direction, frames, time, f"Application Data ({counted(len(octets))}, replayed)",
                               octets)
            draft.protected = draft.repeated = True
            return
        if self._kept + len(octets) <= MOST_CONTENT_OCTETS and not self.cut:
            self._kept += len(octets)
            self.pieces.append((read.direction, frames[-1], octets))
        else:
            self.cut = True
        draft = self._inside(read.direction, octets, frames, time)
        draft.protected, draft.direction = True, read.direction
        self.drafts.append(draft)
        if draft.protocol not in ("unknown", "UDP"):
            self.protocol = f"DTLS/{draft.protocol}"

    def _inside(self, direction: int, octets: bytes, frames: tuple[int, ...], time: float) -> Draft:
        """A fax where one was announced, else what the content tells."""
        there, hearing = self._dissector, self._hearings[direction]
        source, destination = self.sides[direction], self.sides[1 - direction]
        draft = there.fax.record(hearing, self.wire, source, destination, octets, frames, time)
        if draft is None:
            draft = there.floors.record(self.wire, source, destination, octets, frames, time)
        if draft is None:
            draft = there.inside(self.wire, source, destination, octets, frames, time)
            if draft.protocol == "unknown":
                there.fax.by_content(draft, octets, hearing)
        if draft.protocol in ("UDPTL", "BFCP"):
            draft.repeated = there.repeats(draft, octets)
        return draft

    def _tell(self, direction: int, frames: tuple[int, ...], time: float, summary: str, octets: bytes,
              value: object = None, error: str = "") -> Draft:
        draft = self._dissector.emit("DTLS", frames, time, self.wire, self.sides[direction], self.sides[1 - direction],
                                     summary)
        draft.value, draft.error, draft.octets = value, error, self._dissector.keep(octets)
        draft.direction = direction
        self.drafts.append(draft)
        return draft


def _said(told: Told, read: RecordRead) -> str:
    """`ClientHello DTLS 1.2, flight 3`, `Certificate SHA-256 6B:8B:F0:65..., flight 4 again`."""
    match told.message:
        case tls.Handshake() as message:
            text = summaries.of_handshake(message)
        case tls.AlertMessage() as alert:
            return summaries.of_alert(alert) + (", replayed" if read.replayed else "")
        case _:
            text = "ChangeCipherSpec"
    if read.replayed:
        return f"{text}, flight {told.flight}, replayed"
    return f"{text}, flight {told.flight}" + (" again" if told.repeated else "")


def _again(read: RecordRead) -> str:
    if read.replayed:
        return ", replayed"
    return f", flight {read.flight}" * bool(read.flight) + " again" * read.repeated
