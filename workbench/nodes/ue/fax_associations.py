"""New offers inside a fax call: whether its DTLS association goes on, and one that takes its place.

The media session is the same throughout: the page goes on where it was, over the association that is up.

    a new a=tls-id of either side, another certificate, the other role       a new association
    neither side has written a=tls-id                                        another address or port means one, too
    all else                                                                 it goes on, from another address if need be

Source: RFC 8842 §3.1, §4 and §5; RFC 7345 §4.5.
"""

from __future__ import annotations

from workbench.net.values import Endpoint, Note
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.nodes.orders import AnswerAnew, ReOffer
from workbench.nodes.procedure import Steps
from workbench.nodes.ue import connecting, settling
from workbench.nodes.ue.call import Bearer, Call
from workbench.nodes.ue.describing import Description, Peer
from workbench.nodes.ue.phone import Phone
from workbench.protocols import sdp

_ROLES = (sdp.Setup.ACTIVE, sdp.Setup.PASSIVE)


def goes_on(call: Call, theirs: Peer) -> bool:
    """The fax session in place is what the other end describes, whatever becomes of its association."""
    media = call.bearer.media
    same = isinstance(media, FaxEndpoint) and media.met and media.alive and theirs.fax is not None
    return same and call.peer is not None and theirs.protected == call.bearer.protected


def prepared(phone: Phone, call: Call, order: ReOffer | AnswerAnew) -> Bearer | None:
    """What our description is to say anew; None: nothing."""
    anew = not isinstance(order, ReOffer) or order.connection == "new"
    if not anew and not order.port and not order.certificate:
        return None
    return _changed(phone, call.bearer, anew=anew, port=order.port, certificate=order.certificate)


def answering(phone: Phone, call: Call, offered: Peer) -> tuple[Bearer, sdp.Setup]:
    """What we answer a new offer of the fax with: the same again, or an a=tls-id of ours for a new association."""
    order, call.anew = call.anew, None
    said = sdp.setup_of_offer(offered.media)
    if order is None and not _asks(call, offered):
        return call.bearer, call.role if call.role in sdp.legal_answers(said) else sdp.complement(said)
    changed = prepared(phone, call, order or AnswerAnew())
    assert changed is not None  # an AnswerAnew always changes something
    return changed, settling.role_of_answerer(phone, offered)


def settled(phone: Phone, call: Call, bearer: Bearer, ours: Description, theirs: Peer, role: sdp.Setup) -> Steps:
    """An exchange is complete: the association goes on, perhaps between other addresses, or a new one begins."""
    media = bearer.media
    assert isinstance(media, FaxEndpoint)
    renews = _renews(call, ours, theirs, role)
    if theirs.fax is not None and ours.fax is not None and _other_terminal(call, ours, theirs):
        media.take_over(theirs.fax, min(theirs.fax.version, ours.fax.version))
    local, bearer.moved = bearer.local, None
    yield from call.replace(bearer, phone.now)
    yield from settling.settle(phone, call, ours, theirs)
    where = connecting.destination(phone.settings, ours.cema, theirs)
    if renews:
        call.role = role
        yield Note(f"a new association of the fax, {local} to {where} [RFC 8842 §3.1]")
        yield from media.renew(
            local, where, theirs.media.fingerprints, phone.now, begins=settling.begins(phone, role),
            secure=phone.dtls_of(bearer) if bearer.protected else None)
    else:
        yield from media.move(local, where)
    yield from phone.media_news(call)


def _changed(phone: Phone, former: Bearer, *, anew: bool, port: bool, certificate: bool) -> Bearer:
    """The bearer with other things in its description; the media session is the same."""
    bearer = Bearer(former.session_id, None, former.protected, fax=former.fax, tls_id=former.tls_id)
    bearer.media = former.media
    bearer.path, bearer.identity, bearer.presents = former.path, former.identity, former.presents
    if anew and former.tls_id:
        bearer.tls_id = phone.new_tls_id()
    if port:
        bearer.moved = Endpoint(former.media.local.host, phone.free_port())
    if certificate and former.protected:
        phone.renew_certificate(bearer)
    return bearer


def _asks(call: Call, offered: Peer) -> bool:
    """Whether an offer asks for a new association."""
    said = sdp.written_setup(offered.media)
    role = call.role if said not in _ROLES else sdp.complement(said)
    assert call.ours is not None
    return _renews(call, call.ours, offered, role)


def _renews(call: Call, ours: Description, theirs: Peer, role: sdp.Setup) -> bool:
    """Whether what both sides say makes a new association (RFC 8842 §3.1)."""
    before, was = call.ours, call.peer
    assert before is not None and was is not None  # asked for a call in place only
    elsewhere = (ours.address, theirs.host, theirs.port) != (before.address, was.host, was.port)
    if not theirs.protected:
        return elsewhere
    known = (before.fingerprint, set(was.media.fingerprints), call.role)
    if known != (ours.fingerprint, set(theirs.media.fingerprints), role):
        return True
    names = [(ours.tls_id, before.tls_id), (_tls_id(theirs), _tls_id(was))]
    silent = not all(one for pair in names for one in pair)
    return any(now != then for now, then in names) or (silent and elsewhere)


def _other_terminal(call: Call, ours: Description, theirs: Peer) -> bool:
    """T.38's attributes are others than before."""
    return call.ours is None or call.peer is None or (ours.fax, theirs.fax) != (call.ours.fax, call.peer.fax)


def _tls_id(peer: Peer) -> str:
    return peer.media.attribute("tls-id") or ""
