"""One frame as two witnesses read it: our explanation beside Wireshark's, octet by octet and value by value.

    from workbench.witness import beside
    both = beside.beside(report, 12)
    print(both)                 # as text; in a notebook it shows itself as two columns

Without tshark our side stands alone, and `missing` says what would have to be installed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.explain import explain_frame, explain_octets
from workbench.analysis.explain.fields import Explained, Layer
from workbench.errors import WorkbenchError
from workbench.witness import preferences, tshark
from workbench.witness.aligned import Line, Theirs, align, moved, placed, protocols, stands_in
from workbench.witness.apart import FAX_PORT, ports_of, write_apart, write_fax_apart
from workbench.witness.comparing import SOURCES, left_out, protocol_of, said_by_them, said_by_us
from workbench.witness.fields import OF, PROTOCOLS

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message
    from workbench.witness.tshark import Row

_SECONDS = 120.0
_DISSECTOR = {"MSRP": "msrp", "SIP": "sip"}
_HEADERS = {"UDPTL": 28}        # IP and UDP in front of a message that stands apart; else IP and TCP
_TCP_HEADERS = 40


class Part(msgspec.Struct, frozen=True):
    """Some octets, and what both say of them: the frame, or what stands behind it (reassembled, or decrypted).

    Args:
        title: what these octets are.
        octets: all of them.
        lines: both readings.
        apart: they were protected, and Wireshark was given them in the clear.
    """

    title: str
    octets: bytes
    lines: tuple[Line, ...]
    apart: bool = False


class Value(msgspec.Struct, frozen=True):
    """One row of the table of fields: what both say of it in this frame."""

    protocol: str
    field: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Both say the same."""
        return self.ours == self.theirs


class Beside(msgspec.Struct, frozen=True):
    """What two witnesses say of one frame.

    Args:
        frame: its number, from 1.
        title: time, wire, addresses, contents.
        witness: name and version of the other one; empty without it.
        parts: octet by octet.
        values: the fields that are compared.
        remarks: what Wireshark's experts say.
        missing: why there is no other witness; empty where there is one.
    """

    frame: int
    title: str
    witness: str
    parts: tuple[Part, ...]
    values: tuple[Value, ...] = ()
    remarks: tuple[str, ...] = ()
    missing: str = ""

    @property
    def differing(self) -> tuple[Value, ...]:
        """The fields of which the two do not say the same."""
        return tuple(one for one in self.values if not one.same)

    def __str__(self) -> str:
        from workbench.witness.picture import beside_text

        return beside_text(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from workbench.witness.picture import beside_html

        return beside_html(self)


def beside(report: Report, frame: int, *, keylog: str | os.PathLike[str] | None = None) -> Beside:
    """One frame as both read it.

    Args:
        report: our analysis of the capture.
        frame: its number, from 1.
        keylog: a key log file beside the secrets in the capture.

    Raises:
        CaptureError: there is no such frame, or tshark does not read the file.
        WorkbenchError: tshark takes too long. That there is none is no error: `Beside.missing` says it.
    """
    explained = explain_frame(report, frame)
    own: list[Layer | Explained] = [explained, *explained.layers]
    try:
        tshark.program()
    except WorkbenchError as error:
        parts = tuple(Part(one.title, one.octets, align(one.fields, one.octets, ())) for one in own)
        return Beside(frame, explained.title, "", parts, missing=str(error))
    return _Both(report, frame, None if keylog is None else os.fspath(keylog)).read(explained.title, own)


class _Both:
    def __init__(self, report: Report, frame: int, keylog: str | None) -> None:
        self._report = report
        self._frame = frame
        self._words = preferences.arguments(report, keylog=keylog)
        self._asked = sorted({name for rows in OF.values() for field in rows for name in field.theirs}
                             & tshark.known_fields())
        self._remarks: list[str] = []

    def read(self, title: str, own: Sequence[Layer | Explained]) -> Beside:
        broken: list[str] = []      # what tshark says of a break matters only if the frame is behind it
        packet = next(tshark.details(self._report.capture, [self._frame], arguments=self._words, seconds=_SECONDS,
                                     broken=broken), b"")
        theirs, remarks = protocols(packet) if packet else ([], [])
        self._remarks += remarks
        ended = [one for one in self._report.frame(self._frame).messages if one.frames[-1:] == (self._frame,)]
        row = next(tshark.rows(self._report.capture, self._asked, shown=f"frame.number == {self._frame}",
                               last=self._frame, arguments=self._words, seconds=_SECONDS, broken=broken), None)
        if not packet:
            self._remarks += [f"tshark does not show this frame: {one}" for one in broken[:1]]
        hidden = [one for one in ended if one.protected and one.protocol not in ("TLS", "DTLS")
                  and not self._said(one, row)]
        parts = []
        for layer, within in zip(own, placed(theirs, own), strict=True):
            if not within and any(layer.octets.startswith(one.octets) for one in hidden):
                continue    # it follows, beside what Wireshark says of it
            lines = align(layer.fields, layer.octets, within)
            parts.append(Part(layer.title, layer.octets, lines))
        values = self._values([one for one in ended if one not in hidden], row)
        for message in hidden:
            part, more = self._hidden(message)
            parts.append(part)
            values += more
        return Beside(self._frame, title, tshark.version(), tuple(parts), tuple(values),
                      tuple(dict.fromkeys(self._remarks)))

    def _said(self, message: Message, row: Row | None) -> bool:
        return any(field.counts and said_by_them(field, row) for field in OF.get(protocol_of(message), ()))

    def _values(self, messages: Sequence[Message], row: Row | None) -> list[Value]:
        found = []
        out = left_out(messages, row)
        for protocol in PROTOCOLS:
            sources = SOURCES if protocol == "SDP" else (protocol,)
            own = [one for one in messages if protocol_of(one) in sources]
            if protocol == out or (protocol == "RTP" and not own):
                continue
            for field in OF[protocol]:
                ours, theirs = tuple(said_by_us(field, own)), tuple(said_by_them(field, row))
                if ours or theirs:
                    found.append(Value(protocol, field.name, ours, theirs))
        return found

    def _hidden(self, message: Message) -> tuple[Part, list[Value]]:
        """A message that was protected, and that Wireshark does not look for: it is given to it in the clear."""
        layer = explain_octets(message.protocol, message.octets, f"{message.protocol} inside: {message.summary}")
        theirs, row = self._apart(message)
        shift = _HEADERS.get(message.protocol, _TCP_HEADERS) + 20 * (":" in message.source.address)
        fields = [field for one in theirs for field in moved(one, shift) if stands_in(field, message.octets)]
        part = Part(layer.title, message.octets, align(layer.fields, message.octets, fields), apart=True)
        return part, self._values([message], row)

    def _apart(self, message: Message) -> tuple[list[list[Theirs]], Row | None]:
        with tempfile.TemporaryDirectory(prefix="workbench-witness-") as folder:
            path = Path(folder) / "apart.pcapng"
            if message.protocol == "UDPTL":
                written, _ = write_fax_apart([message], path)
                words = ["-d", f"udp.port=={FAX_PORT},t38", *preferences.fax(self._report.fax_version(message) == 0)]
            else:
                written, _ = write_apart([message], path)
                words = ["--enable-heuristic", "bfcp_tcp"]
                words += [word for port in ports_of(written) if message.protocol in _DISSECTOR
                          for word in ("-d", f"tcp.port=={port},{_DISSECTOR[message.protocol]}")]
            if not written:
                return [], None
            packets = list(tshark.details(path, (), arguments=words, seconds=_SECONDS))
            rows = list(tshark.rows(path, self._asked, arguments=words, seconds=_SECONDS))
        theirs, remarks = protocols(packets[-1]) if packets else ([], [])
        self._remarks += remarks
        return theirs, rows[-1] if rows else None
