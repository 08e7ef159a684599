"""Expectations on a conference at an MRFP: what it is told, who opens TCP and when, what is sent on to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.lab.expect import Fact, Frames
from workbench.lab.seen.connections import at, halves
from workbench.lab.seen.reading import (
    Side,
    commands_once,
    exchanges,
    is_protected,
    legs_of,
    locals_of,
    remotes_of,
    signals_of,
    sip_messages,
    transactions,
)
from workbench.protocols import sip
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry
from workbench.protocols.msrp.messages import Request

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg, Message

_FIRST = 4


def joins(wire: str, offer: str, answer: str) -> Fact:
    """Each offer on a wire has one a=setup, and each answer the other."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = [one for one in exchanges(report, wire) if one.offer is not None and one.answer is not None]
        for one in found:
            assert one.offer is not None and one.answer is not None
            said = one.offer.attribute("setup"), one.answer.attribute("setup")
            if said != (offer, answer):
                return False, one.frames, f"offered {said[0]}, answered {said[1]}"
        return (True, tuple(frame for one in found for frame in one.frames), "") if found else None

    return Fact(f"offers say {offer}, answers {answer} on {wire}", check)


def opens_before_answer(side: Side) -> Fact:
    """The media node's SYN to each participant is on the wire before the answer to that participant is."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        frames: Frames = ()
        for one in exchanges(report, side.wire):
            if one.offer is None or one.answered is None or one.offer.connection is None:
                continue
            there = one.offer.connection.address
            syn = next((half.segments[0].frame for half in halves(report, side)
                        if not half.comes_in and half.remote.host == there), None)
            if syn is None:
                return None
            frames += (syn, *one.answered.frames)
            if syn > one.answered.frames[0]:
                return False, (one.answered.frames[0], syn), f"the SYN to {there} comes after the answer"
        return (True, frames, "") if frames else None

    return Fact(f"SYN of {side.gateway} and answer, on {side.wire}", check)


def reserves(transport: str, setup: str, *, starts: bool) -> Fact:
    """Each termination is added with its transport, the peer's address, both paths and the role; and TCP is started.

    Args:
        transport: m= proto.
        setup: a=setup in Local.
        starts: the establish signal for TCP goes with it.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        frames: Frames = ()
        for message, _, command in commands_once(report):
            if command.kind is not h248.Kind.ADD:
                continue
            missing = _missing(command, transport, setup, starts)
            if missing:
                return False, message.frames, missing
            frames += message.frames
        return (True, frames, "") if frames else None

    return Fact(f"Add with {transport}, a=setup:{setup}, remote address and paths", check)


def _missing(command: h248.Command, transport: str, setup: str, starts: bool) -> str:
    local = next((media for one in locals_of(command) for media in one.media), None)
    remote = next(((one, media) for one in remotes_of(command) for media in one.media), None)
    if local is None or local.proto != transport or local.attribute("setup") != setup:
        return f"Local does not say {transport} and a=setup:{setup}"
    if remote is None or not remote[1].port or remote[0].connection_of(remote[1]) is None:
        return "Remote has no address"
    if local.attribute("path") is None or remote[1].attribute("path") is None:
        return "a path is missing"
    started = registry().wire_name("tcp-establish").lower() in signals_of(command)
    return "" if started is starts else f"TCP is {'' if started else 'not '}started with it"


def failure_reports_asked(transport: str = "TCP/MSRP", *roles: str) -> Fact:
    """Each Add with this transport asks for the report of what does not come about.

    Args:
        roles: `tcp-change`, which is what is meant without any, and `tls-change`.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        frames: Frames = ()
        wanted = {registry().wire_name(role).lower() for role in roles or ("tcp-change",)}
        for message, command in _adds(report, transport):
            events = command.descriptor(h248.Events)
            if events is None or not wanted <= {event.name.lower() for event in events.events}:
                return False, message.frames, "an Add does not ask for it"
            frames += message.frames
        return (True, frames, "") if frames else None

    return Fact(f"Notify Failure Event: {', '.join(roles or ('tcp-change',))}", check)


def _adds(report: Report, transport: str) -> Iterator[tuple[Message, h248.Command]]:
    """Adds of terminations with this m= proto."""
    for message, _, command in commands_once(report):
        if command.kind is h248.Kind.ADD and any(
                media.proto == transport for one in locals_of(command) for media in one.media):
            yield message, command


def key_told(transport: str) -> Fact:
    """For each termination with this transport the media node gets the name of a key, and the key by then or later."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        names = [registry().wire_name(role).lower() for role in ("pre-shared-key-identity", "pre-shared-key")]
        adds = list(_adds(report, transport))
        told = [{name: message for message, _, command in commands_once(report) for one in command.descriptors
                 if isinstance(one, h248.Media) for stream in one.streams if stream.local_control is not None
                 for item in stream.local_control.properties if (name := item.name.lower()) in names}]
        if not adds:
            return None
        frames = tuple(frame for message, _ in adds for frame in message.frames)
        return set(names) <= set(told[0]), frames, "no key, or no name of one, is given over H.248"

    return Fact("Pre-Shared Key over H.248", check)


def key_mgmt_answered(wire: str) -> Fact:
    """An offer with TLS has a=key-mgmt, and its answer has TLS and another one."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        for one in exchanges(report, wire):
            if one.offer is None or one.answer is None or not is_protected(one.offer):
                continue
            said = one.offer.attribute("key-mgmt"), one.answer.attribute("key-mgmt")
            held = is_protected(one.answer) and bool(said[0]) and bool(said[1]) and said[0] != said[1]
            return held, one.frames, "a=key-mgmt is missing, or comes back as it was"
        return None

    return Fact(f"a=key-mgmt in offer and answer on {wire}", check)


def _leg(report: Report, peer: str) -> Leg | None:
    """The leg of a participant that has TLS."""
    return next((leg for leg in legs_of(report) if peer in (leg.tcp_client, leg.tcp_server) and leg.tls_client), None)


def tls_client_of(peer: str, client: str, *, opener: str = "") -> Fact:
    """On the connection with `peer`, `client` is TLS client, and `opener`, or else `client` too, opens TCP."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = _leg(report, peer)
        if leg is None:
            return None
        held = (leg.tcp_client, leg.tls_client) == (opener or client, client)
        return held, leg.frames[:_FIRST], f"{leg.tcp_client} opens TCP, {leg.tls_client} is TLS client"

    return Fact(f"TCP and TLS client on the leg of {peer}", check)


def keyed_by_psk(peer: str, inside: str = "MSRP") -> Fact:
    """TLS on the connection with `peer` is by pre-shared key, and no certificate was shown."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = _leg(report, peer)
        if leg is None:
            return None
        up = any(one.protocol == inside and one.protected for one in report.on(leg))
        held = up and bool(leg.psk_identity) and not leg.certificates
        return held, leg.frames[:_FIRST], f"suite {leg.cipher_suite}, {inside if up else f'no {inside}'} inside"

    return Fact(f"TLS-PSK on the leg of {peer}", check)


def msrp_protected(peer: str) -> Fact:
    """All MSRP to and from a node is inside TLS."""
    return _protected(peer, "MSRP")


def own_keys(*peers: str) -> Fact:
    """Over H.248 the media node gets another key for each of these nodes, and TLS names each on its connection."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        names, frames = _keys_told(report)
        if not frames:
            return (False, (1,), "no key is given over H.248") if report.packets else None
        legs = [_leg(report, peer) for peer in peers]
        said = [leg.psk_identity for leg in legs if leg is not None]
        used = tuple(frame for leg in legs if leg is not None for frame in leg.frames[:_FIRST])
        held = len(set(names.values())) == len(names) >= len(peers) == len(set(said)) and set(said) <= set(names)
        return held, (*frames, *used), f"{len(names)} keys are given, and TLS names {', '.join(said) or 'none'}"

    return Fact(f"a key of its own for {' and '.join(peers)}", check)


def _keys_told(report: Report) -> tuple[dict[str, str], Frames]:
    """Names of pre-shared keys that were given over H.248, with the keys' digits; and the frames."""
    name, key = (registry().wire_name(role).lower() for role in ("pre-shared-key-identity", "pre-shared-key"))
    found: dict[str, str] = {}
    frames: Frames = ()
    for message, _, command in commands_once(report):
        for one in command.descriptors:
            for stream in one.streams if isinstance(one, h248.Media) else ():
                told = {item.name.lower(): item.value for item in
                        (stream.local_control.properties if stream.local_control is not None else ())}
                if name in told and key in told:
                    found[bytes.fromhex(told[name]).decode(errors="replace")] = told[key].upper()
                    frames += message.frames
    return found, frames


def bfcp_protected(peer: str) -> Fact:
    """All BFCP to and from a node is inside TLS."""
    return _protected(peer, "BFCP")


def _protected(peer: str, protocol: str) -> Fact:

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = [one for one in report.messages if one.protocol == protocol
                 and peer in (one.source.node, one.destination.node)]
        clear = [one for one in found if not one.protected]
        if not found:
            return None
        return not clear, (clear or found)[0].frames, f"{len(clear)} messages in the clear"

    return Fact(f"{protocol} of {peer}", check)


def failure_ends_leg(side: Side, controller: str, *, layer: str = "tcp") -> Fact:
    """The media node reports TCP or TLS that failed, or a bearer that is lost; the controller ends that call.

    Args:
        side: where the calls are, and the media node.
        layer: `tcp` or `tls`, which was not established, or `bearer`, which was.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        wanted = "g/cause" if layer == "bearer" else registry().wire_name(f"{layer}-change").lower()
        told = next(((message, command.terminations) for message, _, command in commands_once(report)
                     if command.kind is h248.Kind.NOTIFY and message.source.node == side.gateway
                     and any(event.name.lower() == wanted for one in command.descriptors
                             if isinstance(one, h248.ObservedEvents) for event in one.events)), None)
        if told is None:
            return (False, (1,), "no connection is reported as failed") if report.packets else None
        bye = next((message for message, value in sip_messages(report, side.wire)
                    if isinstance(value, sip.Request) and value.method == "BYE" and message.source.node == controller
                    and message.frames > told[0].frames), None)
        gone = next((message for message, _, command in commands_once(report) if command.kind is h248.Kind.SUBTRACT
                     and command.terminations == told[1] and message.frames > told[0].frames), None)
        if bye is None or gone is None:
            return False, told[0].frames, f"no {'BYE' if bye is None else 'Subtract'} follows"
        return True, (*told[0].frames, *bye.frames, *gone.frames), ""

    return Fact(f"failure report of {side.gateway}, BYE of {controller}, Subtract", check)


def one_context() -> Fact:
    """All terminations are in one context."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found: dict[int, Frames] = {}
        for message, transaction in transactions(report):
            if isinstance(transaction, h248.Reply):
                for action in transaction.actions:
                    if any(one.kind is h248.Kind.ADD and one.error is None for one in action.commands):
                        found[action.context] = found.get(action.context, ()) + message.frames
        if not found:
            return None
        return len(found) == 1, tuple(frame for frames in found.values() for frame in frames), f"{len(found)} contexts"

    return Fact("the contexts of the conference", check)


def sent_on(sender: str, others: tuple[str, ...], *, by: str = "MRFP") -> Fact:
    """What a participant says is sent to all others, whole and as it was, and not back to the participant.

    Args:
        sender, others: names of UEs.
        by: the media node.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        said = _messages(report, sender, by)
        if not said:
            return None
        frames = tuple(frame for found in said.values() for frame in found[:_FIRST])
        if any(body in _messages(report, by, sender) for body in said):
            return False, frames, f"{sender} gets its own words back"
        for other in others:
            heard = _messages(report, by, other)
            lost = [body for body in said if body not in heard]
            if lost:
                return False, frames, f"{len(lost)} of {len(said)} messages of {sender} do not reach {other}"
            frames += tuple(frame for body in said for frame in heard[body][:_FIRST])
        return True, frames, ""

    return Fact(f"what {sender} says, at {' and '.join(others)}", check)


def _messages(report: Report, source: str, destination: str) -> dict[bytes, Frames]:
    """Bodies of the messages from one node to another, whole, and their frames."""
    parts: dict[str, list[tuple[bytes, Message]]] = {}
    for message in report.messages:
        value = message.value
        if (message.protocol == "MSRP" and isinstance(value, Request) and value.method == "SEND" and value.body
                and (message.source.node, message.destination.node) == (source, destination)):
            parts.setdefault(value.get("Message-ID") or "", []).append((value.body, message))
    return {b"".join(body for body, _ in found): tuple(frame for _, one in found for frame in one.frames)
            for found in parts.values()}


def called_out(wire: str, caller: str, answer: str) -> Fact:
    """Each offer that a node makes says a=setup:actpass, and its answer the given one."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = [one for one in exchanges(report, wire) if one.offered is not None and one.answer is not None
                 and one.offered.source.node == caller]
        for one in found:
            assert one.offer is not None and one.answer is not None
            said = one.offer.attribute("setup"), one.answer.attribute("setup")
            if said != ("actpass", answer):
                return False, one.frames, f"offered {said[0]}, answered {said[1]}"
        return (True, tuple(frame for one in found for frame in one.frames), "") if found else None

    return Fact(f"offers of {caller} say actpass, answers {answer}, on {wire}", check)


def configured_by_answer(wire: str, transport: str, setup: str) -> Fact:
    """A termination is added without Remote; behind the answer it gets the answerer's address and path, and its role.

    Args:
        wire: where offer and answer are.
        transport: m= proto.
        setup: a=setup in Local.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        added = next(((message, command) for message, command in _adds(report, transport)), None)
        answered = next((one for one in exchanges(report, wire) if one.offer is not None and one.answer is not None
                         and one.offer.proto == transport), None)
        if added is None or answered is None or answered.answered is None or answered.answer is None:
            return None
        if any(True for _ in remotes_of(added[1])):
            return False, added[0].frames, "Remote is there before anybody has answered"
        later = next(((message, command) for message, _, command in commands_once(report)
                      if command.kind is h248.Kind.MODIFY and message.frames > answered.answered.frames
                      and any(True for _ in remotes_of(command))), None)
        if later is None:
            return False, answered.frames, "no Modify with Remote follows the answer"
        theirs, ours = answered.answer, next((media for one in locals_of(later[1]) for media in one.media), None)
        told = next((media for one in remotes_of(later[1]) for media in one.media), None)
        if told is None or ours is None or ours.attribute("setup") != setup:
            return False, later[0].frames, f"Local does not say a=setup:{setup}"
        held = told.port == theirs.port and told.attribute("path") == theirs.attribute("path")
        return held, (*added[0].frames, *answered.frames, *later[0].frames), "Remote is not what the answer says"

    return Fact(f"Add without Remote, answer, Modify with it and a=setup:{setup}", check)


def kms_answers(asker: str, exchange: str) -> Fact:
    """A node asks the KMS over HTTP, and the KMS gives it what it asks for.

    Args:
        asker: name of the node.
        exchange: `REQUEST` (a ticket) or `RESOLVE` (the keys of one).
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        said = [one for one in report.messages if one.protocol == "HTTP"]
        asked = next((one for one in said if one.source.node == asker and f"{exchange}_INIT" in one.summary), None)
        if asked is None:
            return (False, (1,), f"{asker} asks no KMS") if report.packets else None
        answer = next((one for one in said if one.destination.node == asker and one.frames > asked.frames), None)
        held = answer is not None and f"{exchange}_RESP" in answer.summary
        return held, (*asked.frames, *(answer.frames if answer is not None else ())), (
            "the KMS does not answer" if answer is None else f"the KMS answers {answer.summary}")

    return Fact(f"{exchange}_INIT of {asker} and {exchange}_RESP over HTTP", check)


def refusal_lets_go(wire: str, controller: str) -> Fact:
    """A call of the controller is refused, and a Subtract follows before anybody else leaves."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        refused = next((message for message, value in sip_messages(report, wire) if isinstance(value, sip.Response)
                        and value.status >= 300 and value.method == "INVITE"
                        and message.destination.node == controller), None)
        if refused is None:
            return (False, (1,), f"no call of {controller} is refused") if report.packets else None
        left = next((message for message, value in sip_messages(report, wire) if isinstance(value, sip.Request)
                     and value.method == "BYE" and message.frames > refused.frames), None)
        gone = next((message for message, _, command in commands_once(report) if command.kind is h248.Kind.SUBTRACT
                     and message.frames > refused.frames and (left is None or message.frames < left.frames)), None)
        return gone is not None, (*refused.frames, *(gone.frames if gone else ())), "no Subtract follows"

    return Fact(f"an INVITE of {controller} is refused; Subtract", check)


def refused_without_a_reservation(wire: str, caller: str, status: int, transport: str) -> Fact:
    """A node's call is refused with this status, and no termination with this transport is added."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        answer = next(((message, value.status) for message, value in sip_messages(report, wire)
                       if isinstance(value, sip.Response) and value.status >= 200 and value.method == "INVITE"
                       and message.destination.node == caller), None)
        if answer is None:
            return (False, (1,), f"no call of {caller} is answered") if report.packets else None
        added = next(_adds(report, transport), None)
        if answer[1] != status:
            return False, answer[0].frames, f"it is answered {answer[1]}"
        return added is None, answer[0].frames, f"an Add with {transport} is there"

    return Fact(f"{status} to the INVITE of {caller}, and no Add with {transport}", check)


def resets_each(side: Side) -> Fact:
    """Each connection that somebody opens to the media node is reset by it, and none is taken."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = [half for half in halves(report, side) if half.comes_in]
        frames = tuple(frame for half in found for frame in half.frames)
        taken = next((half for half in found if half.answered or not any(
            one.kind == "RST" and one.sender == side.gateway for one in half.segments)), None)
        if not found:
            return (False, (1,), f"nobody opens a connection to {side.gateway}") if report.packets else None
        return taken is None, frames, f"the SYN of {taken.remote} is not reset" if taken is not None else ""

    return Fact(f"RST of {side.gateway} to each SYN on {side.wire}", check)


def last_words_reach(side: Side, sender: str, others: tuple[str, ...]) -> Fact:
    """What a participant says right before its FIN is sent on whole to all others.

    Right before: nothing of the media node for it comes in between, so the words are not answered when it ends.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        said = list(_messages(report, sender, side.gateway).items())
        fin = next((one for one in at(report, side) if one.kind == "FIN" and one.sender == sender), None)
        if not said or fin is None:
            return None
        words, frames = said[-1]
        between = [one for one in at(report, side) if frames[-1] < one.frame < fin.frame and one.receiver == sender]
        if between:
            return False, (*frames, fin.frame), f"{sender} is answered before its FIN"
        for other in others:
            heard = _messages(report, side.gateway, other)
            if words not in heard:
                return False, (*frames, fin.frame), f"{words!r} does not reach {other}"
            frames += heard[words][:_FIRST]
        return True, (*frames, fin.frame), ""

    return Fact(f"what {sender} says before its FIN, at {' and '.join(others)}", check)


def alert_ends_tcp(name: str, side: Side, peer: str) -> Fact:
    """The media node ends TLS with a peer by this fatal alert, and behind it both send FIN.

    Args:
        name: as of RFC 8446 §6.
        side: of the media node.
        peer: name of the node.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        alert = next((one for one in report.messages_of("TLS") if one.source.node == side.gateway
                      and one.destination.node == peer and one.summary.startswith("Alert fatal")), None)
        if alert is None:
            return (False, (1,), f"{side.gateway} sends {peer} no alert") if report.packets else None
        fins = {one.sender: one.frame for one in at(report, side) if one.kind == "FIN" and one.frame >= alert.frames[0]
                and peer in (one.sender, one.receiver)}
        frames = (*alert.frames, *fins.values())
        if name not in alert.summary:
            return False, frames, alert.summary
        return {peer, side.gateway} <= set(fins), frames, f"FIN of {', '.join(fins) or 'nobody'} alone"

    return Fact(f"{name} of {side.gateway} to {peer}, and FIN of both", check)


def name_unknown(peer: str) -> Fact:
    """TLS with a peer fails since its server does not know the name of the client's key (RFC 4279 §2: alert 115)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        alert = next((one for one in report.messages_of("TLS") if peer in (one.source.node, one.destination.node)
                      and one.summary.startswith("Alert fatal")), None)
        if alert is None:
            return None
        return "unknown_psk_identity" in alert.summary, alert.frames, f"{alert.source.node} sends {alert.summary}"

    return Fact(f"unknown_psk_identity on the connection of {peer}", check)
