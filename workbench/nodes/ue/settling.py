"""What an offer and its answer mean for a UE: which role it has, what it writes, and how the media session starts.

The first exchange of a call and every later one share these steps.

Source: RFC 3264 §6 and §8, RFC 3261 §14, RFC 4145 §4, RFC 6135 §4, RFC 6714 §4.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

import msgspec

from workbench.errors import IncompatiblePeerError, PeerError
from workbench.net.values import Command, Note
from workbench.nodes.audio_endpoint import AudioEndpoint, Sound
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.nodes.procedure import Await, Steps
from workbench.nodes.ue import connecting, releasing, ticketing
from workbench.nodes.ue.call import Bearer, Call
from workbench.nodes.ue.describing import Description, Peer, direction_answered, read_answer
from workbench.nodes.ue.phone import Phone
from workbench.nodes.ue.settings import Media, OpensToo, Secures
from workbench.protocols import sdp, sip
from workbench.protocols.msrp.cema import Model

_ROLES = (sdp.Setup.ACTIVE, sdp.Setup.PASSIVE)
MOST_GLARES = 8

Exchange = Generator[Command | Await, object, tuple[Description, sip.Response | None]]


# Roles

def role_of_offerer(phone: Phone, answered: Peer) -> sdp.Setup:
    """What we do, from the answer; absent, and holdconn with MSRP, count as passive (RFC 4145 §4, RFC 6135 §4.2)."""
    insists = phone.settings.insists
    if insists in _ROLES:
        return insists
    role = sdp.complement(sdp.setup_of_answer(answered.media))
    return role if role in _ROLES else sdp.Setup.PASSIVE


def role_of_answerer(phone: Phone, offered: Peer) -> sdp.Setup:
    """What we do, from the offer; absent, and holdconn with MSRP, count as active (RFC 4145 §4, RFC 6135 §4.2)."""
    insists = phone.settings.insists
    if insists in _ROLES:
        return insists
    said = sdp.setup_of_offer(offered.media)
    return phone.settings.answers if said is sdp.Setup.ACTPASS else sdp.complement(said)


def check_offer(phone: Phone, offered: Peer) -> sdp.Setup:
    """Our role if we take this offer.

    Raises:
        PeerError: it can't be taken; the text says why.
    """
    if offered.removed:
        raise IncompatiblePeerError("the stream is refused (port 0)", clause="RFC 3264 §6")
    if offered.protected and not phone.settings.media_security:
        raise IncompatiblePeerError("no media plane security here", clause="TS 24.229 §6.1")
    if offered.protected and not offered.media.fingerprints and phone.settings.keyed is None and (
            phone.settings.tickets is None):
        raise IncompatiblePeerError("TLS by a key that is not there", clause="RFC 4567 §4")
    cema = connecting.answers_cema(phone.settings, offered)
    role = role_of_answerer(phone, offered)
    check_floor(phone, offered, sdp.FloorControl.CLIENT)
    if offered.kind is Media.AUDIO and offered.audio is None:
        raise IncompatiblePeerError("no payload type that is known here", clause="RFC 3264 §6")
    if offered.fax is not None and offered.protected and role not in _ROLES:
        raise IncompatiblePeerError(f"a=setup:{role} of a fax", clause="RFC 7345 §4.1")
    if role is sdp.Setup.ACTIVE or offered.datagrams:
        connecting.destination(phone.settings, cema, offered)
    return role


def check_floor(phone: Phone, theirs: Peer, silent: sdp.FloorControl) -> None:
    """One side of a BFCP stream is the server, which names conference, user and floors.

    Args:
        silent: what a side that says no role is (RFC 8856 §5.1).

    Raises:
        IncompatiblePeerError: both or none of us would be the server, or the server does not say who we are.
    """
    told = theirs.floor
    if told is None or theirs.removed:
        return
    controls = told.control or (silent,)
    if phone.room is not None and sdp.FloorControl.CLIENT not in controls:
        raise IncompatiblePeerError("two floor control servers", clause="RFC 8856 §5.1")
    if phone.room is None and sdp.FloorControl.SERVER not in controls:
        raise IncompatiblePeerError("no floor control server", clause="RFC 8856 §5.1")
    if phone.room is None and (told.conference is None or told.user is None):
        raise IncompatiblePeerError("the floor control server says no a=confid or a=userid", clause="RFC 8856 §5.2")


# What we write

def offer(
    phone: Phone, call: Call, bearer: Bearer, setup: sdp.Setup, *,
    reuse: sdp.Reuse | None = None, hold: bool = False, beside: tuple[str, ...] = (),
) -> Description:
    """Our offer of a media session; `beside`: more m= lines than were there before."""
    return _versioned(call, Description(
        call.number, bearer.address, bearer.path, setup, _fingerprint(phone, bearer),
        e2ae="requested" if bearer.protected and bearer.keyed is None and (
            phone.settings.secures is Secures.E2AE) else "",
        cema=bearer.kind is Media.MSRP and phone.settings.msrp is Model.CEMA and call.cema,
        direction=sdp.Direction.SEND if hold else sdp.Direction.BOTH, connection=_reuse(bearer, reuse),
        floor=bearer.floor, fax=bearer.fax, tls_id=bearer.tls_id, audio=bearer.audio,
        bare=phone.settings.faults.describes == "bare", beside=(*call.beside, *beside), key_mgmt=_key_mgmt(bearer)))


def answer(
    phone: Phone, call: Call, bearer: Bearer, offered: Peer, setup: sdp.Setup, reuse: sdp.Reuse | None = None,
) -> Description:
    """Our answer to an offer."""
    wish = sdp.Direction.SEND if call.holding else sdp.Direction.BOTH
    cema = connecting.answers_cema(phone.settings, offered)
    return _versioned(call, Description(
        call.number, bearer.address, bearer.path, phone.settings.insists or setup, _fingerprint(phone, bearer),
        cema=cema, direction=direction_answered(offered.direction, wish), connection=_reuse(bearer, reuse),
        floor=_floor_answered(offered, bearer.floor), fax=_fax_answered(offered, bearer.fax),
        tls_id=bearer.tls_id if offered.media.attribute("tls-id") is not None else "",
        audio=() if offered.audio is None else (offered.audio,),
        bare=phone.settings.faults.describes == "bare", beside=offered.beside, key_mgmt=_key_mgmt(bearer)))


def _reuse(bearer: Bearer, reuse: sdp.Reuse | None) -> sdp.Reuse | None:
    """a=connection: BFCP says it always (RFC 8856 §7); MSRP where there is a reason; T.38 never (RFC 7345 §4.1)."""
    if bearer.datagrams:
        return None
    return sdp.Reuse.NEW if reuse is None and bearer.floor is not None else reuse


def _floor_answered(offered: Peer, floor: sdp.BfcpStream | None) -> sdp.BfcpStream | None:
    """Our BFCP stream as an answer: one role, that which the offer leaves us (RFC 8856 §5.1)."""
    theirs = offered.floor
    if theirs is None or floor is None:
        return None
    both = tuple(one for one in floor.versions if one in theirs.versions)
    return msgspec.structs.replace(floor, versions=both)


def _fax_answered(offered: Peer, fax: sdp.T38Stream | None) -> sdp.T38Stream | None:
    """Our T.38 stream as an answer: the most that both can do (T.38 annex D)."""
    return None if fax is None or offered.fax is None else offered.fax.answer(fax)


def _fingerprint(phone: Phone, bearer: Bearer) -> str | None:
    identity = bearer.identity or phone.settings.identity
    return identity.fingerprint().encode() if bearer.protected and bearer.keyed is None else None


def _key_mgmt(bearer: Bearer) -> tuple[str, ...]:
    return bearer.keyed.lines if bearer.keyed is not None else ()


def _versioned(call: Call, described: Description) -> Description:
    """With the version in o= that RFC 3264 §8 wants: one more than the last that counts, if anything is different."""
    if call.ours is None:
        return described
    same = msgspec.structs.replace(described, version=call.ours.version)
    return same if same == call.ours else msgspec.structs.replace(described, version=call.ours.version + 1)


# The exchange

def exchange(
    phone: Phone, call: Call, describe: Callable[[], Description], why: str, *, tries: int = MOST_GLARES
) -> Exchange:
    """A new offer inside the dialog, and the final response to it; None: nobody answered, or the call ended.

    After 491 (both sides offered at once) it is made again when the time that RFC 3261 §14.1 gives is over.
    """
    for left in range(tries - 1, -1, -1):
        ours = describe()
        if call.dialog is None:
            return ours, None
        call.dialog, invite = call.dialog.request("INVITE", contact=phone.contact, body=ours.encode())
        call.negotiating = "ours"
        response = yield from phone.ask(invite, why)
        call.negotiating = ""
        if response is None or call.dialog is None:
            return ours, None
        if response.status < 300:
            call.dialog = call.dialog.answered(response)
            yield from phone.acknowledge(call)
        if response.status != 491:
            break
        if left:
            yield from after_glare(phone, call)
    return ours, response


def after_glare(phone: Phone, call: Call) -> Steps:
    """Both sides have made an offer at once: the time until ours may be made again."""
    low, high = (210, 400) if call.caller else (0, 200)
    yield Note("both sides made a new offer at once; ours is made again [RFC 3261 §14.1]")
    yield from phone.until(lambda: call.released, phone.source.number(low, high) / 100)


def answered(phone: Phone, call: Call, bearer: Bearer, ours: Description, response: sip.Response) -> Steps:
    """The answer to our first offer: start, make another offer without msrp-cema, or end the call."""
    try:
        theirs = read_answer(response.body, ours, insists=phone.settings.insists is not None)
        if theirs.removed:
            raise IncompatiblePeerError("the stream is refused (port 0)", clause="RFC 3264 §6")
        role = role_of_offerer(phone, theirs)
        check_floor(phone, theirs, sdp.FloorControl.SERVER)
        falls_back = connecting.must_fall_back(phone.settings, ours, theirs, role)
        if bearer.datagrams or (role is sdp.Setup.ACTIVE and not falls_back):
            connecting.destination(phone.settings, ours.cema, theirs)
    except PeerError as error:
        yield Note(f"the answer can't be used: {error}")
        yield from releasing.release(phone, call)
        return
    without = yield from ticketing.answered(phone, bearer, theirs)
    if without:
        yield Note(without)
        yield from releasing.release(phone, call)
        return
    if falls_back:
        yield from _fall_back(phone, call, bearer, ours)
    else:
        yield from start(phone, call, bearer, ours, theirs, role)


def _fall_back(phone: Phone, call: Call, bearer: Bearer, ours: Description) -> Steps:
    """The answerer does not know CEMA, and somebody on the way has changed c=/m=: RFC 6714 §4.2."""
    yield Note("the answer has no msrp-cema, and c=/m= and a=path differ: a new offer without it [RFC 6714 §4.2]")
    call.cema, call.ours = False, ours
    ours, response = yield from exchange(
        phone, call, lambda: offer(phone, call, bearer, ours.setup), "RFC 6714 §4.2: a new offer without msrp-cema")
    if response is not None and response.status < 300:
        yield from answered(phone, call, bearer, ours, response)
        return
    yield Note(f"the new offer failed: {response.status if response else 'no answer'}")
    yield from releasing.release(phone, call)


def start(phone: Phone, call: Call, bearer: Bearer, ours: Description, theirs: Peer, role: sdp.Setup) -> Steps:
    """Offer and answer are known on both sides, and can be used."""
    call.failed = False
    call.role = role
    bearer.peer_path = theirs.path
    bearer.peer_floor = theirs.floor
    if isinstance(bearer.media, FaxEndpoint | AudioEndpoint):
        yield from _start_datagrams(phone, call, bearer.media, ours, theirs, role)
        return
    too = phone.settings.opens_too is not OpensToo.NO and bearer.protected and role is sdp.Setup.PASSIVE
    if role is sdp.Setup.ACTIVE or too:
        yield from phone.until(lambda: not _wanted(call, bearer), phone.settings.connects_after)
        if not _wanted(call, bearer):
            return
        # Where a=setup says who is TLS client, it says so whoever opens TCP besides (TR 29.828 Annex D).
        yield from bearer.media.connect(connecting.destination(phone.settings, ours.cema, theirs), passive=too)
    else:
        yield from bearer.media.listen()
    yield from settle(phone, call, ours, theirs)
    yield from bearer.media.agree(theirs.media.fingerprints, phone.now)
    yield from phone.media_news(call)


def _start_datagrams(
    phone: Phone, call: Call, media: FaxEndpoint | AudioEndpoint, ours: Description, theirs: Peer, role: sdp.Setup
) -> Steps:
    """Both ends are known: DTLS where it is asked for, and UDPTL or sound as the other end wants it."""
    if isinstance(media, AudioEndpoint):
        media.take_over(theirs.audio if theirs.audio is not None else ours.audio[0],
                        Sound.CNG if call.caller else Sound.CED)
    elif theirs.fax is not None and ours.fax is not None:
        media.take_over(theirs.fax, min(theirs.fax.version, ours.fax.version))
    yield from settle(phone, call, ours, theirs)
    where = connecting.destination(phone.settings, ours.cema, theirs)
    yield from media.meet(where, theirs.media.fingerprints, phone.now, begins=begins(phone, role))
    yield from phone.media_news(call)


def begins(phone: Phone, role: sdp.Setup) -> bool:
    """We are DTLS client: as a=setup says, unless we do the contrary on purpose."""
    return (role is sdp.Setup.ACTIVE) is not phone.settings.faults.other_role


def _wanted(call: Call, bearer: Bearer) -> bool:
    """The connection is still to be opened: the call has not ended, and no later offer has made another one."""
    return not call.released and bearer is call.bearer and bearer.media.alive


def settle(phone: Phone, call: Call, ours: Description, theirs: Peer) -> Steps:
    """Take over what an exchange says, on the connection that is there or about to be."""
    call.ours, call.peer = ours, theirs
    call.beside = theirs.beside
    before, call.direction = call.direction, direction_answered(theirs.direction, ours.direction)
    yield from call.bearer.media.pause(not call.direction.sends, phone.now)
    if call.direction is not before:
        yield Note(f"a={call.direction} from here on: {'' if call.direction.sends else 'no '}content is sent")
    yield from phone.tell()
