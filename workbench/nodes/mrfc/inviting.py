"""How a conference calls somebody: reserve, invite with a ticket, and configure by the answer.

Source: TS 23.333 §6.2.19.2.2 (MSRP dial-out), R-6.2.19-1 to -7; RFC 3261 §9, §13; RFC 3264 §5.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Generator
from typing import Any

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Command, Note
from workbench.nodes.controller.elements import ConnectionPoint
from workbench.nodes.controller.readings import Done, Reserved
from workbench.nodes.mrfc import describing
from workbench.nodes.mrfc.conferences import Conference, Participant
from workbench.nodes.mrfc.describing import Rejected
from workbench.nodes.mrfc.joining import Joining, not_done, without_key
from workbench.nodes.mrfc.keying import Agreed, Offering, Without
from workbench.nodes.mrfc.settings import KeysAt
from workbench.nodes.orders import CallOut
from workbench.nodes.procedure import Await, Steps
from workbench.protocols import sdp, sip
from workbench.security.source import Source

CLAUSE = "[TS 23.333 §6.2.19.2.2]"
_MOST_WAITING = 100
_FURTHER_SECONDS = 32.0
"""How long other branches of a forked INVITE may answer (RFC 3261 §13.2.2.4: 64 * T1)."""

Wait = Generator[Command | Await, Any, None]


class Inviting:
    """The calls of an MRFC.

    Args:
        joining: what they share with those who call.
    """

    def __init__(self, joining: Joining, source: Source) -> None:
        self._joining = joining
        self._sip = joining.sip
        self._source = source
        self._waiting: list[CallOut] = []

    def call(self, order: CallOut) -> Steps:
        """Have a conference call somebody."""
        if not self._joining.engine.in_service and len(self._waiting) < _MOST_WAITING:
            self._waiting.append(order)
            yield Note(f"{order.to} is not called yet: the MRFP has not registered")
            return
        room, hop = self._joining.conferences.called(order.conference), self._route(order.to)
        why = self._obstacle(order, room, hop)
        if room is None or hop is None or why:
            yield Note(f"{order.to} is not called: {why}")
            return
        who = Participant("", hop)
        room.participants.append(who)
        try:
            yield from self._invite(room, who, order.to)
        except Rejected as rejected:
            yield Note(f"{order.to} is not in the conference: {rejected.why}")
            if self._joining.settings.lets_go:
                yield from self._joining.release(room, who)

    def waiting(self) -> list[CallOut]:
        """Calls that waited for the MRFP, once."""
        found, self._waiting = self._waiting, []
        return found

    def _obstacle(self, order: CallOut, room: Conference | None, hop: sip.Address | None) -> str:
        if room is None:
            return f"there is no conference {order.conference}"
        if hop is None:
            return "no route leads there"
        if not self._joining.engine.in_service:
            return "the MRFP has not registered"
        most = self._joining.settings.participants
        return f"{most} take part already" if len(room.participants) >= most else ""

    def _route(self, to: str) -> sip.Address | None:
        """Where a call goes: the address in its URI, or what is said of its domain."""
        try:
            uri = sip.Uri.decode(to)
        except PeerError:
            return None
        route = self._joining.settings.routes.get(uri.host.lower())
        if route is not None:
            return (route.host, route.port)
        try:
            return (str(ipaddress.ip_address(uri.address)), uri.port or 5060)
        except ValueError:
            return None

    # The call

    def _invite(self, room: Conference, who: Participant, to: str) -> Wait:
        offering = yield from self._joining.keys.offer(room.uri, to)
        if isinstance(offering, Without):
            raise Rejected(offering.status, offering.why)
        says, name = (offering.says, offering.name) if offering is not None else ("", b"")
        path = describing.path_of(
            self._joining.settings.host, self._source.token(16), protected=offering is not None)
        given = yield from self._joining.reserve(
            room, who, self._joining.waiting_point(describing.proto_of(says), path, name),
            f"Reserve IMS Resources {CLAUSE}")
        if who.lost:
            raise Rejected(503, "the MRFP has begun anew")
        body = describing.offer(self._source.number(10**8, 10**9), given.local, path, says)
        invite = sip.invite(
            to, caller=room.uri, contact=self._sip.contact, token=self._source.token, body=body)
        who.key = yield from self._sip.invite(invite, who.hop, f"SDP offer: a=setup:actpass {CLAUSE}")
        response = yield from self._final(who)
        if response is None or response.status >= 300:
            raise Rejected(408 if response is None else response.status,
                           "nobody answers" if response is None else f"{response.status} {response.reason}")
        who.dialog = sip.Dialog.of_caller(invite, response)
        yield from self._sip.acknowledge(who.dialog, who.hop, "the answer is there [RFC 3261 §13.2.2.4]")
        try:
            if who.lost:
                raise Rejected(503, "the MRFP reports that the connection failed")
            yield from self._settle(who, path, given, offering, body, response)
        except Rejected as rejected:
            yield from self._joining.over(room, who, rejected.why)
        yield from self._further(who, invite, response)

    def _final(self, who: Participant) -> Generator[Command | Await, Any, sip.Response | None]:
        """The final response; None: nobody answers. A call that is lost meanwhile is cancelled (RFC 3261 §9.1)."""
        cancelled = False
        while True:
            heard = yield Await((("sip", who.key),))
            if heard is None or (isinstance(heard, sip.Response) and heard.status >= 200):
                return heard
            if who.lost and not cancelled:
                cancelled = yield from self._sip.cancel(who.key, "the termination is lost [RFC 3261 §9.1]")

    def _settle(
        self, who: Participant, path: str, given: Reserved, offering: Offering | None, body: bytes,
        response: sip.Response,
    ) -> Wait:
        """Tell the MRFP what the answer says. Raises Rejected: it can't be used, or the MRFP has not done it."""
        said = describing.read_answer(response.body, body)
        agreed = _agreed(offering, said.key_mgmt or None, self._sip.now)
        role = sdp.complement(sdp.setup_of_answer(said.media))
        if role not in (sdp.Setup.ACTIVE, sdp.Setup.PASSIVE):
            raise Rejected(488, "the answer says not who opens TCP [RFC 4145 §4]")
        settings = self._joining.settings
        point = msgspec.structs.replace(
            self._joining.point(said, settings.orders or role, path, None, agreed), local=given.local)
        late = agreed is not None and settings.keys_at is not KeysAt.RESERVED
        yield from self._configure(given, without_key(point) if late else point, "Configure IMS Resources")
        if late and settings.keys_at is KeysAt.ANSWERED and not who.over:
            known = msgspec.structs.replace(point, establish_tcp=False, establish_tls=False)
            yield from self._configure(given, known, "the key of TLS comes late")

    def _configure(self, given: Reserved, point: ConnectionPoint, why: str) -> Wait:
        try:
            done = yield from self._joining.engine.configure(given, point, why=f"{why} {CLAUSE}")
        except PeerError as error:
            raise Rejected(500, str(error)) from error
        if not isinstance(done, Done):
            raise not_done(done)

    def _further(self, who: Participant, invite: sip.Request, first: sip.Response) -> Steps:
        """Of a forked INVITE one answer counts: others are acknowledged and released (RFC 3261 §13.2.2.4)."""
        until = self._sip.now + _FURTHER_SECONDS
        while (left := until - self._sip.now) > 0:
            heard = yield Await((("sip", who.key),), left)
            if isinstance(heard, sip.Response) and heard.status < 300 and heard.to_tag != first.to_tag:
                other = sip.Dialog.of_caller(invite, heard)
                yield from self._sip.acknowledge(other, who.hop, "another branch has answered, too")
                yield from self._sip.bye(other, who.hop, "one answer is enough [RFC 3261 §13.2.2.4]")


def _agreed(offering: Offering | None, value: str | None, now: float) -> Agreed | None:
    """The key, from the answer's a=key-mgmt; None: no TLS was offered. Raises Rejected: none comes of it."""
    if offering is None:
        return None
    agreed = offering.answered(value, now)
    if isinstance(agreed, Without):
        raise Rejected(agreed.status, agreed.why)
    return agreed
