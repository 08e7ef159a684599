"""Expectations on end-to-end TLS: what passes each hop untouched, what no gateway is told, one session from UE to UE.

Source: TS 23.334 §6.2.10A, TS 29.162 (Ix).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.connections import halves
from workbench.lab.seen.reading import Side, commands_once, locals_of, remotes_of, reply_sdp, sdp_messages, signals_of
from workbench.net.packets import SYN
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import SessionDescription
from workbench.protocols.sip import Request, Response
from workbench.protocols.sip.registration import OPENS_TOO, opens_too
from workbench.protocols.tls.messages import ClientHello, Handshake, ServerHello

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

_SECURITY = ("fingerprint", "key-mgmt", "tls-id", "crypto", "3ge2ae")


def only_addresses_change(*wires: str) -> Fact:
    """From wire to wire an offer, and its answer back, keep every line but `o=`, `c=` and the port in `m=` (X1, X2)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        told = [_first_described(report, wire) for wire in wires]
        if any(offer is None or answer is None for offer, answer in told):
            return None
        frames = tuple(frame for pair in told for one in pair if one is not None for frame in one[0].frames)
        for which, at in (("offer", 0), ("answer", 1)):
            lines = [_kept(one[at][1]) for one in told]      # type: ignore[index]
            for wire, before, after in zip(wires[1:], lines, lines[1:], strict=False):
                if before != after:
                    changed = sorted(set(before) ^ set(after))
                    return False, frames, f"the {which} is another on {wire}: {'; '.join(changed[:4])}"
        return True, frames, ""

    return Fact(f"offer and answer on {', '.join(wires)}", check)


_Told = tuple["Message", SessionDescription]


def _first_described(report: Report, wire: str) -> tuple[_Told | None, _Told | None]:
    """The first offer on a wire and its answer."""
    offer: _Told | None = None
    for message, described in sdp_messages(report, wire):
        if isinstance(message.value, Request) and offer is None:
            offer = message, described
        elif isinstance(message.value, Response) and message.value.status == 200 and offer is not None:
            return offer, (message, described)
    return offer, None


def _kept(described: SessionDescription) -> list[str]:
    session = [f"{line.type}={line.value}" for line in described.lines if line.type not in "oc"]
    media = [f"m={one.media} {one.proto} {' '.join(one.formats)}" for one in described.media]
    return session + media + [
        f"{line.type}={line.value}" for one in described.media for line in one.lines if line.type != "c"]


def told_of_security(*gateways: str) -> Seen:
    """An order that tells one of these gateways of TLS: a bearer type, an attribute, a signal or an event."""
    names = {registry().wire_name(role).lower() for role in ("tls-establish", "tls-release", "tls-change")}

    def find(report: Report) -> list[Frames]:
        return [message.frames for message, _, command in commands_once(report)
                if message.destination.node in gateways and _tells(command, names)]

    return Seen(f"an order that tells {' or '.join(gateways)} of TLS", find)


def orders_to(*gateways: str) -> Seen:
    """An order to one of these gateways."""
    return Seen(f"an order to {' or '.join(gateways)}", lambda report: [
        message.frames for message, _, _ in commands_once(report) if message.destination.node in gateways])


def _tells(command: h248.Command, names: set[str]) -> bool:
    for described in (*locals_of(command), *remotes_of(command)):
        for media in described.media:
            if "TLS" in media.proto.upper() or any(media.attribute(name) is not None for name in _SECURITY):
                return True
    events = (event.name.lower() for one in command.descriptors if isinstance(one, h248.Events) for event in one.events)
    return bool(names & {*signals_of(command), *events})


def hellos(report: Report, wire: str) -> Iterator[tuple[Message, ClientHello | ServerHello]]:
    """ClientHello and ServerHello on a wire, each once."""
    for message in report.messages_of("TLS", readable=True):
        if message.wire != wire or message.repeated or not isinstance(message.value, Handshake):
            continue
        if isinstance(message.value.body, ClientHello | ServerHello):
            yield message, message.value.body


def one_tls_session(*wires: str) -> Fact:
    """One TLS session is on all wires: a ClientHello goes along them in this order, its ServerHello comes back (X5)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = [list(hellos(report, wire)) for wire in wires]
        if not any(found):
            return None
        frames = tuple(frame for one in found for message, _ in one for frame in message.frames)
        for wire, one in zip(wires, found, strict=True):
            kinds = [type(value).__name__ for _, value in one]
            if kinds != ["ClientHello", "ServerHello"]:
                return False, frames, f"on {wire} there is {', '.join(kinds) or 'no handshake'}"
        randoms = {tuple(value.random for _, value in one) for one in found}
        if len(randoms) != 1:
            return False, frames, "the sessions on these wires are not the same"
        way = [one[0][0].frames[0] for one in found]
        return way == sorted(way), frames, "the ClientHello goes the other way"

    return Fact(f"the TLS handshake on {', '.join(wires)}", check)


def octets_pass(a: Side, b: Side) -> Fact:
    """Whatever octets TCP brings to one side leave the gateway on the other, and there are some (X4).

    It is TCP's payload as it is on the wire: TLS records, which nobody on the way can read. What comes in once a
    termination is subtracted (H.248 §7.2.3) has nowhere to go.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        released = next((message.frames[0] for message, _, command in commands_once(report)
                         if command.kind is h248.Kind.SUBTRACT), report.packets + 1)
        came, left = (_stream(report, a, released, by_gateway=False), _stream(report, b, released, by_gateway=True))
        if not came[1]:
            return None
        return came[1] == left[1], (*came[0][:2], *left[0][:2]), (
            f"{len(came[1])} octets came in on {a.wire}, {len(left[1])} octets left on {b.wire}")

    return Fact(f"TCP's octets on {a} and on {b}", check)


def _stream(report: Report, side: Side, until: int, *, by_gateway: bool) -> tuple[Frames, bytes]:
    """One direction of the first connection at a side that was answered, up to a frame: frames, octets in order."""
    half = next((one for one in halves(report, side) if one.answered), None)
    if half is None:
        return (), b""
    sent = [one for one in half.segments if (one.sender == side.gateway) == by_gateway and one.frame < until]
    syn = next((one.tcp.sequence for one in sent if one.tcp.flags & SYN), 0)
    octets, frames = bytearray(), []
    for one in sorted((one for one in sent if one.tcp.payload), key=lambda one: (one.tcp.sequence - syn) % 2**32):
        at = (one.tcp.sequence - syn - 1) % 2**32
        if at + len(one.tcp.payload) > len(octets) >= at:
            octets += one.tcp.payload[len(octets) - at:]
            frames.append(one.frame)
    return tuple(frames), bytes(octets)


def passes_unread(*wires: str) -> Fact:
    """Payload is on each of these wires, and never in the clear."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        frames: list[int] = []
        for wire in wires:
            said = [one for one in report.messages_of("MSRP", "BFCP", "unknown") if one.wire == wire]
            clear = [one for one in said if not one.protected]
            if clear:
                return False, clear[0].frames, f"{clear[0].summary} is in the clear on {wire}"
            if not said:
                return None
            frames += said[0].frames
        return True, tuple(frames), ""

    return Fact(f"payload on {', '.join(wires)}", check)


def refused_with_warning(wire: str) -> Fact:
    """An INVITE is refused with 488 and a Warning that says why (RFC 3261 §20.43)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        for message in report.messages_of("SIP"):
            value = message.value
            refusal = isinstance(value, Response) and value.cseq[1] == "INVITE" and value.status >= 300
            if message.wire == wire and refusal:
                warning = value.headers.get("Warning") or ""
                return value.status == 488 and bool(warning), message.frames, (
                    f"{value.status} {value.reason}, Warning: {warning or 'none'}")
        return None

    return Fact(f"the refusal on {wire}", check)


def two_tls_clients(a: Side, b: Side) -> Fact:
    """The peer on each side sends a ClientHello to the gateway, and gets the other peer's ClientHello from it (S5)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = {side: list(hellos(report, side.wire)) for side in (a, b)}
        if not any(found.values()):
            return None
        frames = tuple(frame for one in found.values() for message, _ in one for frame in message.frames)
        sent: dict[tuple[Side, bool], set[bytes]] = {}
        for side, one in found.items():
            for message, value in one:
                if isinstance(value, ClientHello):
                    sent.setdefault((side, message.source.node == side.gateway), set()).add(value.random)
        crossed = all(sent.get((near, False)) and sent.get((near, False)) == sent.get((far, True))
                      for near, far in ((a, b), (b, a)))
        return crossed, frames, "not each side's ClientHello came in and left on the other side"

    return Fact(f"ClientHellos on {a} and on {b}", check)


def server_hello() -> Seen:
    """A ServerHello on whatever wire."""
    return Seen("a ServerHello", lambda report: [
        message.frames for message in report.messages_of("TLS", readable=True)
        if isinstance(message.value, Handshake) and isinstance(message.value.body, ServerHello)])


def alert_of_peer(name: str, side: Side) -> Fact:
    """The gateway's peer on a side sends a fatal alert of this name."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        alerts = [one for one in report.messages_of("TLS", readable=True) if one.wire == side.wire
                  and one.destination.node == side.gateway and one.summary.startswith("Alert fatal")]
        if not alerts:
            return None
        return name in alerts[0].summary, alerts[0].frames, f"{alerts[0].source.node} sends {alerts[0].summary}"

    return Fact(f"the alert of the peer on {side}", check)


def registers_opening_too(wire: str) -> Seen:
    """A REGISTER whose Contact says that the UE opens TCP although it is passive (TR 29.828 Annex D)."""
    return Seen(f"a REGISTER with the feature tag {OPENS_TOO} on {wire}", lambda report: [
        message.frames for message in report.messages_of("SIP") if message.wire == wire
        and isinstance(message.value, Request) and message.value.method == "REGISTER" and opens_too(message.value)])


def fingerprint_replaced(a: str, b: str, *, gateway: str) -> Fact:
    """Between two wires each description gets another fingerprint: one that this gateway gave over H.248."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        near, far = _first_described(report, a), _first_described(report, b)
        given = {_print(described) for message, described in reply_sdp(report) if message.source.node == gateway}
        if None in (*near, *far):
            return None
        (offer, answer), (onward, back) = near, far
        assert offer is not None and answer is not None and onward is not None and back is not None
        frames = tuple(frame for one in (offer, answer, onward, back) for frame in one[0].frames)
        for before, after in ((offer, onward), (back, answer)):
            told = _print(after[1])
            if told == _print(before[1]) or told not in given:
                return False, frames, f"a=fingerprint is {told} after it was {_print(before[1])}"
        return True, frames, ""

    return Fact(f"fingerprints on {a} and {b}, and those that {gateway} gave", check)


def _print(described: SessionDescription) -> str:
    return next((described.attribute_of(media, "fingerprint") or "" for media in described.media), "").upper()


def sessions_meet(a: Side, b: Side) -> Fact:
    """Two TLS handshakes with other numbers, each finished, and the gateway is server of both."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = [list(hellos(report, side.wire)) for side in (a, b)]
        if not all(found):
            return None
        frames = tuple(frame for one in found for message, _ in one for frame in message.frames)
        for side, one in zip((a, b), found, strict=True):
            servers = {message.source.node for message, value in one if isinstance(value, ServerHello)}
            if servers != {side.gateway}:
                return False, frames, f"TLS server on {side.wire} is {', '.join(sorted(servers)) or 'nobody'}"
        randoms = [{value.random for _, value in one} for one in found]
        return not randoms[0] & randoms[1], frames, "it is one session on both sides"

    return Fact(f"the TLS sessions on {a} and on {b}", check)


def middle_reads(a: Side, b: Side) -> Fact:
    """What users say is on both sides, protected by the gateway's own sessions, and is the same: the gateway had it.

    The key log lines that open the records on these wires belong to sessions whose server the gateway is.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        words = {side: {one.octets for one in report.messages_of("MSRP") if one.wire == side.wire and one.protected
                        and "SEND" in one.summary} for side in (a, b)}
        if not all(words.values()):
            return None
        meet = sessions_meet(a, b).check(report)
        frames = () if meet is None else meet[1]
        both = meet is not None and meet[0]
        return both and words[a] == words[b], frames, "the sessions are not the gateway's, or carry other words"

    return Fact(f"words of users in the gateway's sessions on {a} and on {b}", check)
