"""A capture read once more, by tshark, and held against our reading: `second_opinion`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.analysis.dissect import TWIN_COMMENT
from workbench.analysis.values import Message
from workbench.errors import WorkbenchError
from workbench.witness import preferences, tshark
from workbench.witness.apart import FAX_PORT, ports_of, write_apart, write_fax_apart
from workbench.witness.comparing import Comparison, Read, merged, protocol_of, said_by_them
from workbench.witness.fields import FIELDS, OF, PROTOCOLS
from workbench.witness.known import IN_PIECES
from workbench.witness.values import Disagreement, Opinion

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.witness.tshark import Row

MOST_DISAGREEMENTS = 500
MOST_MESSAGES = 200_000
_READ = ("TCP", "SIP", "H.248", "TLS", "DTLS", "MSRP", "BFCP", "UDPTL", "RTP")
# Frames that have nothing of these are not asked for: most of a large capture.
_SHOWN = "(tcp.flags & 7) || sip || sdp || megaco || h248 || tls || dtls || msrp || bfcp || t38 || rtp"


def second_opinion(report: Report, capture: str | os.PathLike[str] | None = None, *,
                   keylog: str | os.PathLike[str] | None = None, most: int = MOST_DISAGREEMENTS,
                   seconds: float = tshark.MOST_SECONDS) -> Opinion:
    """What tshark says of a capture that we have analysed.

    What is inside TLS and DTLS, and what Wireshark has no way into (MSRP, BFCP, T.38), is compared in the decrypted
    twin of the capture.

    Args:
        report: our analysis.
        capture: the file that tshark reads, where it is not the report's own.
        keylog: the key log file that the report was made with, if it was.
        most: disagreements that are kept.
        seconds: tshark is ended after this time.

    Raises:
        WorkbenchError: there is no tshark, or it takes too long.
        CaptureError: tshark does not read the file.
    """
    return _Witness(report, most, seconds).hear(capture, None if keylog is None else os.fspath(keylog))


def hear(report: Report, capture: str | os.PathLike[str] | None = None) -> Opinion:
    """As `second_opinion`, for pages that run without tshark too: then `Opinion.missing` says how to get it."""
    try:
        tshark.program()
    except WorkbenchError as error:
        return Opinion("", (), missing=str(error))
    return second_opinion(report, capture)


class _Witness:
    def __init__(self, report: Report, most: int, seconds: float) -> None:
        self._report = report
        self._seconds = seconds
        self._clear = Comparison(most)
        self._inside = Comparison(most, inside=True)
        self._apart = Comparison(most, apart=True)
        self._hidden: list[Message] = []    # protected: read in the twin
        self._pieces: list[Message] = []    # MSRP that segments cut: read in segments of their own
        self._notes: list[str] = []

    def hear(self, capture: str | os.PathLike[str] | None, keylog: str | None) -> Opinion:
        known = tshark.known_fields()
        asked = {name for field in FIELDS for name in field.theirs}
        if asked - known:
            self._notes.append(f"fields that {tshark.version()} does not know: {', '.join(sorted(asked - known))}")
        self._asked = sorted(asked & known)
        self._compare_clear(self._report.capture if capture is None else capture, keylog)
        self._compare_inside()
        self._compare_pieces()
        self._compare_fax()
        parts = (self._clear, self._inside, self._apart)
        return Opinion(
            tshark.version(), self._clear.tallies(self._inside, self._apart),
            tuple(told for one in parts for told in one.found), tuple(told for one in parts for told in one.known),
            sum(one.left_out for one in parts), sum(one.known_left_out for one in parts), tuple(self._notes))

    def _rows(self, report: Report, capture: str | os.PathLike[str], keylog: str | None,
              broken: list[str] | None = None) -> Iterator[Row]:
        return tshark.rows(capture, self._asked, shown=_SHOWN, seconds=self._seconds, broken=broken,
                           arguments=preferences.arguments(report, keylog=keylog))

    def _compare_clear(self, capture: str | os.PathLike[str], keylog: str | None) -> None:
        reads = [Read(one.frames[-1], one.frames[-1], one) for one in self._messages(self._report)]
        reads.sort(key=lambda one: one.at)
        last = reads[-1].at if reads and len(self._report.messages_of(*_READ)) > MOST_MESSAGES else None
        broken: list[str] = []
        behind = 0
        for own, row in merged(reads, self._rows(self._report, capture, keylog, broken)):
            if last is not None and row is not None and row.frame > last:
                break
            if row is None and broken:
                behind += len(own)      # the rows are at their end, and nobody knows how far it read
                continue
            if row is not None and not {"icmp", "icmpv6"}.isdisjoint(row.layers):
                continue    # it quotes a packet, which tshark reads once more
            hidden = [one for one in own if _is_inside(one.message) and not _has(row, protocol_of(one.message))]
            self._hidden += [one.message for one in hidden]
            shown = self._whole([one for one in own if one not in hidden], row)
            self._clear.frame(shown, row, PROTOCOLS, (row.frame if row is not None else own[0].frame))
        if broken:
            self._notes.append(f"tshark reads up to a break ({broken[0]}); {behind} messages behind it")

    def _whole(self, own: list[Read], row: Row | None) -> list[Read]:
        """Without the messages of MSRP that tshark does not put together; they are compared later, each by itself."""
        ids = set(row.values.get("msrp.transaction.id", [])) if row is not None else set()
        msrp = [one for one in own if one.message.protocol == "MSRP" and one.message.value is not None]
        pieces = [one for one in msrp if one.message.value.transaction not in ids
                  and (len(one.message.frames) > 1 or len(msrp) > 1)]
        for one in pieces:
            id = one.message.value.transaction
            self._clear.tell(Disagreement(one.frame, "MSRP", "messages", (f"1 ({id})",), ("0",)), IN_PIECES)
            self._pieces.append(one.message)
        return [one for one in own if one not in pieces]

    def _compare_pieces(self) -> None:
        """What Wireshark stumbles over in a stream, each message in a segment of its own."""
        for protocol, dissector in (("MSRP", "msrp"), ("TLS", "tls"), ("BFCP", "bfcp")):
            messages = [one for one in (*self._pieces, *self._again()) if one.protocol == protocol]
            if not messages:
                continue
            with tempfile.TemporaryDirectory(prefix="workbench-witness-") as folder:
                path = Path(folder) / "apart.pcapng"
                apart, too_long = write_apart(messages, path)
                if too_long:
                    self._notes.append(f"{too_long} messages of {protocol} that fit in no segment")
                reads = [Read(place, one.frames[-1], one) for place, one in enumerate(apart, 1)]
                words = [word for port in ports_of(apart) for word in ("-d", f"tcp.port=={port},{dissector}")]
                self._compare_apart(protocol, reads, tshark.rows(path, self._asked, shown=dissector,
                                                                 seconds=self._seconds, arguments=words))

    def _compare_fax(self) -> None:
        """UDPTL packets that tshark left in the middle, each in a flow of its own."""
        for old in (True, False):
            packets = [one for one in self._again()
                       if one.protocol == "UDPTL" and (self._report.fax_version(one) == 0) is old]
            if not packets:
                continue
            with tempfile.TemporaryDirectory(prefix="workbench-witness-") as folder:
                path = Path(folder) / "apart.pcapng"
                apart, left_out = write_fax_apart(packets, path)
                if left_out:
                    self._notes.append(f"{left_out} packets of UDPTL that Wireshark left in the middle")
                reads = [Read(2 * place, one.frames[-1], one) for place, one in enumerate(apart, 1)]
                words = ["-d", f"udp.port=={FAX_PORT},t38", *preferences.fax(old)]
                self._compare_apart("UDPTL", reads, (
                    row for row in tshark.rows(path, self._asked, seconds=self._seconds, arguments=words)
                    if row.frame % 2 == 0))

    def _again(self) -> list[Message]:
        return [*self._clear.again, *self._inside.again]

    def _compare_apart(self, protocol: str, reads: Sequence[Read], rows: Iterator[Row]) -> None:
        for own, row in merged(reads, rows):
            self._apart.frame(own, row, (protocol,), own[0].frame if own else 0)

    def _messages(self, report: Report) -> Iterator[Message]:
        found = report.messages_of(*_READ)
        if len(found) > MOST_MESSAGES:
            self._notes.append(f"messages behind the first {MOST_MESSAGES} of {len(found)}")
        return (one for one in islice(found, MOST_MESSAGES) if one.frames)

    def _compare_inside(self) -> None:
        """What was protected, in the twin: its messages are ours, one by one, in frames of their own."""
        hidden = [one for one in self._hidden if one.value is not None]
        if not hidden:
            return
        from workbench.analysis.analyzing import analyze
        from workbench.analysis.files.twin import write_twin

        with tempfile.TemporaryDirectory(prefix="workbench-witness-") as folder:
            path = Path(folder) / "twin.pcapng"
            write_twin(self._report, path)
            twin = analyze(path)
            reads = self._paired(hidden, twin)
            for own, row in merged(reads, self._rows(twin, path, None)):
                if own:
                    names = dict.fromkeys(protocol_of(one.message) for one in own)
                    self._inside.frame(own, row, [*names, *(["SDP"] if "SIP" in names else [])], own[0].frame)

    def _paired(self, hidden: Sequence[Message], twin: Report) -> list[Read]:
        """Each of our protected messages with the frame of the twin that carries the same octets on the same way."""
        waiting: dict[object, list[Message]] = {}
        for one in twin.messages_of(*_READ):
            if one.comment.startswith(TWIN_COMMENT):
                waiting.setdefault(_way(one), []).append(one)
        for places in waiting.values():
            places.reverse()
        reads, lost = [], 0
        for message in hidden:
            places = waiting.get(_way(message), [])
            if places:
                reads.append(Read(places.pop().frames[-1], message.frames[-1], message))
            else:
                lost += 1
        if lost:
            self._notes.append(f"{lost} protected messages that are not in the decrypted twin")
        return sorted(reads, key=lambda one: one.at)


def _way(message: Message) -> object:
    return (message.protocol, message.wire, message.source, message.destination, message.octets)


def _is_inside(message: Message) -> bool:
    return message.protected and message.protocol not in ("TLS", "DTLS")


def _has(row: Row | None, protocol: str) -> bool:
    """tshark shows this protocol in the frame."""
    return row is not None and any(field.counts and said_by_them(field, row) for field in OF[protocol])
