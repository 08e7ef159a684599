"""What is made of an offer and of an answer before anything is ordered: usable or not, which treatment, which NAT.

Source: TS 24.229 §6.7.2, decision table R-24.229-4; TS 23.334 §5.16.2.3, §6.2.10A; RFC 3264 §6.
"""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.nodes.ims_alg import dtls_roles, msrp_paths, roles
from workbench.nodes.ims_alg.calls import Leg, Registration, Rejected, Said, Treatment, canonical
from workbench.nodes.ims_alg.roles import Joined, Row, Served, Situation
from workbench.nodes.ims_alg.settings import EndToEnd, Settings
from workbench.protocols import sdp

_MECHANISMS = {"msrp": "msrp-tls", "bfcp": "bfcp-tls", "udptl": "udptl-dtls"}
_MOST_STREAMS = 16
MECHANISMS = tuple(_MECHANISMS.values())
"""Media plane security that this edge offers (TS 24.229 §7.2A.7)."""


def said(body: bytes, *, beside: bool = False) -> Said:
    """A description with one stream of TCP, of T.38 over UDP, or of RTP in clear. Raises Rejected (488).

    Args:
        beside: behind it others may stand, as in a new offer and in answers to one: they are refused with port 0.
    """
    try:
        described = sdp.decode(body)
    except PeerError as error:
        raise Rejected(488, f"SDP: {error}") from error
    if not 1 <= len(described.media) <= (_MOST_STREAMS if beside else 1):
        raise Rejected(488, "one stream is what can be handled here")
    written = described.media[0]
    transport = sdp.transport_of(written.proto)
    tcp = transport is not None and transport.carrier == "tcp" and transport.security in (None, "tls")
    if not tcp and not dtls_roles.is_datagrams(written):
        raise Rejected(488, f"{written.proto} can't be handled here")
    connection = described.connection_of(written)
    if connection is None or written.port is None or not 0 <= written.port < 65_536:
        raise Rejected(488, "SDP without an address")
    media = described.effective(written)
    if sdp.is_msrp(media) and not media.rejected:
        msrp_paths.path_of(media.attribute("path") or "")
    return Said(described, written, media)


def secured(media: sdp.Media) -> bool:
    """TLS, as the m= line says."""
    transport = sdp.transport_of(media.proto)
    return transport is not None and transport.security is not None


# Treatments

def from_ue(media: sdp.Media, registration: Registration | None) -> Treatment:
    """Rows 1, 3, 4 and 5 of the decision table: what a UE's offer gets. Never a silent downgrade."""
    if media.attribute("3ge2ae") == sdp.E2ae.REQUESTED and secured(media):
        if not _agreed(media, registration):
            raise Rejected(488, "e2ae was requested without agreement at registration")
        if not media.fingerprints:
            raise Rejected(488, "e2ae was requested without a fingerprint")
        return Treatment.E2AE
    return _end_to_end(media) if secured(media) else Treatment.PLAIN


def from_core(media: sdp.Media, registration: Registration | None) -> Treatment:
    """Rows 2, 3 and 5: what an offer from the core gets."""
    if secured(media):
        return _end_to_end(media)
    return Treatment.E2AE if _agreed(media, registration) else Treatment.PLAIN


def end_to_end(
    settings: Settings, media: sdp.Media, registration: Registration | None, served: Served,
) -> Treatment:
    """What an operator makes of a stream with end-to-end TLS; see `settings.EndToEnd`."""
    if settings.end_to_end is EndToEnd.B2BUA:
        return Treatment.B2BUA
    if settings.end_to_end is EndToEnd.E2AE and served is Served.OFFERER and _agreed(media, registration):
        return Treatment.E2AE
    return Treatment.E2E


def check_border(settings: Settings, media: sdp.Media) -> None:
    """MSRP inside TLS that ends elsewhere: without CEMA its paths would not fit, and nobody here can change them (X9).

    Raises:
        Rejected: 488, at a border.
    """
    if settings.border and sdp.is_msrp(media) and media.attribute("msrp-cema") is None:
        raise Rejected(488, "end-to-end TLS of MSRP without a=msrp-cema can't pass a border", warns=True)


def _end_to_end(media: sdp.Media) -> Treatment:
    if dtls_roles.is_fax(media):
        raise Rejected(488, "T.38 over DTLS from end to end is not handled here")
    return Treatment.E2E


def _agreed(media: sdp.Media, registration: Registration | None) -> bool:
    """At registration UE and network have said that they can do e2ae for this kind of media (R-33.328-2)."""
    transport = sdp.transport_of(media.proto)
    mechanism = _MECHANISMS.get((transport.application or "") if transport is not None else "")
    return registration is not None and mechanism is not None and mechanism in registration.mechanisms


# NAT

def behind_nat(registration: Registration | None, ue: Leg, offer: Said | None) -> bool:
    """The served UE's packets come from another address than its Contact or its own SDP names."""
    registered = registration is not None and registration.behind_nat
    return registered or (offer is not None and not reachable(ue, offer))


def reachable(ue: Leg, said_by_ue: Said) -> bool:
    """The UE's SDP names the address that its packets come from: nothing translates it, or it has asked (STUN)."""
    return canonical(said_by_ue.address.host) == ue.target[0]


# Offers and answers

def check_offer(situation: Situation, offer: Said, ue: Leg, *, guarded: bool) -> None:
    """Refuse what can't work: end-to-end TLS whose served UE, behind a NAT, would have to be reached (§6.1)."""
    check_role(offer)
    served_offers = situation.served is Served.OFFERER
    waits = sdp.Setup.PASSIVE if served_offers else sdp.Setup.ACTIVE
    if not guarded or not situation.behind_nat or situation.opens_too:
        return
    if (situation.offered or sdp.Setup.ACTIVE) is not waits:
        return
    if not served_offers or not reachable(ue, offer):
        raise unreachable()


def check_role(offer: Said) -> None:
    """DTLS of a fax is never put off: holdconn is no offer (RFC 7345 §4.1). Raises Rejected."""
    if dtls_roles.is_fax(offer.media) and secured(offer.media) and setup_of(offer.media) is sdp.Setup.HOLDCONN:
        raise Rejected(488, "a=setup:holdconn of a fax [RFC 7345 §4.1]")


def unreachable() -> Rejected:
    """The refusal of an end-to-end TLS stream that would have to be opened towards a UE behind a NAT."""
    return Rejected(
        488, "end-to-end TLS towards a UE behind a NAT that would be TCP-passive is not supported", warns=True)


def check_answer(forwarded: sdp.Media, answer: Said, treatment: Treatment) -> None:
    """Media and transport as offered (F11), with e2ae a usable fingerprint (F10). Raises Rejected.

    a=setup is looked at in `row_of`; the rest is the application's and goes through.
    """
    ends_here = treatment in (Treatment.E2AE, Treatment.B2BUA)
    rules = _ALWAYS | (_PROTECTED if ends_here else frozenset())
    violations = [one for one in sdp.check_answer(forwarded, answer.media) if one.rule in rules]
    if violations:
        raise Rejected(502, f"the answer is not legal: {violations[0].what} [{violations[0].clause}]")
    unprovable = not answer.media.rejected and not answer.media.fingerprints
    if ends_here and secured(forwarded) and unprovable:
        raise Rejected(502, "no fingerprint in the answer to an offer with TLS")


_ALWAYS = frozenset({"same-media", "same-transport", "rejected-stays-rejected"})
_PROTECTED = frozenset({"fingerprint-present", "fingerprint-form", "fingerprint-strength"})


def row_of(situation: Situation, offer: Said, answer: Said, ue: Leg, *, guarded: bool) -> Row:
    """The row of the role matrix that offer and answer lead to.

    An answerer that waits although its offer forbade it is reached directly where it can be (R-5.16.2.3-12).

    Raises:
        Rejected: 488, the answer is none, or the connection could not be made.
    """
    answered = setup_of(answer.media)
    if dtls_roles.is_datagrams(offer.media):
        fax = dtls_roles.settled(situation, answered, protected=secured(offer.media) or secured(answer.media))
        if fax is None:
            raise Rejected(502, f"the answer is not legal: a=setup:{answered} [RFC 8842 §5.3]")
        return fax
    served_answers = situation.served is Served.ANSWERER
    open_to_us = reachable(ue, answer if served_answers else offer)
    row = roles.settled(situation, answered)
    if row is None and situation.changes and served_answers and open_to_us:
        row = roles.unchanged(situation, answered)
    if row is None and situation.changes and served_answers:
        raise Rejected(488, f"the UE behind a NAT answers a=setup:{answered or 'nothing'}: nobody can open", warns=True)
    if row is None:
        raise Rejected(502, f"the answer is not legal: a=setup:{answered} [RFC 4145 §4.1]")
    waits = row.joined is not Joined.NOT and roles.served_waits(situation, row)
    if guarded and situation.behind_nat and waits and not open_to_us:
        raise unreachable()
    return row


def setup_of(media: sdp.Media) -> sdp.Setup | None:
    """a=setup as it is written; None where it is absent, unknown, or holdconn with MSRP (RFC 6135 §4.2)."""
    return sdp.written_setup(media)
