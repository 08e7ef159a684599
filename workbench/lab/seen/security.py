"""Expectations on TLS: fingerprints, certificates, roles, and that it ends in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.lab.expect import Fact, Frames, Seen
from workbench.lab.seen.reading import leg_of, reply_sdp, sdp_messages

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_TLS = ("TLS", "DTLS")


_CLEAR = ("MSRP", "BFCP", "unknown")


def gateway_fingerprint_travels(wire: str) -> Fact:
    """The fingerprint in an H.248 reply stands unchanged in the SDP that the IMS-ALG sends on `wire`."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        given = [
            (message, print_) for message, described in reply_sdp(report)
            for media in described.media if (print_ := media.attribute("fingerprint")) is not None
        ]
        told = [
            (message, print_) for message, described in sdp_messages(report, wire)
            for media in described.media
            if (print_ := media.attribute("fingerprint")) is not None and message.source.node == "IMS-ALG"
        ]
        if not given or not told:
            return None
        (reply, announced), (sdp, forwarded) = given[0], told[0]
        frames = (*reply.frames, *sdp.frames)
        same = announced.casefold().split() == forwarded.casefold().split()
        return same, frames, f"H.248 gave {announced}, SDP on {wire} says {forwarded}"

    return Fact("the gateway's fingerprint in H.248 and in SDP", check)


def tcp_client_is_tls_client(leg_name: str) -> Fact:
    """On this leg one node is both TCP client and TLS client (RFC 4975, RFC 8122 with a=setup)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = leg_of(report, leg_name)
        if leg is None or not leg.tcp_client or not leg.tls_client:
            return None
        return leg.tcp_client == leg.tls_client, leg.frames[:4], (
            f"{leg.tcp_client} opened TCP, {leg.tls_client} sent the ClientHello")

    return Fact(f"TCP and TLS client of the {leg_name} leg", check)


def certificates_match(leg_name: str) -> Fact:
    """Both ends of this leg presented a certificate that their SDP had announced (RFC 8122 §6)."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = leg_of(report, leg_name)
        if leg is None or not leg.certificates or any(c.matches is None for c in leg.certificates):
            return None
        wrong = [c for c in leg.certificates if not c.matches]
        frames = tuple(frame for c in (wrong or leg.certificates) for frame in c.frames)
        if wrong:
            return False, frames, f"{wrong[0].owner} announced {wrong[0].announced} and presented {wrong[0].seen}"
        return len(leg.certificates) == 2, frames, f"only {leg.certificates[0].owner} presented a certificate"

    return Fact(f"the certificates of the {leg_name} leg", check)


def every_connection_is_checked(wire: str) -> Fact:
    """Each TLS session on a wire has a handshake of its own: a ClientHello, and both ends' Certificate and Finished."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        begun = client_hello(wire).find(report)
        if len(begun) < 2:
            return None
        counts = {word: sum((m.protocol == "TLS" and m.wire == wire and m.summary.startswith(f"{word} "))
                            or (m.protocol == "TLS" and m.wire == wire and m.summary == word) for m in report.messages)
                  for word in ("Certificate", "Finished")}
        few = [word for word, count in counts.items() if count < 2 * len(begun)]
        return not few, tuple(frames[0] for frames in begun), (
            f"{len(begun)} handshakes, and {counts[few[0]]} times {few[0]}" if few else "")

    return Fact(f"the handshakes on {wire}", check)


def presented(leg_name: str, owner: str) -> Seen:
    """A certificate that an end of this leg presents."""

    def find(report: Report) -> list[Frames]:
        leg = leg_of(report, leg_name)
        return [] if leg is None else [one.frames for one in leg.certificates if one.owner == owner]

    return Seen(f"a certificate of {owner} on the {leg_name} leg", find)


def certificate_differs(leg_name: str, owner: str = "") -> Fact:
    """An end of this leg, or this one, presents a certificate that its SDP did not announce."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = leg_of(report, leg_name)
        if leg is None or not leg.certificates:
            return None
        wrong = [c for c in leg.certificates if c.matches is False and owner in ("", c.owner)]
        frames = tuple(frame for c in (wrong or leg.certificates) for frame in c.frames)
        return bool(wrong), frames, "every certificate is the one that was announced"

    return Fact(f"a certificate of the {leg_name} leg that was not announced", check)


def alert(name: str, wire: str, sender: str) -> Seen:
    """A fatal alert of a node on a wire, in TLS or DTLS."""
    return Seen(f"{sender}'s fatal {name} on {wire}", lambda report: [
        message.frames for message in report.messages if message.protocol in _TLS and message.wire == wire
        and message.source.node == sender and message.summary.startswith(f"Alert fatal {name}")])


def fatal_alert(wire: str, *senders: str) -> Seen:
    """Any fatal alert on a wire; with `senders` only theirs."""
    who = " or ".join(senders) or "anybody"
    return Seen(f"a fatal alert of {who} on {wire}", lambda report: [
        message.frames for message in report.messages if message.protocol in _TLS and message.wire == wire
        and message.summary.startswith("Alert fatal") and (not senders or message.source.node in senders)])


def close_notify(wire: str, sender: str) -> Seen:
    """A node's close_notify on a wire."""
    return Seen(f"{sender}'s close_notify on {wire}", lambda report: [
        message.frames for message in report.messages if message.protocol in _TLS and message.wire == wire
        and message.source.node == sender and "close_notify" in message.summary])


def client_hello(wire: str) -> Seen:
    """A ClientHello on a wire, of TLS or DTLS."""
    return Seen(f"a ClientHello on {wire}", lambda report: [
        message.frames for message in report.messages if message.protocol in _TLS and message.wire == wire
        and message.summary.startswith("ClientHello")])


def no_tls(wire: str, sender: str) -> Seen:
    """What a node sends to a gateway over TCP and is neither TLS nor H.248: in the clear, or nonsense."""
    return Seen(f"no TLS of {sender} on {wire}", lambda report: [
        message.frames for message in report.messages if message.wire == wire and message.source.node == sender
        and "AGW" in message.destination.node and not message.protected and (
            message.protocol in _CLEAR or (message.protocol == "TLS" and message.error != ""))])


def clear_payload(wire: str, sender: str) -> Seen:
    """Payload of a node in the clear on a wire."""
    return Seen(f"payload of {sender} in the clear on {wire}", lambda report: [
        message.frames for message in report.messages if message.wire == wire and message.source.node == sender
        and not message.protected and message.protocol in _CLEAR])


def finished(wire: str) -> Seen:
    """A peer's Finished on a wire: with it the handshake is complete for the gateway."""
    return Seen(f"the peer's Finished on {wire}", lambda report: [
        message.frames for message in report.messages if message.protocol in _TLS and message.wire == wire
        and "AGW" not in message.source.node and message.summary.startswith("Finished")])


def checked_before_core(leg_name: str) -> Fact:
    """No payload of the UE is on the core leg before both sides of the access handshake have finished."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        access = leg_of(report, leg_name)
        if access is None:
            return None
        finished = [m for m in report.messages
                    if m.protocol in _TLS and m.wire == access.wire and m.summary.startswith("Finished")
                    and not m.repeated]
        core = [m for m in report.messages if m.protocol in ("MSRP", "BFCP", "UDPTL") and m.source.node == "IMS-AGW"
                and not m.protected and m.wire != access.wire]
        if len(finished) < 2:
            if core:
                return False, core[0].frames, "payload on the core leg although the access handshake never finished"
            return None
        if not core:
            return None
        frames = (*finished[1].frames, *core[0].frames)
        return finished[1].frames[-1] < core[0].frames[0], frames, "payload on the core leg before the handshake ended"

    return Fact("the access handshake and what follows on the core leg", check)


def tls_ends_before_tcp(leg_name: str) -> Fact:
    """On this leg each side sends close_notify before its FIN, and nobody resets the connection."""

    def check(report: Report) -> tuple[bool, Frames, str] | None:
        leg = leg_of(report, leg_name)
        if leg is None or not leg.tls_client:
            return None
        of_leg = [m for m in report.messages if m.wire == leg.wire and set(m.frames) & set(leg.frames)]
        reset = next((m for m in of_leg if m.protocol == "TCP" and m.summary.startswith("RST")), None)
        if reset is not None:
            return False, reset.frames, f"{reset.source.node} reset the connection"
        fins = [m for m in of_leg if m.protocol == "TCP" and m.summary.startswith("FIN") and not m.repeated]
        if not fins:
            return None
        frames: list[int] = []
        for fin in fins:
            # A fatal alert of either side ends TLS for both (RFC 8446 §6.2).
            notify = next((m for m in of_leg if m.protocol == "TLS" and m.frames[0] <= fin.frames[0] and (
                "Alert fatal" in m.summary or ("close_notify" in m.summary and m.source == fin.source))), None)
            if notify is None:
                return False, fin.frames, f"{fin.source.node} sent FIN without close_notify: its end could be a cut"
            frames += (notify.frames[0], fin.frames[0])
        return True, tuple(frames), ""

    return Fact(f"the release of the {leg_name} leg", check)
