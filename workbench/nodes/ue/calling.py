"""Calling and being called: INVITE, ringing, answer, and the release.

Source: RFC 3261 §13, §15, RFC 3264 §5 and §6, TS 24.229 §5.1.3 and §6.1.
"""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.net.values import Note
from workbench.nodes.procedure import Await, Steps
from workbench.nodes.ue import keyed, settling, ticketing
from workbench.nodes.ue.call import Call
from workbench.nodes.ue.describing import Peer, read_offer
from workbench.nodes.ue.phone import Phone, Wait
from workbench.nodes.ue.settings import Media, Secures
from workbench.protocols import sdp, sip

_OFFER = "TS 24.229 §6.1: SDP offer"
_ANSWER = "TS 24.229 §6.1: SDP answer"


def call(phone: Phone, to: str) -> Steps:
    """Invite `to`, and settle what it answers."""
    settings = phone.settings
    user = None if settings.conference is None else settings.conference.people.get(to)
    stranger = settings.conference is not None and user is None
    if phone.busy or stranger or not phone.registered:
        why = "one call at a time" if phone.busy else "not of the conference" if stranger else "not registered"
        yield Note(f"{to} is not called: {why}")
        return
    secure = settings.media_security and settings.media is not Media.AUDIO
    bearer = yield from phone.new_bearer(secure, offers=True, user=user)
    call = Call(bearer, phone.source.number(10**8, 10**9), caller=True)
    yield from phone.begin(call)
    yield from phone.discovered(bearer)
    without = yield from ticketing.offer(phone, bearer, to)
    if without:
        call.failed = True
        yield Note(f"{to} is not called: {without}")
        yield from phone.close(call)
        return
    setup = settings.insists or settings.offers
    ours = settling.offer(phone, call, bearer, setup)
    if bearer.waits(setup):
        yield from bearer.media.listen()
    invite = sip.invite(
        to, caller=settings.uri, contact=phone.contact, token=phone.source.token, body=ours.encode())
    asked = "plain" if not secure else "e2ae requested" if settings.secures is Secures.E2AE else "end-to-end TLS"
    response = yield from phone.ask(invite, f"{_OFFER}, {asked}")
    if response is None or response.status >= 300:
        call.failed = True
        yield Note(f"the call failed: {response.status if response else 'no answer'}")
        yield from phone.close(call)
        return
    call.dialog = sip.Dialog.of_caller(invite, response)
    yield from phone.acknowledge(call)
    yield from settling.answered(phone, call, bearer, ours, response)


def answer(phone: Phone, key: str, invite: sip.Request) -> Steps:
    """Take a call, or say why not."""
    tag = phone.source.token(10)
    if phone.busy:
        yield from phone.reply(key, sip.response(invite, 486, "Busy Here", tag), "one call at a time")
        return
    required = invite.headers.all("Require")
    if required:
        refusal = sip.response(
            invite, 420, "Bad Extension", tag, extra=[("Unsupported", option) for option in required])
        yield from phone.reply(key, refusal, "an extension is required that is not there [RFC 3261 §8.2.2.3]")
        return
    try:
        offered = read_offer(invite.body, phone.settings.media)
        role = settling.check_offer(phone, offered)
    except PeerError as error:
        yield from phone.reply(
            key, sip.response(invite, 488, "Not Acceptable Here", tag), f"the offer can't be used: {error}")
        return
    yield from _take(phone, key, invite, tag, offered, role)


def _take(phone: Phone, key: str, invite: sip.Request, tag: str, offered: Peer, role: sdp.Setup) -> Steps:
    settings = phone.settings
    user = phone.user_of(invite)
    if phone.room is not None and user is None:
        yield from phone.reply(key, sip.response(invite, 403, "Forbidden", tag), "not of the conference")
        return
    protected = offered.protected and settings.faults.describes != "clear"
    bearer = yield from phone.new_bearer(protected, offers=False, user=user)
    keyed.settle(bearer, offered)
    without = yield from ticketing.answer(phone, bearer, offered)
    if without:
        yield Note(without)
        yield from phone.refuse(key, invite, 488, without)
        return
    call = Call(bearer, phone.source.number(10**8, 10**9), caller=False)
    yield from phone.begin(call)
    if not (yield from _ring(phone, call, key, invite, tag)):
        return
    yield from phone.discovered(bearer)
    ours = settling.answer(phone, call, bearer, offered, role)
    if bearer.waits(role):
        yield from bearer.media.listen()
    accepted = sip.response(invite, 200, "OK", tag, contact=phone.contact, body=ours.encode())
    call.dialog = sip.Dialog.of_callee(invite, accepted)
    call.answered = key
    yield from phone.reply(key, accepted, _ANSWER)
    yield from settling.start(phone, call, bearer, ours, offered, role)


def _ring(phone: Phone, call: Call, key: str, invite: sip.Request, tag: str) -> Wait:
    """180, and wait for the person. False: the caller gave up, or the person declined."""
    yield from phone.reply(key, sip.response(invite, 180, "Ringing", tag, contact=phone.contact), "ringing")
    if not phone.settings.rings:
        return True
    call.ringing = key
    status = yield Await((("ringing", key),), phone.settings.rings)
    call.ringing = ""
    if not isinstance(status, int):
        return True
    call.failed = True
    yield from phone.reply(
        key, sip.response(invite, status, sip.REASONS[status], tag), "the call is not taken")
    yield from phone.close(call)
    return False


def cancelled(phone: Phone, key: str, cancel: sip.Request) -> Steps:
    """CANCEL ends a call that still rings; one that was answered goes on (RFC 3261 §9.2)."""
    invite = phone.sip.matching_invite(cancel)
    if invite is None:
        yield from phone.refuse(key, cancel, 481, "nothing to cancel")
        return
    yield from phone.reply(
        key, sip.response(cancel, 200, "OK", phone.source.token(10)), "CANCEL is answered [RFC 3261 §9.2]")
    yield from phone.procedures.post(("ringing", invite), 487, phone.now)
