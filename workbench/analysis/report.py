"""The report of a capture: what `workbench.analyze` gives.

Everything in it comes from the file alone: names from its name block or from behaviour, secrets from its secrets
block or a key log file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from workbench.analysis.calls.bindings import Bindings, behaviours
from workbench.analysis.calls.context_values import ContextHistory
from workbench.analysis.calls.contexts import histories
from workbench.analysis.calls.joined_values import Joined
from workbench.analysis.calls.joining import join
from workbench.analysis.calls.legs import make_sessions, with_bindings
from workbench.analysis.calls.naming import Names
from workbench.analysis.calls.sessions import Call, find_calls
from workbench.analysis.calls.signalling import Signalling
from workbench.analysis.calls.spans import Span, find_spans
from workbench.analysis.carried.tls_stream import KeyLog
from workbench.analysis.chunks import Chunk
from workbench.analysis.dissect import Content, Dissector
from workbench.analysis.files.merging import Merged, Origin
from workbench.analysis.flows import Connection
from workbench.analysis.pcapng import Packet, Reader
from workbench.analysis.summaries import shortened
from workbench.analysis.table import Held, Table
from workbench.analysis.values import Finding, Leg, Message, NatBehaviour, Node, ScenarioMatch, Session
from workbench.errors import CaptureError
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    import polars

_T = TypeVar("_T")


class Frames(Protocol):
    """Frames by number."""

    def __contains__(self, number: int) -> bool: ...

    def __getitem__(self, number: int) -> Packet: ...


class FrameView(msgspec.Struct, frozen=True):
    """One frame, for explaining.

    Args:
        number: from 1.
        time: seconds since the first frame.
        wire: capture interface.
        link: LINKTYPE_ number of the first octet.
        octets: as captured.
        length: octets that the frame had on the wire.
        comment: frame comment.
        messages: those that this frame carries or helps to carry.
    """

    number: int
    time: float
    wire: str
    link: int
    octets: bytes
    length: int
    comment: str
    messages: tuple[Message, ...]


class Report:
    """What a capture shows. Made by `analyze`.

    Attributes:
        capture: path of the file.
        packets: number of frames.
        nodes: who was seen.
        sessions: calls, registrations, control associations.
        nats: what NATs show of their mapping and filtering behaviour.
        messages: every message of every protocol, in order of completion; each is made when it is asked for.
        end: seconds from the first frame to the last one.
        findings: rules that the capture breaks.
        scenario: the scenario of the catalogue that it shows, or None.
        dtls: the DTLS associations, in order of their beginning.
        faxes: UDPTL in clear between two endpoints, in order of its beginning.
        accounted: how many frames are part of messages, acknowledgments, or other plain overhead, by kind.
        unread: what was not read, and why; its frames and those in `accounted` are all frames of the capture.
        notes: what could not be read, and why, for people.
        keylog: the secrets that protected octets were read with.
    """

    def __init__(self, capture: str, dissector: Dissector, given: dict[str, str], packets: int,
                 notes: Iterable[str], frames: Frames | None, keylog: KeyLog) -> None:
        self.capture = capture
        self.merged: Merged | None = None
        self.keylog = keylog
        self.packets = packets
        self.notes: list[str] = list(notes)
        self.accounted, self.unread = dissector.ledger.account(packets)
        self.signalling = Signalling()
        for draft in dissector.drafts:
            self.signalling.take(draft)
        self.signalling.finish()
        self.contents = dissector.contents
        self.dtls = dissector.dtls
        self.faxes = dissector.fax.flows
        self._announced = dissector.announced
        self.start_ns = dissector.first_ns or 0
        spans = find_spans(dissector.contents)
        self.names = Names(given, self.signalling, dissector.drafts, [span.contents for span in spans])
        self.calls: list[Call] = find_calls(self.signalling, spans)
        self.nodes: tuple[Node, ...] = self.names.nodes
        made = make_sessions(self.calls, self.signalling, dissector.drafts, self.names,
                             (*self.dtls, *self.faxes, *dissector.sound.flows, *dissector.floors.flows))
        self.bindings = Bindings(spans, dissector.drafts, self.names)
        self.nats: tuple[NatBehaviour, ...] = behaviours(self.bindings, spans)
        self.sessions: tuple[Session, ...] = with_bindings(made, self.calls, self.bindings)
        self.messages: Table = Table(dissector.held or Held(dissector.drafts), self.names)
        self._spans = {id(leg): span for call in self.calls for leg, span, _ in call.legs}
        self.end = dissector.last_time
        self._frames = frames
        self._of_frame: dict[int, list[int]] | None = None
        self.findings: tuple[Finding, ...] = ()
        self.scenario: ScenarioMatch | None = None
        self._told: dict[object, Any] = {}

    # --- asking

    @property
    def contexts(self) -> tuple[ContextHistory, ...]:
        """H.248 contexts with their states over time, in order of their beginning."""
        return self.once(histories)

    @property
    def joined(self) -> tuple[Joined, ...]:
        """Each call with its dialogs hop by hop, its legs with what owns and carries them, floors and fax pages."""
        return self.once(join)

    def once(self, tell: Callable[[Report], _T]) -> _T:
        """What a function says of this report, asked once."""
        if tell not in self._told:
            self._told[tell] = tell(self)
        found: _T = self._told[tell]
        return found

    def messages_of(self, *protocols: str, readable: bool = False) -> Sequence[Message]:
        """The messages of these protocols, in order; cheaper than a look at all of them in a large capture.

        Args:
            protocols: of these.
            readable: without TLS records that nobody can read.
        """
        return self.messages.of(*protocols, readable=readable)

    def select(self, protocol: str | None = None, *, wire: str | None = None, source: str | None = None,
               destination: str | None = None, session: str | None = None, summary: str | None = None,
               protected: bool | None = None, repeated: bool | None = None) -> list[Message]:
        """Messages that fit everything given. `source`, `destination`: node names; `summary`: how it begins."""
        return [
            message for message in (self.messages if protocol is None else self.messages.of(protocol))
            if (wire is None or message.wire == wire)
            and (source is None or message.source.node == source)
            and (destination is None or message.destination.node == destination)
            and (session is None or message.session == session)
            and (summary is None or message.summary.startswith(summary))
            and (protected is None or message.protected == protected)
            and (repeated is None or message.repeated == repeated)
        ]

    def content(self, leg: Leg) -> Content | None:
        """What the connection of a leg carried; None for a leg without connection."""
        span = self.span(leg)
        return span.content() if span is not None else None

    def span(self, leg: Leg) -> Span | None:
        """The connection of a leg with all its appearances; None for a leg without connection."""
        if id(leg) in self._spans:
            return self._spans[id(leg)]
        return next((span for call in self.calls for own, span, _ in call.legs if own == leg), None)

    def on(self, leg: Leg, *protocols: str, readable: bool = False) -> Sequence[Message]:
        """The messages of a leg's connection, or of its DTLS association, on the leg's own wire.

        Args:
            leg: one of a session's.
            protocols: only messages of these; of all protocols if none is given.
            readable: without TLS records that nobody can read. A leg may have very many of those.
        """
        content = self.content(leg)
        if content is not None:
            return self.of_connection(content.connection, *protocols, readable=readable)
        frames, at = set(leg.frames), self._by_frame()
        found = (self.messages[index] for index in sorted({index for frame in frames for index in at.get(frame, ())}))
        return [one for one in found if frames.issuperset(one.frames) and (not protocols or one.protocol in protocols)]

    def chunks(self, leg: Leg) -> Iterator[Chunk]:
        """What a leg carries of MSRP: what rules ask of each message, without the message itself, in order."""
        content = self.content(leg)
        return iter(()) if content is None else self.messages.chunks(content.connection.number)

    def outline(self, leg: Leg) -> Sequence[Message]:
        """The messages of a leg; of each direction's MSRP, and of its TLS records that nobody can read, the first few.

        For questions that those many answer as soon as there are some.
        """
        content = self.content(leg)
        return self.on(leg) if content is None else self.messages.outline(content.connection.number)

    def secured(self, leg: Leg) -> Sequence[Message]:
        """What TLS or DTLS says on a leg, without the records that nobody can read."""
        return self.on(leg, "TLS", "DTLS", readable=True)

    def fax_version(self, message: Message) -> int | None:
        """T38FaxVersion as descriptions have it for where a message went; None where nobody has said one."""
        source, destination = (Endpoint(one.address, one.port) for one in (message.source, message.destination))
        line = self._announced.fax_between(source, destination)
        return None if line is None else line.version

    def of_connection(self, connection: Connection, *protocols: str, readable: bool = False) -> Sequence[Message]:
        """The messages of one connection on one wire; see `on`."""
        return self.messages.of_connection(connection.number, *protocols, readable=readable)

    def payload(self, leg: Leg, direction: str = "", *, sender: str = "") -> bytes:
        """Application octets that one side of a leg sent, reassembled, decrypted if TLS protected them.

        Args:
            leg: a leg of one of the sessions.
            direction: `client` or `server`: which TCP side sent them.
            sender: the node that sent them, instead of `direction`.

        Returns:
            The octets; empty where there is no connection, no such sender, or nothing that could be read.
        """
        span = self.span(leg)
        if span is None:
            return b""
        content = span.content()
        connection = content.connection
        client = connection.client or 0
        if sender:
            if sender == leg.tcp_client:
                direction = "client"
            elif sender == leg.tcp_server:
                direction = "server"
            else:
                hosts = [self.names(side.host) for side in connection.sides]
                if sender not in hosts:
                    return b""
                direction = "client" if hosts.index(sender) == client else "server"
        return content.payload(client if direction == "client" else 1 - client)

    def origin(self, number: int) -> Origin:
        """Which file a frame is from, and its number there. Raises CaptureError: no such frame."""
        return Origin(self.capture, number) if self.merged is None else self.merged.origin(number)

    def frame(self, number: int) -> FrameView:
        """One frame and the messages that it carries.

        Raises:
            CaptureError: no such frame, or the file can't be read any more.
        """
        if not 1 <= number <= self.packets:
            raise CaptureError(f"{self.capture} has {self.packets} frames, not {number}")
        packet = self._packet(number)
        messages = tuple(self.messages[index] for index in self._by_frame().get(number, ()))
        return FrameView(number, (packet.time_ns - self.start_ns) / 1e9, packet.wire, packet.link, packet.octets,
                         packet.length, packet.comment, messages)

    def _by_frame(self) -> dict[int, list[int]]:
        """By frame the messages that it has a part of, looked through once."""
        if self._of_frame is None:
            self._of_frame = {}
            for message in self.messages:
                for frame in message.frames:
                    self._of_frame.setdefault(frame, []).append(message.index)
        return self._of_frame

    def _packet(self, number: int) -> Packet:
        if self._frames is not None and number in self._frames:
            return self._frames[number]
        with Reader(self.capture) as reader:
            for packet in reader:
                if packet.number == number:
                    return packet
        raise CaptureError(f"{self.capture}: frame {number} is not there any more")

    # --- giving

    def frames(self) -> polars.DataFrame:
        """The messages as a data frame, one row each, with the columns of the JSON form and some more."""
        import polars

        rows = [{**one, "address": message.source.address, "port": message.source.port,
                 "to_address": message.destination.address, "to_port": message.destination.port,
                 "wire": message.wire, "protected": message.protected, "repeated": message.repeated,
                 "error": message.error, "octets": len(message.octets)}
                for one, message in zip(self.to_json()["messages"], self.messages, strict=True)]
        text, number = polars.String, polars.Int64
        schema = {"frame": number, "time": polars.Float64, "protocol": text, "source": text, "destination": text,
                  "summary": text, "session": text, "address": text, "port": number, "to_address": text,
                  "to_port": number, "wire": text, "protected": polars.Boolean, "repeated": polars.Boolean,
                  "error": text, "octets": number}
        return polars.DataFrame(rows, schema=schema)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values; the form is the contract of `workbench analyze --json`."""
        return {
            "capture": self.capture,
            "merged": [] if self.merged is None else list(self.merged.captures),
            "packets": self.packets,
            "accounted": dict(self.accounted),
            "unread": [msgspec.to_builtins(one) for one in self.unread],
            "nodes": [msgspec.to_builtins(node) for node in self.nodes],
            "sessions": [
                {"id": session.id, "kind": session.kind,
                 "legs": [msgspec.to_builtins(leg, enc_hook=tuple) for leg in session.legs],
                 "security": session.security, "roles": {node: list(told) for node, told in session.roles.items()},
                 "frames": list(session.frames), "dialogs": list(session.dialogs), "context": session.context,
                 "handling": session.handling,
                 "handlings": [msgspec.to_builtins(one) for one in session.handlings],
                 "bindings": [msgspec.to_builtins(one) for one in session.bindings]}
                for session in self.sessions
            ],
            "contexts": [msgspec.to_builtins(one) for one in self.contexts],
            "joined": [msgspec.to_builtins(one) for one in self.joined],
            "messages": [
                {"frame": message.frames[-1] if message.frames else 0, "time": message.time,
                 "protocol": message.protocol, "source": message.source.node,
                 "destination": message.destination.node, "summary": message.summary, "session": message.session}
                for message in self.messages
            ],
            "nats": [msgspec.to_builtins(one) for one in self.nats],
            "findings": [msgspec.to_builtins(finding) for finding in self.findings],
            "scenario": None if self.scenario is None else msgspec.to_builtins(self.scenario),
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        return (f"<Report {shortened(Path(self.capture).name)}: {self.packets} frames, {len(self.messages)} messages, "
                f"{len(self.sessions)} sessions, {len(self.findings)} findings>")
