"""New offers inside a call, ours and the peer's: keep the connection, replace it, hold, or take the stream away.

Whether a connection goes on is decided by what identifies its ends: path, address, certificates. a=connection is
written for those who read RFC 4145 §5, and not read: RFC 6135 §4.3 gives it no meaning with MSRP, while 3GPP's examples
show it. Path and port are changed together or not at all here, so that both readings come to the same.

Source: RFC 3261 §14, RFC 3264 §8, RFC 4145 §5, RFC 6135 §4, RFC 4975 §5.4 and §8.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Command, Note
from workbench.nodes.orders import ReOffer
from workbench.nodes.procedure import Await, Steps
from workbench.nodes.ue import connecting, fax_associations, keyed, releasing, settling
from workbench.nodes.ue.call import Call
from workbench.nodes.ue.describing import Description, Peer, read_answer, read_offer
from workbench.nodes.ue.phone import MEDIA, Phone
from workbench.protocols import sdp, sip

_MOST_BEARERS = 8
_RETRY_AFTER = "5"
_STAYS = "the session stays as it was [RFC 3261 §14.1]"


# Our offer

def re_offer(phone: Phone, call: Call, order: ReOffer) -> Steps:
    """Make a new offer, and do what its answer says."""
    setup = yield from _prepared(phone, call, order)

    def describe() -> Description:
        return _offer(phone, call, setup, order.hold, order.connection, beside)

    beside = (f"m=audio {phone.free_port()} RTP/AVP 8",) if order.sound else ()
    kind = "new" if call.candidate is not None else "existing"
    yield from carry(phone, call, describe, f"re-INVITE, a=connection:{kind}", hold=order.hold)


def carry(
    phone: Phone, call: Call, describe: Callable[[], Description], why: str, *, hold: bool = False,
    tries: int = settling.MOST_GLARES,
) -> Generator[Command | Await, object, int]:
    """Send an offer that is prepared, and do what its answer says; one that is refused leaves all as it was.

    Returns:
        The status of the final response; 0: there was none.
    """
    ours, response = yield from settling.exchange(phone, call, describe, why, tries=tries)
    if call.released:
        yield from call.drop_candidate(phone.now)
    elif response is None or response.status in (408, 481):
        # RFC 3261 §12.2.1.2: the peer is gone, or does not know the dialog.
        yield Note(f"the new offer failed, and the call with it: {response.status if response else 'no answer'}")
        yield from releasing.release(phone, call)
    elif response.status >= 300:
        yield from call.drop_candidate(phone.now)
        yield Note(f"the new offer failed: {response.status}; {_STAYS}")
    else:
        yield from _answered(phone, call, ours, response.body, hold)
    return 0 if response is None else response.status


def _prepared(phone: Phone, call: Call, order: ReOffer) -> Generator[Command | Await, object, sdp.Setup]:
    """Our a=setup; a new media session is there if the offer needs one, and listens if it may be passive."""
    if call.peer is not None and fax_associations.goes_on(call, call.peer):
        call.candidate = fax_associations.prepared(phone, call, order)
    elif order.connection == "new" or order.certificate or order.tls_id or not call.bearer.media.alive:
        user = None if call.bearer.floor is None else call.bearer.floor.user
        call.candidate = yield from phone.new_bearer(
            call.bearer.protected, offers=True, user=user, kind=call.bearer.kind)
        if order.certificate:
            phone.renew_certificate(call.candidate)
        yield from phone.discovered(call.candidate)
    setup = phone.settings.insists or _setup_of_offer(phone, call, order)
    if call.candidate is not None and call.candidate.waits(setup):
        yield from call.candidate.listen()
    return setup


def _offer(
    phone: Phone, call: Call, setup: sdp.Setup, hold: bool, connection: str = "existing", beside: tuple[str, ...] = (),
) -> Description:
    goes_on = connection == "existing" and call.bearer.media.alive
    reuse = sdp.Reuse.EXISTING if goes_on or call.candidate is None else sdp.Reuse.NEW
    return settling.offer(
        phone, call, call.candidate or call.bearer, setup, reuse=reuse, hold=hold, beside=beside)


def _setup_of_offer(phone: Phone, call: Call, order: ReOffer) -> sdp.Setup:
    """As ordered; else the role in place, which a passive side offers as actpass (RFC 6135 §4.2.1: never passive)."""
    if order.setup is not None:
        return sdp.Setup(order.setup)
    if call.bearer.fax is not None and order.connection == "existing" and not order.certificate:
        return sdp.Setup.ACTPASS                                    # whoever is DTLS client: RFC 8842 §5.5
    if call.candidate is not None:
        return phone.settings.offers
    return sdp.Setup.ACTIVE if call.role is sdp.Setup.ACTIVE else sdp.Setup.ACTPASS


def _answered(phone: Phone, call: Call, ours: Description, body: bytes, hold: bool) -> Steps:
    try:
        theirs = read_answer(body, ours, insists=phone.settings.insists is not None)
        role = settling.role_of_offerer(phone, theirs)
        if (role is sdp.Setup.ACTIVE or theirs.datagrams) and not theirs.removed:
            connecting.destination(phone.settings, ours.cema, theirs)
    except PeerError as error:
        yield Note(f"the answer can't be used: {error}")
        yield from releasing.release(phone, call)
        return
    call.holding = hold
    if theirs.removed:
        yield from call.drop_candidate(phone.now)
        yield from _taken_away(phone, call)
    elif fax_associations.goes_on(call, theirs) and (call.candidate or call.bearer).media is call.bearer.media:
        yield from fax_associations.settled(phone, call, call.candidate or call.bearer, ours, theirs, role)
    elif call.candidate is None and _goes_on(call, theirs):
        yield from settling.settle(phone, call, ours, theirs)
    else:
        bearer = call.candidate or phone.again(call.bearer, opens=not call.bearer.waits(role))
        yield from call.replace(bearer, phone.now)
        yield from settling.start(phone, call, bearer, ours, theirs, role)


def _goes_on(call: Call, theirs: Peer) -> bool:
    """Whether the connection in place, or still to come, is one to the end that this describes."""
    return call.bearer.media.alive and call.peer is not None and theirs.same_end(call.peer)


# The peer's offer

def re_answer(phone: Phone, call: Call, key: str, invite: sip.Request) -> Steps:
    """Answer an INVITE inside the dialog. One that can't be taken leaves the session as it was (RFC 3261 §14.2)."""
    if call.negotiating == "ours":
        yield from phone.refuse(key, invite, 491, "our own offer is not answered yet [RFC 3261 §14.2]")
        return
    if call.negotiating or not call.settled or len(list(call.bearers())) >= _MOST_BEARERS:
        yield from phone.refuse(
            key, invite, 500, "an earlier offer is not answered yet [RFC 3261 §14.2]", [("Retry-After", _RETRY_AFTER)])
        return
    if not invite.body.strip():
        yield from _offer_instead(phone, call, key, invite)
        return
    try:
        offered = read_offer(invite.body, *phone.settings.kinds, beside=True)
        role = sdp.Setup.PASSIVE if offered.removed else settling.check_offer(phone, offered)
    except PeerError as error:
        yield from phone.refuse(key, invite, 488, f"the offer can't be used, and {_STAYS}: {error}")
        return
    if offered.removed:
        yield from _remove(phone, call, key, invite)
    elif fax_associations.goes_on(call, offered):
        yield from _fax(phone, call, key, invite, offered)
    elif _goes_on(call, offered):
        yield from _keep(phone, call, key, invite, offered)
    else:
        yield from _renew(phone, call, key, invite, offered, role)


def _offer_instead(phone: Phone, call: Call, key: str, invite: sip.Request) -> Steps:
    """An INVITE without an offer gets ours in the 2xx; its answer stands in the ACK (RFC 3261 §13.2.1, §14.2)."""
    call.negotiating = "theirs"
    setup = yield from _prepared(phone, call, ReOffer())
    if call.released:
        yield from phone.refuse(key, invite, 487, "the call was released [RFC 3261 §15.1.2]")
        return
    ours = _offer(phone, call, setup, call.holding)
    yield from _accept(phone, call, key, invite, ours.encode(), "the offer, since there was none")
    body = None
    while not isinstance(body, bytes):
        if call.released:  # by BYE, or because no ACK came
            return
        body = yield Await((("ack", key), MEDIA))
    call.negotiating = ""
    yield from _answered(phone, call, ours, body, call.holding)


def _keep(phone: Phone, call: Call, key: str, invite: sip.Request, offered: Peer) -> Steps:
    """Same ends: the connection goes on. Its role is answered where the offer allows that."""
    said = sdp.setup_of_offer(offered.media)
    setup = call.role if call.role in sdp.legal_answers(said) else sdp.complement(said)
    ours = settling.answer(phone, call, call.bearer, offered, setup, _reuse(offered, sdp.Reuse.EXISTING))
    yield from _accept(phone, call, key, invite, ours.encode(), "the connection goes on")
    yield from settling.settle(phone, call, ours, offered)


def _fax(phone: Phone, call: Call, key: str, invite: sip.Request, offered: Peer) -> Steps:
    """A fax goes on, over the association in place or a new one."""
    bearer, role = fax_associations.answering(phone, call, offered)
    yield from bearer.listen()
    ours = settling.answer(phone, call, bearer, offered, role)
    why = "the fax goes on" if bearer is call.bearer else "the fax goes on, a new association"
    yield from _accept(phone, call, key, invite, ours.encode(), why)
    yield from fax_associations.settled(phone, call, bearer, ours, offered, role)


def _renew(phone: Phone, call: Call, key: str, invite: sip.Request, offered: Peer, role: sdp.Setup) -> Steps:
    """Another end: a media session of our own for it, in the roles of this exchange."""
    call.negotiating = "theirs"
    user = None if call.bearer.floor is None else call.bearer.floor.user
    call.candidate = bearer = yield from phone.new_bearer(
        offered.protected, offers=False, user=user, kind=offered.kind)
    keyed.settle(bearer, offered)
    yield from phone.discovered(bearer)
    call.negotiating = ""
    if call.released:
        yield from phone.refuse(key, invite, 487, "the call was released [RFC 3261 §15.1.2]")
        return
    if bearer.waits(role):
        yield from bearer.media.listen()
    ours = settling.answer(phone, call, bearer, offered, role, _reuse(offered, sdp.Reuse.NEW))
    yield from _accept(phone, call, key, invite, ours.encode(), "a new connection")
    yield from call.replace(bearer, phone.now)
    yield from settling.start(phone, call, bearer, ours, offered, role)


def _remove(phone: Phone, call: Call, key: str, invite: sip.Request) -> Steps:
    """Port 0 is answered with port 0 (RFC 3264 §8.2). The call goes on without media until BYE or a new offer."""
    assert call.ours is not None
    call.ours = msgspec.structs.replace(call.ours, removed=True, version=call.ours.version + 1)
    yield from _accept(phone, call, key, invite, call.ours.encode(), "the stream is taken away [RFC 3264 §8.2]")
    yield from _taken_away(phone, call)


def _taken_away(phone: Phone, call: Call) -> Steps:
    yield Note("the stream is taken out of the session")
    call.failed = True
    yield from phone.close(call)


def _accept(phone: Phone, call: Call, key: str, invite: sip.Request, body: bytes, why: str) -> Steps:
    call.answered = key
    yield from phone.reply(
        key, sip.response(invite, 200, "OK", contact=phone.contact, body=body), f"answer to re-INVITE: {why}")


def _reuse(offered: Peer, ours: sdp.Reuse) -> sdp.Reuse | None:
    """a=connection, for a peer that has written it."""
    return None if offered.media.attribute("connection") is None else ours
