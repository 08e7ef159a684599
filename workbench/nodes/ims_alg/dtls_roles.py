"""Who begins DTLS on the access leg of a fax. The core leg is `udptl`, which has no roles.

    UE active                the gateway is DTLS server
    UE passive               the gateway is DTLS client, by an establish signal
    UE offers actpass        the gateway is server: behind a NAT the UE has to begin (R-6.2.10.4-11)

Source: TS 23.334 §6.2.10.4 (R-6.2.10.4-3, R-6.2.10.4-6); RFC 8842 §5.
"""

from __future__ import annotations

from workbench.nodes.ims_alg.roles import Row, Served, Situation
from workbench.protocols import sdp
from workbench.protocols.sdp import Setup

_NUMBER = 0  # no row of the matrix for TCP
_ROLES = (Setup.ACTIVE, Setup.PASSIVE)


def is_fax(media: sdp.Media) -> bool:
    """The stream is T.38 over UDPTL, in clear or in DTLS."""
    transport = sdp.transport_of(media.proto)
    return transport is not None and transport.application == "udptl"


def is_sound(media: sdp.Media) -> bool:
    """The stream is audio over RTP in clear: of it the gateway hears no more than that it is UDP."""
    transport = sdp.transport_of(media.proto)
    return media.media == "audio" and transport is not None and transport.application == "rtp" and (
        transport.carrier == "udp" and transport.security is None)


def is_datagrams(media: sdp.Media) -> bool:
    """The stream runs over UDP here: a fax, or sound that may turn into one."""
    return is_fax(media) or is_sound(media)


def forwarded(situation: Situation, *, protected: bool) -> Setup | None:
    """What the answerer gets to read as a=setup: a served UE `actpass`, the core nothing (R-6.2.10.4-2)."""
    return Setup.ACTPASS if protected and situation.served is Served.ANSWERER else None


def settled(situation: Situation, answered: Setup | None, *, protected: bool) -> Row | None:
    """What offer and answer lead to; None where the served UE's answer is no role."""
    if not protected:
        return Row(_NUMBER, None, None, None, None, None, None)
    if situation.served is Served.OFFERER:
        ours = Setup.ACTIVE if situation.offered is Setup.PASSIVE else Setup.PASSIVE
        return Row(_NUMBER, situation.offered, None, None, ours, ours, None)
    if answered not in _ROLES:
        return None
    return Row(_NUMBER, None, Setup.ACTPASS, answered, None, None, sdp.complement(answered))
