"""How somebody comes into a conference and leaves it: SIP on one side, orders to the MRFP on the other.

Source: TS 23.333 §6.2.20.1 (MSRP dial-in), R-6.2.20.1-1 to -4; RFC 3261 §13, §15.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Command, Note
from workbench.nodes.controller.elements import ConnectionPoint
from workbench.nodes.controller.engine import Engine
from workbench.nodes.controller.indications import Where
from workbench.nodes.controller.readings import Refused, Reserved, Unanswered
from workbench.nodes.floor_control import Configuration, Decided, Decision
from workbench.nodes.mrfc import describing
from workbench.nodes.mrfc.conferences import Conference, Conferences, Participant
from workbench.nodes.mrfc.describing import Rejected, Said
from workbench.nodes.mrfc.keying import Agreed, KeyManagement, Without
from workbench.nodes.mrfc.settings import KeysAt, Settings, StartsTcp
from workbench.nodes.mrfc.signalling import Signalling
from workbench.nodes.procedure import Await, Procedures, Steps
from workbench.protocols import sdp, sip
from workbench.protocols.h248 import message as h248
from workbench.security.source import Source

CLAUSE = "[TS 23.333 §6.2.20.1]"
INTERFACE, REALM = "media", "media.example.net"
LOST = "lost"
"""What wakes who waits for the answer to a call out: the MRFP has lost its termination."""
_ROOM_TOPIC = "room"

Wait = Generator[Command | Await, Any, None]


class Joining:
    """What the procedures of an MRFC share."""

    def __init__(
        self, settings: Settings, conferences: Conferences, signalling: Signalling, engine: Engine,
        procedures: Procedures, source: Source, keys: KeyManagement, *, named: bool,
    ) -> None:
        self.settings = settings
        self.conferences = conferences
        self.sip = signalling
        self.engine = engine
        self._procedures = procedures
        self._source = source
        self.keys = keys
        self._named = named

    # Coming

    def invited(self, key: str, invite: sip.Request, source: sip.Address) -> Steps:
        """INVITE: reserve at the MRFP, which opens TCP, and answer."""
        tag = self._source.token(10)
        room, who = self.conferences.called(invite.uri), Participant(key, source)
        try:
            if room is None:
                raise Rejected(404, f"no conference {invite.uri}")
            offer = self._acceptable(room, invite)
            who.floor = self._floor(room, invite) if offer.asks_floors else None
            room.participants.append(who)
            yield from self._join(room, who, key, invite, tag, offer)
        except Rejected as rejected:
            response = sip.response(invite, rejected.status, sip.REASONS[rejected.status], tag,
                                    extra=self.sip.warn(rejected.why))
            yield from self.sip.reply(key, response, f"the call can't go on: {rejected.why}")
            if room is not None and who in room.participants:
                yield from self.release(room, who)

    def _acceptable(self, room: Conference, invite: sip.Request) -> Said:
        offer = describing.read_offer(invite.body, self.settings.answers)
        if not self.engine.in_service:
            raise Rejected(503, "the MRFP has not registered")
        if len(room.participants) >= self.settings.participants:
            raise Rejected(486, f"{self.settings.participants} take part already")
        return offer

    def _floor(self, room: Conference, invite: sip.Request) -> sdp.BfcpStream:
        """Who the caller is to the floor control server. Raises Rejected: nobody it knows, or there are no floors."""
        floors = self.settings.floors.get(room.uri)
        if floors is None:
            raise Rejected(488, "this conference has no floors")
        caller = sip.uri_key(sip.address_uri(invite.headers.get("From") or ""))
        user = next((number for uri, number in floors.people.items() if sip.uri_key(uri) == caller), None)
        if user is None:
            raise Rejected(403, "the caller is nobody whom this conference knows")
        return sdp.BfcpStream((sdp.FloorControl.SERVER,), floors.number, user, (sdp.FloorStreams(floors.floor),))

    def _join(
        self, room: Conference, who: Participant, key: str, invite: sip.Request, tag: str, offer: Said
    ) -> Wait:
        agreed = yield from self._agreed(room, who, offer)
        path = "" if who.floor is not None else describing.path_of(
            self.settings.host, self._source.token(16), protected=agreed is not None)
        point = self._with_floors(room, who, self.point(offer, self.settings.role, path, who.floor, agreed))
        late = agreed is not None and self.settings.keys_at is not KeysAt.RESERVED
        given = yield from self.reserve(
            room, who, without_key(point) if late else point, f"Reserve and Configure IMS Resources {CLAUSE}")
        if who.withdrawn:
            raise Rejected(487, "the caller gave up")
        if who.lost:
            raise Rejected(503, "the MRFP reports that the connection failed")
        says = describing.of_messages(path) if who.floor is None else describing.of_floors(who.floor)
        body = describing.answer(self._source.number(10**8, 10**9), given.local, self.settings.answers, offer, says,
                                 agreed.says if agreed is not None else "")
        accepted = sip.response(invite, 200, "OK", tag, contact=self.sip.contact, body=body)
        who.dialog = sip.Dialog.of_callee(invite, accepted)
        yield from self.sip.reply(key, accepted, f"SDP answer: a=setup:{self.settings.answers} {CLAUSE}")
        acknowledged = yield Await((("ack", key),))
        if not acknowledged:
            yield from self.over(room, who, "no ACK came [RFC 3261 §13.3.1.4]")
        elif self.settings.role is sdp.Setup.ACTIVE and self.settings.starts_tcp is StartsTcp.ANSWERED and not who.over:
            yield from self.order(self.engine.start_tcp(given, point, why="TCP is started after the answer"))
        if late and self.settings.keys_at is KeysAt.ANSWERED and acknowledged and not who.over:
            known = msgspec.structs.replace(point, local=given.local, establish_tcp=False, establish_tls=False)
            yield from self.order(self.engine.configure(
                given, known, why="the key of TLS comes late [TS 23.333 §6.2.19]"))

    def _agreed(
        self, room: Conference, who: Participant, offer: Said
    ) -> Generator[Command | Await, Any, Agreed | None]:
        """The key for TLS, from the offer's a=key-mgmt; None: no TLS.

        Raises:
            Rejected: it is not valid (P10), or the caller has given up meanwhile.
        """
        if not offer.key_mgmt:
            return None
        agreed = yield from self.keys.respond(room.uri, offer.key_mgmt, offer.protocols)
        if who.withdrawn:
            raise Rejected(487, "the caller gave up")
        if isinstance(agreed, Without):
            raise Rejected(agreed.status, agreed.why)
        return agreed

    def waiting_point(self, proto: str, path: str, name: bytes) -> ConnectionPoint:
        """A termination for somebody who is called: where the UE is and who opens TCP comes with its answer.

        The UE may be faster than the answer, so TLS is told the name of its key, and waits for the key.
        """
        return ConnectionPoint(
            INTERFACE if self._named else "", REALM, "message", proto, setup=sdp.Setup.ACTPASS,
            version=self.sip.local.version, watch_tcp=self.settings.reports,
            watch_bearer=self.settings.reports,
            watch_tls=bool(name) and self.settings.reports, path=path, psk_name=name)

    def point(
        self, said: Said, role: sdp.Setup, path: str, floor: sdp.BfcpStream | None, agreed: Agreed | None
    ) -> ConnectionPoint:
        """A termination whose peer has said where it is; `role` is the MRFP's."""
        starts = role is sdp.Setup.ACTIVE and self.settings.starts_tcp is StartsTcp.RESERVED
        return ConnectionPoint(
            INTERFACE if self._named else "", REALM, said.media.media, said.proto, setup=role,
            version=said.address.version, remote=said.address, remote_setup=sdp.complement(role),
            mode=h248.Mode.SEND_RECEIVE, establish_tcp=starts, watch_tcp=self.settings.reports,
            watch_bearer=self.settings.reports,
            path=path, remote_path=said.path, floor=floor,
            # With MSRP the TCP client is TLS client (RFC 4975 §14.4), with BFCP the offerer (RFC 8856 §8).
            establish_tls=agreed is not None and (
                role is sdp.Setup.ACTIVE if floor is None else self.settings.begins_tls),
            watch_tls=agreed is not None and self.settings.reports,
            pre_shared_key=agreed.key if agreed is not None else None)

    def _with_floors(self, room: Conference, who: Participant, point: ConnectionPoint) -> ConnectionPoint:
        """Configure Conference For Floor Control, and Designate Floor Chair where this is the chair (§8.45, §8.46).

        Each termination is told, so that it is no matter whose connection comes up first. In binary it can't be said:
        the items have no numbers.
        """
        told = self.settings.floors.get(room.uri)
        if who.floor is None or told is None or not self.settings.tells_floors or not self._named:
            return point
        floors = who.floor.floors
        chairs = told.people.get(told.chair) == who.floor.user
        return msgspec.structs.replace(
            point, floor_control=Configuration(told.number, floors, holders=told.holders), watch_floors=True,
            chairs=tuple(one.floor for one in floors) if chairs else ())

    def decided(self, at: Where, stream: int | None, decided: Decided) -> Steps:
        """Report Floor Request Decision. No media depend on a floor here, so they follow as they are."""
        yield Note(f"floor request {decided.request} of user {decided.user} is {decided.decision}")
        if decided.decision is Decision.GRANTED and self.settings.confirms:
            yield from self.order(self.engine.confirm_media_update(
                at.context, at.termination, decided.request, stream or 1))

    def reserve(
        self, room: Conference, who: Participant, point: ConnectionPoint, why: str
    ) -> Generator[Command | Await, Any, Reserved]:
        """Reserve IMS Resources, in the context of the conference; the first one makes it. Raises Rejected."""
        while room.reserving:
            yield Await(((_ROOM_TOPIC, room.uri),))
        room.reserving = room.context is None
        context = h248.CHOOSE if room.context is None else room.context
        try:
            given = yield from self.engine.reserve(context, point, why=why)
        except PeerError as error:
            raise Rejected(500, str(error)) from error
        finally:
            room.reserving = False
        if not isinstance(given, Reserved):
            yield from self._procedures.post((_ROOM_TOPIC, room.uri), None, self.sip.now)
            raise not_done(given)
        room.context, who.reserved = given.context, given
        yield from self._procedures.post((_ROOM_TOPIC, room.uri), None, self.sip.now)
        return given

    # Going

    def left(self, room: Conference, who: Participant, key: str, bye: sip.Request) -> Steps:
        """BYE: answer it, and release the termination."""
        yield from self.sip.reply(key, sip.response(bye, 200, "OK"), "somebody leaves the conference")
        if not who.over:
            who.over = True
            yield from self.release(room, who)

    def over(self, room: Conference, who: Participant, why: str) -> Steps:
        """End the call of a participant, or refuse it if it is not answered yet."""
        if who.over:
            return
        if who.dialog is None:
            who.lost = True
            yield from self._procedures.post(("sip", who.key), LOST, self.sip.now)
            return
        who.over = True
        yield from self.sip.bye(who.dialog, who.hop, why)
        yield from self.release(room, who)

    def cancelled(self, key: str, cancel: sip.Request) -> Steps:
        """CANCEL: 200 for itself, 487 for its INVITE if that has no final response yet (RFC 3261 §9.2)."""
        invite = self.sip.matching_invite(cancel)
        found = None if invite is None else self.conferences.of_invite(invite)
        if found is None:
            yield from self.sip.refuse(key, cancel, 481, "nothing to cancel")
            return
        response = sip.response(cancel, 200, "OK", self._source.token(10))
        yield from self.sip.reply(key, response, "CANCEL is taken")
        found[1].withdrawn = True

    def release(self, room: Conference, who: Participant) -> Wait:
        """Release IMS Resources: the termination; with the last one the context goes by itself (H.248.1 §6.1)."""
        room.participants.remove(who)
        given = who.reserved
        if given is None or room.context != given.context:
            return
        if not any(one.reserved is not None for one in room.participants):
            room.context = None
        yield from self.order(self.engine.release_termination(
            given.context, given.termination, why=f"Release IMS Resources {CLAUSE}"))

    def order(self, procedure: Generator[Command | Await, Any, Any]) -> Wait:
        """Have something ordered; what does not come about is told."""
        try:
            given = yield from procedure
        except PeerError as error:
            yield Note(f"that was not understood: {error}")
            return
        if isinstance(given, Refused | Unanswered):
            yield Note(f"that was not done: {not_done(given).why}")

    def let_go(self, context: int, termination: str) -> Steps:
        """A termination that nobody here knows is released (H.248.36)."""
        yield from self.order(self.engine.release_termination(
            context, termination, why="a termination that hangs is released"))

    def forget(self, context: int | None = None) -> Steps:
        """The MRFP has lost a context, or with None all: whoever had one can't go on."""
        lost = [(room, who) for room, who in self.conferences.all() if context in (None, room.context)]
        for room, _ in lost:
            room.context = None
        for room, who in lost:
            yield from self.over(room, who, "the MRFP has begun anew: the call is released")


def without_key(point: ConnectionPoint) -> ConnectionPoint:
    """The same with the key's name alone: the key follows."""
    key = point.pre_shared_key
    return point if key is None else msgspec.structs.replace(point, pre_shared_key=None, psk_name=key.identity)


def not_done(given: Refused | Unanswered) -> Rejected:
    """Why the MRFP has not done something."""
    if isinstance(given, Unanswered):
        return Rejected(503, given.why.replace("gateway", "MRFP"))
    return Rejected(503, f"the MRFP refused: {given.code} {given.text}")
