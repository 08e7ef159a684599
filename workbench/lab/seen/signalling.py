"""Expectations on SIP and its SDP: registration, offers and answers, what stands in them and what must not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.reading import described_by, exchanges, method_of, sdp_messages, sip_messages
from workbench.protocols.sip import Request, Response

if TYPE_CHECKING:
    from workbench.analysis.report import Report

SECURITY_ATTRIBUTES = ("3ge2ae", "fingerprint", "tls-id", "crypto", "key-mgmt")


def registration(wire: str, header: str, mechanism: str) -> Seen:
    """A REGISTER, or an answer to one, on `wire` whose `header` offers a media plane security `mechanism`."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames
            for message, value in sip_messages(report, wire)
            if (method_of(value) == "REGISTER" and any(
                mechanism in listed and "mediasec" in listed for listed in value.headers.all(header)))
        ]

    return Seen(f"{header} with {mechanism};mediasec on {wire}", find)


def offer(wire: str, *, transport: str = "", attribute: str = "", value: str | None = None) -> Seen:
    """An INVITE on `wire` whose first m= line has this transport, and this attribute (with this value)."""
    return Seen(f"an offer on {wire}" + _wanted(transport, attribute, value), _described(
        wire, lambda sip: isinstance(sip, Request) and sip.method == "INVITE", transport, attribute, value))


def answer(wire: str, *, transport: str = "", attribute: str = "", value: str | None = None) -> Seen:
    """A 200 to an INVITE on `wire` whose first m= line has this transport, and this attribute (with this value)."""
    return Seen(f"an answer on {wire}" + _wanted(transport, attribute, value), _described(
        wire, lambda sip: isinstance(sip, Response) and sip.status == 200 and method_of(sip) == "INVITE",
        transport, attribute, value))


def security_in_sdp(wire: str) -> Seen:
    """Any SDP on `wire` that has a security attribute or a TLS transport."""

    def find(report: Report) -> list[Frames]:
        return [
            message.frames for message, described in sdp_messages(report, wire)
            for media in described.media
            if "TLS" in media.proto or any(media.attribute(name) is not None for name in SECURITY_ATTRIBUTES)
        ]

    return Seen(f"a security attribute in SDP on {wire}", find)


def _wanted(transport: str, attribute: str, value: str | None) -> str:
    words = ([f"transport {transport}"] if transport else []) + (
        [f"a={attribute}" + (f":{value}" if value is not None else "")] if attribute else [])
    return " with " + " and ".join(words) if words else ""


def _described(
    wire: str, is_it: Callable[[Request | Response], bool], transport: str, attribute: str, value: str | None,
) -> Callable[[Report], list[Frames]]:
    def find(report: Report) -> list[Frames]:
        found: list[Frames] = []
        for message, sip in sip_messages(report, wire):
            if not is_it(sip) or not sip.body:
                continue
            described = described_by(sip)
            if described is None or not described.media:
                continue
            media = described.media[0]
            if transport and media.proto != transport:
                continue
            if attribute and media.attribute(attribute) is None:
                continue
            if value is not None and media.attribute(attribute) != value:
                continue
            found.append(message.frames)
        return found

    return find


def attribute(wire: str, name: str, *, offer: str | None, answer: str | None, exchange: int = 1) -> Fact:
    """An attribute of the m= line in an offer and in its answer on one wire; None: it is not there.

    Args:
        exchange: which offer of the call, counted from 1.
    """

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = exchanges(report, wire)
        if len(found) < exchange or found[exchange - 1].offer is None or found[exchange - 1].answer is None:
            return None
        one = found[exchange - 1]
        told = [media.attribute(name) if media is not None else None for media in (one.offer, one.answer)]
        return told == [offer, answer], one.frames, (
            f"on {wire} a={name} is {_shown(told[0])} in the offer and {_shown(told[1])} in the answer")

    which = "" if exchange == 1 else f" of exchange {exchange}"
    return Fact(f"a={name} on {wire}{which}: {_shown(offer)} in the offer, {_shown(answer)} in the answer", check)


def setup(wire: str, role: Literal["offer", "answer"], value: str, *, exchange: int = 1) -> Fact:
    """`a=setup` of the m= line in an offer or in an answer on one wire (RFC 4145 §4)."""
    return says(wire, role, "setup", value, exchange=exchange)


def says(
    wire: str, role: Literal["offer", "answer"], name: str, value: str | None, *, exchange: int = 1,
) -> Fact:
    """An attribute of the m= line in an offer or in an answer on one wire; None: it is not there."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = exchanges(report, wire)
        if len(found) < exchange:
            return None
        one = found[exchange - 1]
        media, message = (one.offer, one.offered) if role == "offer" else (one.answer, one.answered)
        if media is None or message is None:
            return None
        told = media.attribute(name)
        return told == value, message.frames, f"a={name} of the {role} on {wire} is {_shown(told)}"

    which = "" if exchange == 1 else f" of exchange {exchange}"
    return Fact(f"a={name} in the {role}{which} on {wire}: {_shown(value)}", check)


def unchanged(wire_from: str, wire_to: str, name: str, *, exchange: int = 1) -> Fact:
    """An attribute of the m= line has the same value (or is absent) on both wires, in the offer and in the answer."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        ends = [exchanges(report, wire) for wire in (wire_from, wire_to)]
        if any(len(found) < exchange for found in ends):
            return None
        near, far = (found[exchange - 1] for found in ends)
        if near.offer is None or near.answer is None or far.offer is None or far.answer is None:
            return None
        told = [(here.attribute(name), there.attribute(name))
                for here, there in ((near.offer, far.offer), (near.answer, far.answer))]
        return all(here == there for here, there in told), (*near.frames, *far.frames), "; ".join(
            f"a={name} is {_shown(here)} on {wire_from} and {_shown(there)} on {wire_to}" for here, there in told)

    which = "" if exchange == 1 else f" of exchange {exchange}"
    return Fact(f"a={name}{which} on {wire_from} and on {wire_to}", check)


def reoffer(wire: str, *, name: str = "", value: str | None = None) -> Seen:
    """A later offer of a call on a wire (re-INVITE), with this attribute in its m= line if one is named."""

    def find(report: Report) -> list[Frames]:
        return [one.offered.frames for one in exchanges(report, wire)[1:] if one.offered is not None and (
            not name or (one.offer is not None and one.offer.attribute(name) == value))]

    return Seen(f"a new offer on {wire}" + (f" with a={name}:{value}" if name else ""), find)


def another(wire: str, role: Literal["offer", "answer"], name: str) -> Fact:
    """An attribute of the m= line has another value in the second exchange of a call than in the first."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        found = exchanges(report, wire)[:2]
        told = [one.offer if role == "offer" else one.answer for one in found]
        values = [media.attribute(name) for media in told if media is not None]
        if len(values) < 2 or None in values:
            return None
        return values[0] != values[1], found[1].frames, f"a={name} of the {role} on {wire} stays {values[0]}"

    return Fact(f"a={name} in the first and in the second {role} on {wire}", check)


def refused_beside(wire: str, media: str) -> Fact:
    """A new offer has a second m= line of that kind, and its answer refuses it with port 0 (RFC 3264 §6)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        for one in exchanges(report, wire)[1:]:
            told = [described_by(message.value) for message in (one.offered, one.answered) if message is not None]
            lines = [each.media[1:2] for each in told if each is not None]
            if len(lines) == 2 and lines[0] and lines[0][0].media == media:
                refused = bool(lines[1]) and lines[1][0].rejected
                return refused, one.frames, f"m={media} is taken, or not answered, on {wire}"
        return None

    return Fact(f"the answer on {wire} to a second m= line, m={media}", check)


def sip_request(method: str, wire: str) -> Seen:
    """A SIP request with this method on a wire."""
    return Seen(f"{method} on {wire}", lambda report: [
        message.frames for message, value in sip_messages(report, wire)
        if isinstance(value, Request) and value.method == method])


def sip_response(status: int, method: str, wire: str) -> Seen:
    """A SIP response with this status to a request of this method on a wire."""
    return Seen(f"{status} to {method} on {wire}", lambda report: [
        message.frames for message, value in sip_messages(report, wire)
        if isinstance(value, Response) and value.status == status and method_of(value) == method])


def bare_tls(wire: str, sender: str) -> Seen:
    """A node's description of a TLS or DTLS transport without a=fingerprint, on either level (RFC 8122 §5)."""
    return Seen(f"TLS without a=fingerprint in SDP of {sender} on {wire}", lambda report: [
        message.frames for message, described in sdp_messages(report, wire) if message.source.node == sender
        for media in described.media if "TLS" in media.proto and not described.effective(media).fingerprints])


def _shown(value: str | None) -> str:
    return "absent" if value is None else value or "there"
