"""What a person does with floors: greet the server, watch, ask, give back, and as chair decide.

Source: RFC 8855 §10 to §12; who holds a floor is the server's to say.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from workbench.net.values import Command
from workbench.nodes.bfcp_endpoint import FloorClient
from workbench.nodes.orders import DecideFloor, Hello, ReleaseFloor, RequestFloor, WatchFloor
from workbench.nodes.procedure import Await
from workbench.nodes.ue.call import Call
from workbench.nodes.ue.phone import PATIENCE_SECONDS, Done, Phone, failed
from workbench.protocols.bfcp.messages import Request
from workbench.protocols.bfcp.registry import Status

Found = Generator[Command | Await, object, Request | None]
FloorOrder = Hello | WatchFloor | RequestFloor | ReleaseFloor | DecideFloor
_DECISIONS = {
    "grant": ((Status.PENDING, Status.ACCEPTED), Status.GRANTED),
    "deny": ((Status.PENDING, Status.ACCEPTED), Status.DENIED),
    "revoke": ((Status.GRANTED,), Status.REVOKED),
}


def do(phone: Phone, order: FloorOrder) -> Done:
    """Carry out an order about floors; why it did not come about, or nothing."""
    what = type(order).__name__
    yield from phone.until(lambda: _ready(phone.call) or (phone.call is not None and phone.call.over), PATIENCE_SECONDS)
    call = phone.call
    if call is None or not _ready(call):
        return (yield from failed(f"{what}: there is no floor control server to say it to"))
    media = call.bearer.media
    assert isinstance(media, FloorClient)
    floor = _floor_of(call, order)
    match order:
        case Hello():
            return (yield from _asked(phone, call, media, media.hello(phone.now)))
        case WatchFloor():
            return (yield from _asked(phone, call, media, media.watch((floor,), phone.now)))
        case RequestFloor(info=info, once_held=once_held):
            if once_held and (yield from _found(phone, call, lambda: media.told(floor, Status.GRANTED))) is None:
                return (yield from failed(f"{what}: nobody holds floor {floor}"))
            return (yield from _asked(phone, call, media, media.request(floor, info, phone.now)))
        case ReleaseFloor(withdraw=withdraw, once_wanted=once_wanted):
            if once_wanted and (yield from _found(phone, call, lambda: media.told(floor, Status.ACCEPTED))) is None:
                return (yield from failed(f"{what}: nobody waits for floor {floor}"))
            statuses = (Status.PENDING, Status.ACCEPTED, Status.GRANTED) if withdraw else (Status.GRANTED,)
            request = yield from _found(phone, call, lambda: media.held(floor, *statuses))
            if request is None:
                return (yield from failed(f"{what}: floor {floor} is not ours"))
            return (yield from _asked(phone, call, media, media.release(request.request, phone.now)))
        case DecideFloor(decision=decision):
            waiting, becomes = _DECISIONS[decision]
            request = yield from _found(phone, call, lambda: media.asked(floor, becomes, *waiting))
            if request is None:
                return (yield from failed(f"{what}: nobody asks for floor {floor}"))
            return (yield from _asked(phone, call, media, media.decide(request.request, floor, becomes, phone.now)))


def _ready(call: Call | None) -> bool:
    media = None if call is None else call.bearer.media
    return isinstance(media, FloorClient) and media.ready


def _floor_of(call: Call, order: FloorOrder) -> int:
    """The floor that is meant: the one that the server's SDP names first, unless the order says another."""
    wanted = None if isinstance(order, Hello) else order.floor
    named = call.bearer.peer_floor.floors if call.bearer.peer_floor is not None else ()
    return wanted if wanted is not None else named[0].floor if named else 0


def _found(phone: Phone, call: Call, find: Callable[[], Request | None]) -> Found:
    yield from phone.until(lambda: find() is not None or call.over, PATIENCE_SECONDS)
    return find()


def _asked(phone: Phone, call: Call, media: FloorClient, sent: tuple[int, list[Command]]) -> Done:
    """Wait for the answer; why there is none, or what the server has against it."""
    transaction, commands = sent
    yield from commands
    yield from phone.media_news(call)
    yield from phone.until(lambda: media.answer(transaction) is not None or call.over, PATIENCE_SECONDS)
    answer = media.answer(transaction)
    return "no answer of the floor control server" if answer is None else answer
