"""What the person at a UE does, one order after the other."""

from __future__ import annotations

from collections.abc import Generator

from workbench.errors import LocalProtocolError
from workbench.net.values import Command, Endpoint, Note, OpenStream, Stream
from workbench.nodes.audio_endpoint import AudioEndpoint
from workbench.nodes.datagram_endpoint import DatagramEndpoint
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.nodes.msrp_endpoint import MsrpEndpoint
from workbench.nodes.orders import (
    AnswerAnew,
    CloseMedia,
    ConnectAgain,
    DecideFloor,
    HangUp,
    Hello,
    Order,
    Register,
    ReleaseFloor,
    ReOffer,
    RequestFloor,
    SendFax,
    SendFile,
    SendText,
    SpeakClear,
    SwitchToFax,
    WatchFloor,
)
from workbench.nodes.orders import Call as CallOrder
from workbench.nodes.procedure import Await, Steps
from workbench.nodes.stream_endpoint import StreamEndpoint
from workbench.nodes.ue import calling, floors, registering, releasing, renegotiating, switching
from workbench.nodes.ue.call import Call
from workbench.nodes.ue.content import Content
from workbench.nodes.ue.phone import MEDIA, PATIENCE_SECONDS, Done, Phone, Wait, failed
from workbench.nodes.ue.settings import Media
from workbench.protocols.msrp.machine import Body
from workbench.protocols.t38 import recorded

_SLOWEST = 4096
"""Octets per second that a long message may take beyond that."""

def do(phone: Phone, order: Order) -> Done:
    """Carry out one order; why it did not come about, or nothing."""
    match order:
        case Register():
            yield from registering.register(phone)
            return "" if phone.registered else "not registered"
        case CallOrder(to=to):
            return (yield from _call(phone, to))
        case SendText(text=text, waits=waits):
            return (yield from _say(phone, text.encode(), "text/plain", repr(text), waits=waits))
        case SendFile(octets=octets, kind=kind, text=text):
            content = Content(octets, phone.source.octets(16), text=text)
            return (yield from _say(phone, content, kind, f"a file of {octets} octets"))
        case ReOffer():
            yield from _re_offer(phone, order)
        case AnswerAnew():
            return (yield from _answer_anew(phone, order))
        case CloseMedia() | SpeakClear():
            yield from _end_media(phone, order)
        case ConnectAgain():
            yield from _connect_again(phone)
        case HangUp(after_heard=count):
            yield from hang_up(phone, count)
        case Hello() | WatchFloor() | RequestFloor() | ReleaseFloor() | DecideFloor():
            return (yield from floors.do(phone, order))
        case SwitchToFax(heard=heard):
            return (yield from _switch(phone, heard))
        case SendFax():
            return (yield from _fax(phone, order))
    return ""


def _call(phone: Phone, to: str) -> Done:
    before = phone.call
    yield from calling.call(phone, to)
    call = phone.call
    return "" if call is not None and call is not before and call.settled else f"no call to {to}"


def _say(phone: Phone, body: Body, kind: str, what: str, *, waits: bool = True) -> Done:
    yield from phone.until(lambda: phone.call is not None, PATIENCE_SECONDS)
    call = phone.call
    if call is None:
        return (yield from failed(f"nobody to say {what} to: there is no call"))
    ready = yield from phone.until(
        lambda: (call.bearer.media.up and call.direction.sends) or call.over, PATIENCE_SECONDS)
    if call.over or not ready:
        why = "the session is over" if call.over else "on hold" if call.bearer.media.up else "no session came up"
        return (yield from failed(f"nobody to say {what} to: {why}"))
    limit = call.peer.max_octets if call.peer is not None else None
    if limit is not None and len(body) > limit:
        return (yield from failed(
            f"{what} is not sent: the other end takes {limit} octets at most [RFC 4975 §8.6]"))
    if not isinstance(call.bearer.media, MsrpEndpoint):
        return (yield from failed(f"{what} can't be said: the session is no MSRP"))
    message_id, commands = call.bearer.media.send(body, kind, phone.now)
    yield from commands
    yield from phone.media_news(call)
    if not waits:
        return ""
    patience = PATIENCE_SECONDS + len(body) / _SLOWEST
    if not (yield from phone.until(lambda: message_id in call.told or call.over, patience)):
        return (yield from failed(f"no report on {message_id} within {patience:.0f} s"))
    return "" if message_id in call.told - call.undelivered else f"{what} has not arrived"


def _fax(phone: Phone, order: SendFax) -> Done:
    def ready() -> bool:
        """Sound may still turn into fax."""
        call = phone.call
        return call is not None and (
            call.over or (call.bearer.media.up and not isinstance(call.bearer.media, AudioEndpoint)))

    yield from phone.until(ready, PATIENCE_SECONDS)
    call = phone.call
    media = None if call is None else call.bearer.media
    if call is None or not isinstance(media, FaxEndpoint) or not media.up:
        return (yield from failed("the fax is not sent: there is no session for it"))
    try:
        recording = recorded.load(order.fax)
        yield from media.play(recording, order.part or ("caller" if call.caller else "called"), phone.now)
    except LocalProtocolError as error:
        return (yield from failed(f"the fax is not sent: {error}"))
    if not order.waits:
        return ""
    yield from phone.until(lambda: media.said, recording.seconds + PATIENCE_SECONDS)
    return (yield from failed("the session has ended before the whole fax was sent")) if media.over else ""


def _in_place(phone: Phone) -> Wait:
    """Wait for a call whose first offer is answered. False: there is none within a person's patience."""
    yield from phone.until(
        lambda: phone.call is not None and (phone.call.settled or not phone.call.runs), PATIENCE_SECONDS)
    return phone.call is not None and phone.call.settled and not phone.call.released


def _re_offer(phone: Phone, order: ReOffer) -> Steps:
    call = yield from _negotiable(phone)
    if call is None:
        yield Note("no new offer is made: there is no call")
    else:
        yield from renegotiating.re_offer(phone, call, order)


def _switch(phone: Phone, heard: int) -> Done:
    call = yield from _negotiable(phone)
    if call is None or not isinstance(sound := call.bearer.media, AudioEndpoint):
        return (yield from failed("nothing turns into a fax: there is no call with sound"))


    def ready() -> bool:
        """Enough is heard; or there is nothing more to hear, since the other end was faster."""
        there = sound.heard >= heard and not call.negotiating
        return there or call.over or sound is not call.bearer.media

    yield from phone.until(ready, PATIENCE_SECONDS)
    if call.bearer.kind is Media.T38:
        return ""
    if call.over or sound.heard < heard or call.negotiating:
        return (yield from failed("nothing turns into a fax: no fax terminal is heard"))
    return (yield from switching.switch(phone, call, Media.T38))


def _negotiable(phone: Phone) -> Generator[Command | Await, object, Call | None]:
    """The call, once no offer in it waits for its answer; None: there is none within a person's patience."""
    ready = yield from _in_place(phone)
    call = phone.call
    if ready and call is not None:
        ready = yield from phone.until(lambda: not call.negotiating, PATIENCE_SECONDS)
    return None if not ready or call is None or call.released else call


def _answer_anew(phone: Phone, order: AnswerAnew) -> Done:
    yield from _in_place(phone)
    call = phone.call
    if call is None or not isinstance(call.bearer.media, FaxEndpoint) or not call.bearer.protected:
        return (yield from failed("no new association is asked for: there is no fax in DTLS"))
    call.anew = order
    return ""


def _end_media(phone: Phone, order: CloseMedia | SpeakClear) -> Steps:
    ready = yield from _in_place(phone)
    call = phone.call
    if ready and call is not None:
        ready = yield from phone.until(lambda: call.bearer.media.up or call.over, PATIENCE_SECONDS)
    if not ready or call is None or call.over:
        yield Note("no connection to close")
        return
    media = call.bearer.media
    match order:
        case SpeakClear(octets=octets) if isinstance(media, StreamEndpoint | DatagramEndpoint):
            yield from media.speak_clear(octets)
        case CloseMedia(how="cut" | "notify" | "alert" as how) if isinstance(media, StreamEndpoint):
            yield from media.break_off(how, phone.now)
        case CloseMedia(how="reset"):
            yield from media.reset(phone.now)
        case _:
            yield from media.close(phone.now, "the person closes the connection")
    yield from phone.media_news(call)


def _connect_again(phone: Phone) -> Steps:
    remote = phone.call.bearer.media.remote if phone.call is not None else None
    if remote is None:
        yield Note("no second connection is opened: there is no first one")
        return
    yield OpenStream(Stream(Endpoint(phone.settings.local.host, phone.free_port()), remote),
                     "a second connection to where the first one leads")


def hang_up(phone: Phone, after_heard: int = 0, call: Call | None = None) -> Steps:
    """Release a call (the last one unless another is named), once so many messages have been heard."""
    call = phone.call if call is None else call
    while call is not None and not call.over and call.heard < after_heard:
        yield Await((MEDIA,))
    if call is None or call.released:
        return
    if call.ringing:
        yield from phone.procedures.post(("ringing", call.ringing), 603, phone.now)
    elif call.dialog is not None:
        yield from releasing.release(phone, call)
