"""The DTLS association of a fax in a re-offer: it goes on, or a new one takes its place.

    unchanged a=tls-id and fingerprint set, no other role       it goes on: nothing is ordered, whatever else changes
    another a=tls-id, fingerprint set or role of the UE         a new one, with an a=tls-id of ours and roles of this
                                                                exchange
    neither side has written a=tls-id                           another transport address means a new one, too

The UE alone can ask for a new one, by its offer or by its answer: the core leg has no DTLS.

Source: RFC 8842 §3.1, §4 and §5.5; RFC 7345 §4.5; R-6.2.10.4-13 and R-6.2.10.4-15 of the stage-2 digest.
"""

from __future__ import annotations

from workbench.nodes.ims_alg import dtls_roles
from workbench.nodes.ims_alg.calls import ACCESS, Anchor, Rejected, Said, Treatment
from workbench.nodes.ims_alg.edge import Edge
from workbench.nodes.ims_alg.roles import Row, Served, Situation
from workbench.protocols import sdp

_ROLES = (sdp.Setup.ACTIVE, sdp.Setup.PASSIVE)
_TLS_ID = "tls-id"
_CHARACTERS = 24


def new_tls_id(edge: Edge) -> str:
    """What names an association on our side; on Iq it has this name even where the UE is not told (RFC 8842 §4)."""
    return edge.source.token(_CHARACTERS)


def protects(anchor: Anchor, side: str) -> bool:
    """DTLS ends at the gateway on this leg."""
    return anchor.datagrams and anchor.treatment is Treatment.E2AE and side == ACCESS


def asks_for_another(anchor: Anchor, side: str, said: Said) -> bool:
    """Whether a description asks for another association than the one in place (RFC 8842 §3.1)."""
    end = anchor.ends[side]
    before = end.peer
    if not protects(anchor, side) or before is None:
        return False
    was, now = before.media, said.media
    if _identity(was) != _identity(now):
        return True
    role = sdp.written_setup(now)
    if role in _ROLES and end.point.setup in _ROLES and role is end.point.setup:
        return True
    silent = was.attribute(_TLS_ID) is None or not anchor.tells_tls_id
    return silent and before.address != said.address


def setup_in_place(anchor: Anchor, side: str, *, is_offer: bool) -> sdp.Setup | None:
    """a=setup towards a peer while the association goes on: in an offer `actpass`, in an answer the role in place.

    None on a leg without DTLS.
    """
    if not protects(anchor, side):
        return None
    role = anchor.ends[side].point.setup
    return sdp.Setup.ACTPASS if is_offer or role is None else sdp.Setup(role)


def anew(edge: Edge, anchor: Anchor, offer: Said, answer: Said, *, ue_offers: bool) -> Row:
    """An exchange makes a new association: its roles, and an a=tls-id of ours, which the UE reads if it writes its own.

    What we have offered ourselves stays our a=tls-id when the answerer asks for a new association by its own.

    Raises:
        Rejected: the answer says no role.
    """
    served = Served.OFFERER if ue_offers else Served.ANSWERER
    answered = sdp.written_setup(answer.media)
    row = dtls_roles.settled(Situation(sdp.written_setup(offer.media), served), answered, protected=True)
    if row is None:
        raise Rejected(502, f"the answer is not legal: a=setup:{answered} [RFC 8842 §5.3]")
    anchor.row = row
    told = (offer if ue_offers else answer).media.attribute(_TLS_ID) is not None
    if ue_offers or not told:
        anchor.tls_id, anchor.tells_tls_id = new_tls_id(edge), told
    return row


def _identity(media: sdp.Media) -> tuple[str | None, frozenset[tuple[str, bytes]]]:
    prints = frozenset((one.hash_name.lower(), one.value) for one in media.fingerprints)
    return media.attribute(_TLS_ID), prints
