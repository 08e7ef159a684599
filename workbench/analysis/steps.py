"""A report as steps that can be held against those of another: nodes by name, and no value that only this run has.

Addresses, ports, tags, branches, transaction numbers, session ids, times and digests differ from run to run and mean
nothing; they are named after their owner or left out. What repeats in bulk (chunks, records, pages) is one step.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.values import Message, Session
from workbench.errors import WorkbenchError
from workbench.protocols.mikey import layout as mikey

if TYPE_CHECKING:
    from workbench.analysis.report import Report

MOST_STEPS = 2000
"""Steps of one direction that are compared; what follows is counted only."""
_MOST_TEXT = 65_536
_SIGNALLING = ("SIP", "H.248")
_MEDIA = ("TCP", "SCTP", "TLS", "DTLS", "MSRP", "BFCP", "UDPTL", "STUN", "RTP", "unknown")
_BULK = re.compile(r"SEND \S+ \([1-9]|200 OK \S+$|REPORT |Application Data|UDPTL|TCP, |UDP, |RTP|octets behind")


class Step(msgspec.Struct, frozen=True):
    """One message, or many of a kind in a row.

    Args:
        kind: what has to agree for two steps to be the same message, however changed: `INVITE`, `response INVITE`.
        told: one line, without the values of this run.
        text: the lines of a text message, in the same way.
        frame, time: of the first message.
        count: how many messages.
    """

    kind: str
    told: str
    text: tuple[str, ...]
    frame: int
    time: float
    count: int = 1

    @property
    def key(self) -> tuple[str, tuple[str, ...]]:
        """Equal for steps that say the same."""
        return self.told, self.text


class Track(msgspec.Struct, frozen=True):
    """What one node said to another on one wire, in one session and one group of protocols.

    Args:
        session, wire, group, source, destination: what it is known by; `group` is `SIP`, `H.248` or `media`.
        steps: in order.
        left_out: messages beyond `MOST_STEPS`.
        repeated: retransmissions, which are no steps.
    """

    session: str
    wire: str
    group: str
    source: str
    destination: str
    steps: list[Step]
    left_out: int = 0
    repeated: int = 0

    @property
    def name(self) -> str:
        """`call-1, Core: UE A to IMS-ALG, SIP`."""
        if self.group in ("order", "roles"):
            return f"{self.session}: {'who begins first' if self.group == 'order' else 'roles and gateways'}"
        session = self.session or "outside any session"
        return f"{session}, {self.wire}: {self.source} to {self.destination}, {self.group}"

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What it is known by."""
        return self.session, self.wire, self.group, self.source, self.destination


def tracks(report: Report) -> list[Track]:
    """All tracks of a report, in the order of their first messages. Takes time linear in its messages."""
    names = Names(report)
    found: dict[tuple[str, str, str, str, str], Track] = {}
    opened: dict[str, dict[str, Message]] = {}
    for message in _messages(report):
        group = message.protocol if message.protocol in _SIGNALLING else "media"
        key = (message.session or "", message.wire, group, message.source.node, message.destination.node)
        track = found.get(key)
        if track is None:
            track = found[key] = Track(*key, [])
        if message.session:
            _open(opened.setdefault(message.session, {}), message)
        if message.repeated:
            found[key] = msgspec.structs.replace(track, repeated=track.repeated + 1)
        elif len(track.steps) >= MOST_STEPS:
            found[key] = msgspec.structs.replace(track, left_out=track.left_out + 1)
        else:
            _add(track.steps, message, names)
    return [*found.values(), *(track for session in report.sessions
                               for track in _facts(session, opened.get(session.id, {}), names))]


_MARKS = {"SYN": "opens", "SYN, ACK": "accepts"}


def _open(opened: dict[str, Message], message: Message) -> None:
    """Remember who began a connection on which wire, and who began to secure it."""
    if message.protocol == "TCP":
        does = _MARKS.get(message.summary.partition(" ")[0] if "," not in message.summary else message.summary, "")
        if does:
            opened.setdefault(f"{message.source.node} {does} TCP on {message.wire}", message)
    elif message.protocol in ("TLS", "DTLS") and message.summary.startswith("ClientHello"):
        opened.setdefault(f"{message.source.node} begins {message.protocol} on {message.wire}", message)


def _facts(session: Session, opened: dict[str, Message], names: Names) -> Iterator[Track]:
    """What no single message says: who began what in which order, and what the gateways and NATs do."""
    def step(kind: str, told: str, frame: int = 0, time: float = 0.0) -> Step:
        return Step(kind, names.plain(told), (), frame, time)

    began = [step("began", told, message.frames[-1], message.time) for told, message in opened.items()]
    if began:
        yield Track(session.id, "all wires", "order", "who", "whom", began)
    facts = [step("security", f"security: {session.security_said or 'not to be told'}")]
    facts += [step(f"handling {way.gateway}", f"{way.gateway or 'a gateway'}: {way.handling or 'not to be told'}",
                   min(way.frames, default=0)) for way in session.handlings]
    facts += [step(f"leg {leg.name}", f"{leg.name}: {leg.transport}, TCP client {leg.tcp_client or 'nobody'}"
                   f", TLS client {leg.tls_client or 'nobody'} {leg.tls}".rstrip())
              for leg in session.legs]
    yield Track(session.id, "all wires", "roles", "who", "whom", facts)


def _messages(report: Report) -> Iterator[Message]:
    return (message for message in report.messages_of(*_SIGNALLING, *_MEDIA))


def _add(steps: list[Step], message: Message, names: Names) -> None:
    bulk = message.protocol not in _SIGNALLING and not message.error and _BULK.match(message.summary) is not None
    told = _bulk_kind(message) if bulk else names.plain(_summary(message))
    if bulk and steps and steps[-1].told == told:
        steps[-1] = msgspec.structs.replace(steps[-1], count=steps[-1].count + 1)
        return
    lines = () if bulk else map(names.plain, _lines(message))
    text = tuple(line for line in lines if not line.startswith("Content-Length"))
    steps.append(Step(_kind(message), told, text, message.frames[-1] if message.frames else 0, message.time))


def _bulk_kind(message: Message) -> str:
    """`MSRP SEND`, `UDPTL v21 hdlc-data`: without sizes and numbers."""
    words = re.sub(r"\(.*|, \d+ repeated|\b\d+\b", "", message.summary).split()
    if message.protocol == "MSRP":
        return f"MSRP {'200 OK' if words[0] == 'OK' else words[0]}"
    return " ".join(dict.fromkeys([message.protocol, *words]))


def _summary(message: Message) -> str:
    text = f"{message.protocol} {message.summary}" + (f" !! {message.error}" if message.error else "")
    if message.protocol == "H.248":
        text = re.sub(r" \[\d+\]|(?<=Reply )\d+|(?<=Pending )\d+|(?<=Error )\d+(?= \[)", "", text)
    if message.protocol == "MSRP":
        text = re.sub(r"(MSRP (?:[A-Z]+|\d{3}(?: [A-Za-z ]+)?)) [\w.+-]{4,32}", r"\1", text)
    return text


_RESPONSE = re.compile(r"\d{3} [^(]*\((\w+)")
_COMMANDS = re.compile(
    r"\b(Add|Modify|Subtract|Move|AuditValue|AuditCapabilities|Notify|ServiceChange|Reply|Pending|Error)\b")


def _kind(message: Message) -> str:
    if message.protocol == "SIP":
        answered = _RESPONSE.match(message.summary)
        return f"response {answered[1]}" if answered is not None else message.summary.split(" ", 1)[0]
    if message.protocol == "H.248":
        return " ".join(_COMMANDS.findall(message.summary)) or message.summary
    return f"{message.protocol} {message.summary.split(' ', 1)[0].rstrip(',')}"


def _lines(message: Message) -> list[str]:
    """The lines of a text message; H.248 in whatever encoding is shown as long text."""
    if message.protocol == "H.248" and message.value is not None:
        from workbench.protocols.h248 import text

        try:
            return text.encode(message.value).decode("utf-8", "replace").splitlines()
        except WorkbenchError:    # what BER can say and text can not
            return []
    if message.protocol == "SIP":
        return message.octets[:_MOST_TEXT].decode("utf-8", "replace").splitlines()
    return []


class Names:
    """Replaces what only this run has."""

    def __init__(self, report: Report) -> None:
        self._nodes = {address: node.name for node in report.nodes for address in node.addresses}
        self._certificates: dict[str, str] = {}
        for session in report.sessions:
            for leg in session.legs:
                for one in leg.certificates:
                    self._certificates.setdefault(_digest(one.seen), f"certificate of {one.owner}")
        self._known: dict[str, str] = {}

    def plain(self, line: str) -> str:
        """The line with names and placeholders."""
        found = self._known.get(line)
        if found is None:
            found = self._plain(line)
            if len(self._known) < 4 * MOST_STEPS:
                self._known[line] = found
        return found

    def _plain(self, line: str) -> str:
        line = _FINGERPRINT.sub(lambda match: self._certificate(match[0]), line)
        line = _ADDRESS.sub(lambda match: self._nodes.get(match[1].strip("[]"), match[1] if match[1] == "0.0.0.0" else
                                                         "an address"), line)
        line = _MIKEY.sub(lambda match: f"{match[1]}{_exchange(match[2])} ~", line)
        for pattern, by in _ONLY_HERE:
            line = pattern.sub(by, line)
        return line.rstrip()

    def _certificate(self, text: str) -> str:
        digest = _digest(text)
        for known, name in self._certificates.items():
            if digest and known.startswith(digest):
                return name
        return "a certificate that nobody shows"


def _digest(text: str) -> str:
    return re.sub(r"[^0-9A-F]", "", text.rpartition(" ")[2].upper())


def _exchange(base64: str) -> str:
    """Which message of an exchange: `TRANSFER_RESP`. Two runs have others; that it is of this type they share."""
    try:
        return mikey.name(a2b_base64(base64[:16]))
    except ValueError:
        return "unreadable"


_MIKEY = re.compile(r"(?i)(a=key-mgmt:mikey )(\S*).*")
_FINGERPRINT = re.compile(r"\b(?:[0-9A-Fa-f]{2}:){3,}[0-9A-Fa-f]{2}(?:…|\b)")
_ADDRESS = re.compile(
    r"((?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|\[?\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){3,7}\]?)(?::\d{1,5})?")
_ONLY_HERE: tuple[tuple[re.Pattern[str], str], ...] = tuple((re.compile(pattern), by) for pattern, by in (
    (r"\b(tag|branch|nonce|cnonce|response|icid-value|boundary|rport|nc|auts)=\"?[^\s;,>\"]*\"?", r"\1=~"),
    (r"(?i)^(Call-ID|i|Message-ID|Date|SIP-ETag|Session-ID) *:.*", r"\1: ~"),
    (r"(msrps?://[^/]*)/[^\s;]*", r"\1/~"),
    (r"(?i)(a=(?:tls-id|ice-ufrag|ice-pwd|crypto|candidate|ssrc)):.*", r"\1:~"),
    (r"(?i)(a=key-mgmt):(?!mikey ).*", r"\1:~"),
    (r"^(o=\S+) \S+ \S+", r"\1 ~ ~"),
    (r"\bCSeq: *\d+", "CSeq: ~"),
    (r"^([am]=\w+) (?!0\b|9\b)\d+", r"\1 ~"),
    (r"\b\d{8}T\d{8}\b", "~"),
    (r"\bmikey-[0-9a-f]{8}-(\d+)\b", r"mikey-~-\1"),    # the CSB ID, a random number
    (r"(?i)\b(\w+/pski?) *= *[0-9a-f]{2,}", r"\1 = ~"),    # a key that comes of random numbers, and its name
    (r"\b(Transaction|Reply|Pending|Context|Events|ObservedEvents|RequestID) *= *\d+", r"\1 = ~"),
    (r"\b(in|Context) \d+\b", r"\1 ~"),
    (r"(?<![\w.])\d{4,}\b", "~"),
))
