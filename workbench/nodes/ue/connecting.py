"""Where a UE connects to, and whether offer and answer go together: the tables of `protocols.msrp.cema` on its SDP."""

from __future__ import annotations

import ipaddress

from workbench.errors import IncompatiblePeerError
from workbench.net.values import Endpoint
from workbench.nodes.ue.describing import DISCARD, Description, Peer
from workbench.nodes.ue.settings import Settings
from workbench.protocols import sdp
from workbench.protocols.msrp import cema


def answers_cema(settings: Settings, offered: Peer) -> bool:
    """Whether our answer has msrp-cema (RFC 6714 §4.3).

    Raises:
        IncompatiblePeerError: row A1: somebody on the way has changed c=/m=, and the offerer does not know what that
            needs. Only an endpoint that does CEMA looks.
    """
    if settings.msrp is not cema.Model.CEMA or not sdp.is_msrp(offered.media):
        return False
    said = sdp.setup_of_offer(offered.media)
    rule = cema.on_offer(cema.Offer(
        cema=offered.cema, equal=_equal(offered), peer_active=said is sdp.Setup.ACTIVE,
        peer_relay=len(offered.uris) > 1, may_be_passive=sdp.Setup.PASSIVE in sdp.legal_answers(said)))
    if rule.action is cema.AnswererAction.REJECT:
        raise IncompatiblePeerError("c=/m= and a=path differ, and a=msrp-cema is not there", clause="RFC 6714 §4.3")
    return rule.action is cema.AnswererAction.USE_CEMA


def must_fall_back(settings: Settings, ours: Description, answered: Peer, role: sdp.Setup) -> bool:
    """Whether our offer with msrp-cema needs another one without (rows O4 to O6 of RFC 6714 §4.2)."""
    if not (settings.falls_back and ours.cema) or ours.floor is not None:
        return False
    rule = cema.on_answer(cema.Answer(
        cema=answered.cema, equal=_equal(answered), active=role is sdp.Setup.ACTIVE,
        peer_relay=len(answered.uris) > 1))
    return rule.action is cema.OffererAction.FALL_BACK


def destination(settings: Settings, ours_cema: bool, peer: Peer) -> Endpoint:
    """Where to connect to. `ours_cema`: our own SDP of this exchange has msrp-cema; without it CEMA is plain MSRP.

    Raises:
        IncompatiblePeerError: what the peer wrote there is no IP address and port.
    """
    found = _by_path(settings, ours_cema, peer) if sdp.is_msrp(peer.media) else _place(peer)
    if found is None or found.port == DISCARD:
        raise IncompatiblePeerError("there is no port to connect to", clause="RFC 4975 §6")
    try:
        return Endpoint(str(ipaddress.ip_address(found.host)), found.port)
    except ValueError:
        raise IncompatiblePeerError(f"{found.host} is no IP address to connect to", clause="RFC 4975 §6") from None


def _by_path(settings: Settings, ours_cema: bool, peer: Peer) -> cema.Destination | None:
    model = cema.Model.PLAIN if settings.msrp is cema.Model.CEMA and not ours_cema else settings.msrp
    return cema.destination(model, peer.uris, _place(peer), peer_cema=peer.cema)


def _place(peer: Peer) -> cema.Place:
    return cema.Place(peer.host, peer.port)


def _equal(peer: Peer) -> bool:
    """Whether c=/m= name the place of the path; port 9 names none, so then the hosts count (RFC 6135 §4.2.1)."""
    port = peer.uris[0].port if peer.port == DISCARD else peer.port
    return cema.same_place(cema.Place(peer.host, port or DISCARD), peer.uris)
