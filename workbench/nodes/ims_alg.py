"""An IMS-ALG: the P-CSCF's function that rewrites SDP and orders the IMS-AGW over Iq.

It is a B2BUA between the access side (Gm) and the core side, and the controller (MGC) of one gateway. Each call
is one procedure that reads like the numbered steps of TS 23.334 §6.2.10.3. It also answers REGISTER in place
of the registrar behind it (a simplification of this workbench: there is no S-CSCF here).

Source: TS 23.334 §5.11, §6.2.10.3; TS 24.229 §6.7.2 (IMS-ALG), §7.5.2 (3ge2ae); TS 33.328.
"""

from __future__ import annotations

import enum
import ipaddress
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import msgspec

from workbench.errors import PeerError
from workbench.net.values import (
    BindDatagrams,
    Command,
    DatagramReceived,
    Drop,
    Endpoint,
    Happening,
    Note,
    SendDatagram,
    Started,
    Woke,
)
from workbench.nodes.controller.association import Association, Said, Transport
from workbench.nodes.controller.elements import ConnectionPoint, Latching
from workbench.nodes.controller.engine import Engine, Told
from workbench.nodes.controller.indications import ServiceChanged, ends_bearer
from workbench.nodes.controller.readings import Refused, Reserved, Unanswered
from workbench.nodes.procedure import Await, Procedures, Steps, earliest
from workbench.protocols import sdp, sip
from workbench.protocols.h248 import message as tree
from workbench.protocols.h248.coding import Coding
from workbench.protocols.h248.packages import registry
from workbench.protocols.h248.supervision import Changed, Meaning
from workbench.security.source import Source

ACCESS = "access"
CORE = "core"
MECHANISM = "msrp-tls"
SECURITY_ATTRIBUTES = ("3ge2ae", "fingerprint", "tls-id")

OPEN = tree.Mode.SEND_RECEIVE

ACCESS_REALM = "access.example.net"
CORE_REALM = "core.example.net"


class Bearer(enum.StrEnum):
    """How m= lines on Iq name the bearer: without the application (TS 23.334 §5.19.2, CEMA), or with it."""

    AGNOSTIC = "agnostic"
    MSRP = "msrp"


class Tcp(enum.StrEnum):
    """Whether the gateway is told TCP roles (TS 23.334 §5.16.2), or none (§5.16.1)."""

    AWARE = "aware"
    STATELESS = "stateless"


class StartsTcp(enum.StrEnum):
    """What makes the gateway open a connection: the one that comes in, or an order (H.248.89)."""

    INTERLINKAGE = "interlinkage"
    SIGNAL = "signal"


class Msrp(enum.StrEnum):
    """What becomes of a=path (TS 23.334 §5.19.2, §5.19.3, §5.19.4)."""

    CEMA = "cema"
    SESSMATCH = "sessmatch"
    AWARE = "aware"


class PlainAnswer(enum.StrEnum):
    """What an answer without a=msrp-cema to an offer with it leads to (TS 23.334 §5.19.2)."""

    RECONFIGURE = "reconfigure"
    FORWARD = "forward"


class Treatment(enum.StrEnum):
    """What an m= line gets (decision table R-24.229-4 of the stage-2 digest)."""

    E2AE = "e2ae"
    E2E = "e2e"
    PLAIN = "plain"


class Registration(msgspec.Struct, frozen=True):
    """A registered UE: where its packets come from, what its Contact says, and its media plane security."""

    uri: str
    contact: str
    flow: sip.Address
    mechanisms: tuple[str, ...]

    @property
    def behind_nat(self) -> bool:
        """Packets come from another address than the Contact names (RFC 3581 §4)."""
        return _canonical(sip.host_of(self.contact)) != self.flow[0]


class _Leg(msgspec.Struct):
    """One half of a call: its dialog, and where its requests go."""

    side: str
    target: sip.Address
    dialog: sip.Dialog | None = None


class _Call(msgspec.Struct):
    """A call that runs or is being set up."""

    access: _Leg
    core: _Leg
    treatment: Treatment
    invite: str = ""
    context: int | None = None
    over: bool = False
    cancelled: bool = False

    def other(self, leg: _Leg) -> _Leg:
        return self.core if leg is self.access else self.access


class _Rejected(Exception):
    """A call can't go on: what the caller is told. Stays inside this module."""

    def __init__(self, status: int, reason: str, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.reason = reason
        self.why = why


class ImsAlg:
    """A P-CSCF with IMS-ALG function and one IMS-AGW.

    Args:
        access, core: SIP endpoints towards UEs and towards the core.
        control, gateway: H.248 endpoints of this controller and of its gateway.
        routes: SIP domain to the next hop beyond the core.
        bearer: see `Bearer`.
        strips: security attributes are taken out of SDP for the core; False shows what that is for.
        tcp, starts_tcp, msrp, plain_answer: see there.
        modifies_setup: a=setup may be changed where the served UE is behind a NAT (TS 23.334 §5.16.2.3).
        guards_e2e: never on a stream with end-to-end TLS (R-5.16.2.3-14); False shows what that is for.
        coding: of H.248: text with long (`pretty`) or short (`compact`) tokens, or `binary`.
        transport: of H.248: `udp`, or `tcp`, where the gateway opens the connection.
        first_id: id of the first H.248 request; after a restart within LONG-TIMER it has to be another one.
    """

    def __init__(
        self,
        name: str,
        *,
        access: Endpoint,
        core: Endpoint,
        control: Endpoint,
        gateway: Endpoint,
        routes: Mapping[str, Endpoint],
        source: Source,
        bearer: Bearer = Bearer.AGNOSTIC,
        strips: bool = True,
        tcp: Tcp = Tcp.AWARE,
        modifies_setup: bool = False,
        starts_tcp: StartsTcp = StartsTcp.INTERLINKAGE,
        msrp: Msrp = Msrp.CEMA,
        plain_answer: PlainAnswer = PlainAnswer.RECONFIGURE,
        guards_e2e: bool = True,
        coding: Coding = "pretty",
        transport: Transport = "udp",
        first_id: int = 1001,
    ) -> None:
        self.name = name
        self._locals = {ACCESS: access, CORE: core}
        # In binary, names of terminations are octets of the gateway's own choice; the realm says which side it is.
        self._named = coding != "binary"
        self._routes = dict(routes)
        self._source = source
        self._bearer = bearer
        self._strips = strips
        self._tcp, self._starts_tcp = tcp, starts_tcp
        self._modifies_setup, self._guards_e2e = modifies_setup, guards_e2e
        self._msrp, self._plain_answer = msrp, plain_answer
        self._sip = {side: sip.Transactions(str(local), source.token) for side, local in self._locals.items()}
        self._procedures = Procedures()
        self._engine = Engine(
            Association(control, gateway, coding=coding, transport=transport, first_id=first_id), self._procedures,
            self._told)
        self._registrations: dict[str, Registration] = {}
        self._registrar = sip.registration.Registrar(
            realm="home.example", mechanisms=(MECHANISM,), token=source.token, password=lambda uri: f"secret of {uri}")
        self._calls: list[_Call] = []
        self._now = 0.0

    # The node

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        self._now = now
        self._engine.at(now)
        match happened:
            case Started():
                bound: list[Command] = [BindDatagrams(local) for local in self._locals.values()]
                return bound + self._engine.handle(happened, now)
            case _ if self._engine.concerns(happened):
                return self._engine.handle(happened, now)
            case DatagramReceived(local=local, remote=remote, data=data):
                for side, own in self._locals.items():
                    if local == own:
                        events = self._sip[side].receive_data(data, (remote.host, remote.port), now)
                        return self._signalled(side, events)
            case Woke():
                commands = self._engine.wake(now)
                for side, transactions in self._sip.items():
                    commands += self._signalled(side, transactions.wake(now))
                return commands + self._procedures.wake(now)
        return [Drop(happened, "nothing here is concerned")]

    def next_wakeup(self) -> float | None:
        """The first timer of SIP, H.248 or a procedure."""
        return earliest([
            self._engine.next_wakeup(), self._procedures.next_wakeup(), *(t.next_wakeup() for t in self._sip.values())])

    # Calls

    def _invited(self, side: str, key: str, invite: sip.Request, source: sip.Address) -> Steps:
        """A new INVITE: find both ends, decide the treatment, run the call flow, and undo it where it fails."""
        call: _Call | None = None
        tag = self._source.token(10)
        try:
            offer, media = self._usable(invite.body)
            if not self._engine.in_service:
                raise _Rejected(503, "Service Unavailable", "the gateway has not registered")
            if side == ACCESS:
                onwards = _Leg(CORE, self._route(invite))
                call = _Call(_Leg(ACCESS, source), onwards, self._from_ue(invite, media), f"{side}/{key}")
                self._calls.append(call)
                yield from self._originating(call, key, invite, offer, media, tag)
            else:
                registration = self._registrations.get(sip.uri_key(invite.uri))
                if registration is None:
                    raise _Rejected(404, "Not Found", "no such UE is registered")
                call = _Call(
                    _Leg(ACCESS, registration.flow), _Leg(CORE, source), self._from_core(media, registration),
                    f"{side}/{key}")
                self._calls.append(call)
                yield from self._terminating(call, key, invite, offer, media, tag, registration)
        except _Rejected as rejected:
            refusal = sip.response(invite, rejected.status, rejected.reason, tag)
            yield from self._reply(side, key, refusal, f"the call can't go on: {rejected.why}")
            if call is not None:
                yield from self._undo(call)

    def _originating(
        self, call: _Call, key: str, invite: sip.Request, offer: sdp.SessionDescription, media: sdp.Media, tag: str,
    ) -> Steps:
        """TS 23.334 §6.2.10.3.1.1.1: the served UE calls, the gateway's access side ends TLS."""
        clause = "[TS 23.334 §6.2.10.3.1.1.1]"
        offered = sdp.setup_of_offer(media)

        # Steps 2-4: Reserve AGW Connection Point towards the core; the gateway stands there for the UE.
        outer = self._point(CORE, media, self._plain_bearer(media), offered)
        core = yield from self._reserve(
            call, tree.CHOOSE, outer, f"steps 2-4: Reserve AGW Connection Point T_core {clause}")

        # Steps 5-6: the offer, in the clear, with the gateway's core address.
        forwarded = self._for_core(offer, media, core.local, call.treatment)
        response, onward = yield from self._invite_onwards(
            call, call.core, invite, sdp.encode(forwarded), key, tag, f"steps 5-6: offer without security {clause}")

        # Step 7: the answer settles the roles.
        answer, theirs = self._usable_answer(response, forwarded.media[0])
        settled = sdp.setup_of_answer(theirs)
        call.core.dialog = sip.Dialog.of_caller(onward, response)

        # Steps 8-10: Configure AGW Connection Point towards the core.
        remote = _address(answer, theirs)
        outer = msgspec.structs.replace(
            outer, setup=sdp.complement(settled), local=core.local, remote=remote, remote_setup=settled, mode=OPEN)
        yield from self._configure(core, outer, f"steps 8-10: Configure AGW Connection Point T_core {clause}")

        # Steps 11-13: Reserve and Configure AGW Connection Point towards the UE.
        inner = self._protected(self._point(ACCESS, media, self._access_bearer(media, call), settled), call, settled)
        inner = msgspec.structs.replace(
            inner, remote=_address(offer, media), remote_setup=sdp.complement(settled), mode=OPEN,
            latching=_latching(self._behind_nat(call.access.target, offer, media)),
            remote_fingerprints=media.fingerprints if call.treatment is Treatment.E2AE else ())
        access = yield from self._reserve(
            call, core.context, inner, f"steps 11-13: Reserve and Configure AGW Connection Point T_acc {clause}")

        # Steps 14-15: the answer, with the gateway's access address and fingerprint.
        back = self._for_ue(answer, theirs, access, call.treatment, media.proto, None)
        accepted = sip.response(invite, 200, "OK", tag, contact=self._contact(ACCESS), body=sdp.encode(back))
        call.access.dialog = sip.Dialog.of_callee(invite, accepted)
        yield from self._reply(ACCESS, key, accepted, f"steps 14-15: answer with the gateway's fingerprint {clause}")
        yield from self._acknowledged(call, key, call.core)

    def _terminating(
        self, call: _Call, key: str, invite: sip.Request, offer: sdp.SessionDescription, media: sdp.Media, tag: str,
        registration: Registration,
    ) -> Steps:
        """TS 23.334 §6.2.10.3.1.2.1: the served UE is called, its access edge applies TLS."""
        clause = "[TS 23.334 §6.2.10.3.1.2.1]"
        offered = sdp.setup_of_offer(media)

        # Steps 2-4: Reserve AGW Connection Point towards the UE; the gateway stands there for the caller.
        inner = self._point(ACCESS, media, self._access_bearer(media, call), offered)
        inner = msgspec.structs.replace(
            inner, ask_fingerprint=call.treatment is Treatment.E2AE,
            watch_tls=call.treatment is Treatment.E2AE and self._can_say("tls-change"),
            latching=_latching(registration.behind_nat))
        access = yield from self._reserve(
            call, tree.CHOOSE, inner, f"steps 2-4: Reserve AGW Connection Point T_acc {clause}")

        # Steps 5-6: the offer, protected, with the gateway's access address and fingerprint.
        transport = _protected_transport(media.proto) if call.treatment is Treatment.E2AE else media.proto
        forwarded = self._for_ue(offer, media, access, call.treatment, transport, "applied")
        response, onward = yield from self._invite_onwards(
            call, call.access, invite, sdp.encode(forwarded), key, tag, f"steps 5-6: offer with e2ae applied {clause}",
            uri=registration.contact)

        # Step 7: the UE's answer; without TLS and fingerprint there is no call (F10, F11).
        answer, theirs = self._usable_answer(response, forwarded.media[0])
        call.access.dialog = sip.Dialog.of_caller(onward, response)
        settled = sdp.setup_of_answer(theirs)

        # Steps 8-10: Configure AGW Connection Point towards the UE.
        role = sdp.complement(settled)
        inner = msgspec.structs.replace(
            self._protected(inner, call, role), setup=role, local=access.local, ask_fingerprint=False,
            fingerprint=access.fingerprint, remote=_address(answer, theirs), remote_setup=settled, mode=OPEN,
            remote_fingerprints=theirs.fingerprints if call.treatment is Treatment.E2AE else ())
        yield from self._configure(access, inner, f"steps 8-10: Configure AGW Connection Point T_acc {clause}")

        # Steps 11-13: Reserve and Configure AGW Connection Point towards the core.
        outer = msgspec.structs.replace(
            self._point(CORE, media, self._plain_bearer(media), settled),
            remote=_address(offer, media), remote_setup=role, mode=OPEN)
        core = yield from self._reserve(
            call, access.context, outer, f"steps 11-13: Reserve and Configure AGW Connection Point T_core {clause}")

        # Step 14: the answer to the core shows nothing of it.
        back = self._for_core(answer, theirs, core.local, call.treatment, media.proto)
        accepted = sip.response(invite, 200, "OK", tag, contact=self._contact(CORE), body=sdp.encode(back))
        call.core.dialog = sip.Dialog.of_callee(invite, accepted)
        yield from self._reply(CORE, key, accepted, f"step 14: answer without security {clause}")
        yield from self._acknowledged(call, key, call.access)

    # Decisions

    def _from_ue(self, invite: sip.Request, media: sdp.Media) -> Treatment:
        """Rows 1, 3, 4 and 5 of the decision table: what a UE's offer gets. Never a silent downgrade."""
        transport = sdp.transport_of(media.proto)
        secured = transport is not None and transport.security is not None
        if media.attribute("3ge2ae") == "requested" and secured:
            registration = self._registrations.get(sip.uri_key(sip.address_uri(invite.headers.get("From") or "")))
            if registration is None or MECHANISM not in registration.mechanisms:
                raise _Rejected(488, "Not Acceptable Here", "e2ae was requested without agreement at registration")
            if not media.fingerprints:
                raise _Rejected(488, "Not Acceptable Here", "e2ae was requested without a fingerprint")
            return Treatment.E2AE
        return Treatment.E2E if secured else Treatment.PLAIN

    def _from_core(self, media: sdp.Media, registration: Registration) -> Treatment:
        """Rows 2, 3 and 5: what an offer from the core gets."""
        transport = sdp.transport_of(media.proto)
        if transport is not None and transport.security is not None:
            return Treatment.E2E
        return Treatment.E2AE if MECHANISM in registration.mechanisms else Treatment.PLAIN

    def _plain_bearer(self, media: sdp.Media) -> str:
        """Bearer type of a leg on which the gateway ends no TLS."""
        return "TCP/MSRP" if self._bearer is Bearer.MSRP and sdp.is_msrp(media) else "TCP"

    def _access_bearer(self, media: sdp.Media, call: _Call) -> str:
        if call.treatment is not Treatment.E2AE:
            return "TCP"
        return "TCP/TLS/MSRP" if self._bearer is Bearer.MSRP else "TCP/TLS"

    def _behind_nat(self, source: sip.Address, offer: sdp.SessionDescription, media: sdp.Media) -> bool:
        """The UE's packets come from another address than its SDP names."""
        return _address(offer, media).host != source[0]

    def _usable(self, body: bytes) -> tuple[sdp.SessionDescription, sdp.Media]:
        try:
            described = sdp.decode(body)
        except PeerError as error:
            raise _Rejected(488, "Not Acceptable Here", f"SDP: {error}") from error
        if len(described.media) != 1 or not sdp.is_msrp(described.media[0]):
            raise _Rejected(488, "Not Acceptable Here", "one MSRP stream is what can be handled here")
        _address(described, described.media[0])
        # What stands at session level counts for the stream too (RFC 8122 §5, RFC 4145 §4).
        return described, described.effective(described.media[0])

    def _usable_answer(
        self, response: sip.Response, offered: sdp.Media,
    ) -> tuple[sdp.SessionDescription, sdp.Media]:
        """The answer, held against our offer: transport kept, setup legal, fingerprint there (F10, F11)."""
        answer, media = self._usable(response.body)
        violations = sdp.check_answer(offered, media)
        if violations:
            raise _Rejected(502, "Bad Gateway", f"the answer is not legal: {violations[0].what}")
        transport = sdp.transport_of(offered.proto)
        protected = transport is not None and transport.security is not None
        if protected and offered.attribute("fingerprint") is not None and not media.fingerprints:
            raise _Rejected(502, "Bad Gateway", "no fingerprint in the answer to an offer with TLS")
        return answer, media

    # SDP

    def _for_core(
        self, described: sdp.SessionDescription, media: sdp.Media, local: Endpoint, treatment: Treatment,
        transport: str | None = None,
    ) -> sdp.SessionDescription:
        """SDP as the core sees it: the gateway's core address, no security attribute (R-24.229-3)."""
        if treatment is Treatment.E2AE:
            if self._strips:
                for name in SECURITY_ATTRIBUTES:
                    media, described = media.without_attribute(name), described.without_attribute(name)
            media = media.with_proto(transport or _plain_transport(media.proto))
        return _anchored(described, media, local)

    def _for_ue(
        self, described: sdp.SessionDescription, media: sdp.Media, access: Reserved, treatment: Treatment,
        transport: str, e2ae: str | None,
    ) -> sdp.SessionDescription:
        """SDP as the UE sees it: the gateway's access address, and with e2ae its fingerprint."""
        if treatment is Treatment.E2AE:
            media = media.with_proto(transport)
            if e2ae is not None:
                media = media.with_attribute("3ge2ae", e2ae)
            media = media.with_attribute("fingerprint", access.fingerprint)
        return _anchored(described, media, access.local)

    # Iq

    def _point(self, side: str, media: sdp.Media, transport: str, setup: sdp.Setup) -> ConnectionPoint:
        realm = ACCESS_REALM if side == ACCESS else CORE_REALM
        # The realm's media addresses are of the IP version that SIP has there.
        version = self._locals[side].version
        return ConnectionPoint(
            side if self._named else "", realm, media.media, transport, setup=setup, version=version,
            watch_tcp=self._can_say("tcp-change"))

    def _can_say(self, role: str) -> bool:
        """Whether the item that plays a role can be written: in binary only where its number is known."""
        item = registry().lookup(registry().wire_name(role))
        return self._named or (item is not None and item.id is not None)

    def _protected(self, point: ConnectionPoint, call: _Call, role: sdp.Setup) -> ConnectionPoint:
        """Add what e2ae asks for: own fingerprint, failure event, and TLS establishment where the gateway is client."""
        if call.treatment is not Treatment.E2AE:
            return point
        return msgspec.structs.replace(
            point, ask_fingerprint=True, watch_tls=self._can_say("tls-change"),
            establish_tls=role is sdp.Setup.ACTIVE)

    def _reserve(
        self, call: _Call, context: int, point: ConnectionPoint, why: str,
    ) -> Generator[Command | Await, Any, Reserved]:
        try:
            given = yield from self._engine.reserve(context, point, why=why)
        except PeerError as error:
            raise _Rejected(500, "Server Internal Error", str(error)) from error
        if not isinstance(given, Reserved):
            raise _not_done(given)
        call.context = given.context
        return given

    def _configure(
        self, reserved: Reserved, point: ConnectionPoint, why: str,
    ) -> Generator[Command | Await, Any, None]:
        try:
            given = yield from self._engine.configure(reserved, point, why=why)
        except PeerError as error:
            raise _Rejected(500, "Server Internal Error", str(error)) from error
        if isinstance(given, Refused | Unanswered):
            raise _not_done(given)

    def _told(self, event: Told, now: float) -> list[Command]:
        """What the gateway says unasked: bearers that failed or are gone end their call; so does the gateway's end."""
        match event:
            case Changed(meaning=Meaning.BEGUN | Meaning.LEFT | Meaning.HANDED_OFF as meaning):
                # Contexts of before are gone; a call that still has one can't go on.
                return [Note(meaning), *self._lost([call for call in self._calls if call.context is not None])]
            case Changed(meaning=meaning, reason=reason):
                return [Note(f"{meaning} {reason}".rstrip())]
            case Said(indication=indication) if ends_bearer(indication):
                context = indication.context if isinstance(indication, ServiceChanged) else indication.at.context
                return self._lost([call for call in self._calls if call.context == context])
        return []

    def _lost(self, calls: Sequence[_Call]) -> list[Command]:
        return [command for call in calls for command in self._procedures.start(self._bearer_lost(call), self._now)]

    # Release

    def _bearer_lost(self, call: _Call) -> Steps:
        """F5 to F9: the gateway reported a failure or a released bearer; the session ends on both sides."""
        if call.over:
            return
        call.over = True
        for leg in (call.access, call.core):
            yield from self._bye(leg, "the bearer is gone: the session is released")
        yield from self._subtract(call)

    def _released(self, call: _Call, leg: _Leg, key: str, bye: sip.Request) -> Steps:
        """BYE from one side: answer it, tell the other side, release the gateway's terminations."""
        yield from self._reply(leg.side, key, sip.response(bye, 200, "OK"), "the call is released")
        leg.dialog = None
        if call.over:
            return
        call.over = True
        yield from self._bye(call.other(leg), "the call is released: BYE onwards [RFC 3261 §15]")
        yield from self._subtract(call)

    def _bye(self, leg: _Leg, why: str) -> Steps:
        if leg.dialog is None:
            return
        dialog, leg.dialog = leg.dialog, None
        _, bye = dialog.request("BYE")
        _, events = self._sip[leg.side].request(bye, leg.target, self._now)
        yield from self._signalled(leg.side, events, why)

    def _undo(self, call: _Call) -> Steps:
        """Take back what a call that failed has reserved; a side that already answered gets BYE."""
        call.over = True
        for leg in (call.access, call.core):
            yield from self._bye(leg, "the call could not be completed")
        yield from self._subtract(call)

    def _subtract(self, call: _Call) -> Steps:
        if call.context is not None:
            context, call.context = call.context, None
            try:
                given = yield from self._engine.release(context)
            except PeerError as error:
                yield Note(f"context {context} could not be released: {error}")
            else:
                if isinstance(given, Refused | Unanswered):
                    yield Note(f"context {context} could not be released: {_not_done(given).why}")
        if call in self._calls:
            self._calls.remove(call)

    # SIP

    def _contact(self, side: str) -> str:
        return f"<sip:{self._locals[side]}>"

    def _route(self, invite: sip.Request) -> sip.Address:
        domain = sip.host_of(invite.uri)
        if domain not in self._routes:
            raise _Rejected(404, "Not Found", f"no route to {domain}")
        hop = self._routes[domain]
        return (hop.host, hop.port)

    def _invite_onwards(
        self, call: _Call, leg: _Leg, invite: sip.Request, body: bytes, key: str, tag: str, why: str,
        uri: str | None = None,
    ) -> Generator[Command | Await, Any, tuple[sip.Response, sip.Request]]:
        """The other half's INVITE; provisional answers go back to the caller, a refusal or CANCEL ends the call."""
        if call.cancelled:
            raise _Rejected(487, "Request Terminated", "the caller gave up")
        onward = sip.invite_onwards(
            invite, uri=uri, contact=self._contact(leg.side), token=self._source.token, body=body)
        onward_key, events = self._sip[leg.side].request(onward, leg.target, self._now)
        yield from self._signalled(leg.side, events, why)
        while True:
            response = yield Await((("sip", onward_key), ("cancel", call.invite)))
            if call.cancelled:
                yield from self._procedures.start(self._abandon(leg, onward, onward_key, response), self._now)
                raise _Rejected(487, "Request Terminated", "the caller gave up")
            if not isinstance(response, sip.Response):
                raise _Rejected(408, "Request Timeout", "nobody answered")
            if response.status >= 300:
                raise _Rejected(response.status, response.reason, "the other end refused")
            if response.status >= 200:
                return response, onward
            if response.status > 100:
                back = CORE if leg.side == ACCESS else ACCESS
                ringing = sip.response(invite, response.status, response.reason, tag, contact=self._contact(back))
                yield from self._reply(back, key, ringing, "provisional response passed on")

    def _abandon(self, leg: _Leg, onward: sip.Request, key: str, response: Any) -> Steps:
        """CANCEL the other half's INVITE, as soon as it may be (RFC 3261 §9.1); a faster 2xx is ended with BYE."""
        sent = False
        while True:
            if not sent and (cancel := self._sip[leg.side].cancel(key, self._now)) is not None:
                sent = True
                yield from self._signalled(leg.side, cancel[1], "the caller gave up: CANCEL onwards [RFC 3261 §9.1]")
            if isinstance(response, sip.Response) and 200 <= response.status < 300:
                leg.dialog = sip.Dialog.of_caller(onward, response)
                yield from self._signalled(
                    leg.side, self._sip[leg.side].ack(leg.dialog.ack(), leg.target, self._now), "a 2xx is acknowledged")
                yield from self._bye(leg, "the answer came too late: BYE")
                return
            if isinstance(response, sip.Response) and response.status >= 300:
                return
            response = yield Await((("sip", key),), 180.0)
            if response is None:
                return

    def _acknowledged(self, call: _Call, key: str, onward: _Leg) -> Steps:
        """The caller's ACK is followed by ours to the called side; without one the call is over (RFC 3261 §13.3.1)."""
        acknowledged = yield Await((("ack", key),))
        if call.over or onward.dialog is None:
            return
        ack = onward.dialog.ack()
        yield from self._signalled(
            onward.side, self._sip[onward.side].ack(ack, onward.target, self._now), "ACK passed on")
        if acknowledged is None:
            yield from self._bearer_lost(call)

    def _reply(self, side: str, key: str, response: sip.Response, why: str) -> Steps:
        yield from self._signalled(side, self._sip[side].respond(key, response, self._now), why)

    def _signalled(self, side: str, events: Sequence[sip.Event], why: str = "") -> list[Command]:
        """What SIP events on one side mean."""
        commands: list[Command] = []
        for event in events:
            match event:
                case sip.Transmit(data=data, to=to):
                    commands.append(SendDatagram(self._locals[side], Endpoint(*to), data, why))
                case sip.ResponseReceived(key=key, response=response):
                    commands += self._procedures.post(("sip", key), response, self._now)
                case sip.AckReceived(key=key) if key is not None:
                    commands += self._procedures.post(("ack", key), True, self._now)
                case sip.TimedOut(key=key):
                    commands += self._procedures.post(("sip", key), None, self._now)
                    commands += self._procedures.post(("ack", key), None, self._now)
                case sip.RequestReceived(key=key, request=request, source=source):
                    commands += self._procedures.start(self._obey(side, key, request, source), self._now)
                case sip.PeerViolation(error=error):
                    commands.append(Note(f"SIP: {error}"))
        return commands

    def _obey(self, side: str, key: str, request: sip.Request, source: sip.Address) -> Steps:
        if request.method == "REGISTER" and side == ACCESS:
            yield from self._register(key, request, source)
            return
        if request.method == "INVITE" and not request.to_tag:
            yield from self._invited(side, key, request, source)
            return
        if request.method == "CANCEL":
            yield from self._cancelled(side, key, request)
            return
        for call in list(self._calls):
            for leg in (call.access, call.core):
                if leg.side == side and leg.dialog is not None and leg.dialog.matches(request):
                    if request.method == "BYE":
                        yield from self._released(call, leg, key, request)
                        return
                    yield from self._reply(side, key, sip.response(
                        request, 488, "Not Acceptable Here"), f"{request.method} inside a call is not handled yet")
                    return
        yield from self._reply(side, key, sip.response(
            request, 481, "Call/Transaction Does Not Exist", self._source.token(10)), "no such call")

    def _cancelled(self, side: str, key: str, request: sip.Request) -> Steps:
        """CANCEL: 200 for itself, 487 for its INVITE if that has no final response yet (RFC 3261 §9.2)."""
        invite = self._sip[side].matching_invite(request)
        if invite is None:
            yield from self._reply(side, key, sip.response(
                request, 481, "Call/Transaction Does Not Exist", self._source.token(10)), "nothing to cancel")
            return
        yield from self._reply(side, key, sip.response(request, 200, "OK", self._source.token(10)), "CANCEL is taken")
        for call in self._calls:
            if call.invite == f"{side}/{invite}":
                call.cancelled = True
        yield from self._procedures.post(("cancel", f"{side}/{invite}"), None, self._now)

    def _register(self, key: str, request: sip.Request, source: sip.Address) -> Steps:
        """REGISTER: challenge with what the network can do, then accept what both sides can (RFC 3329, `mediasec`)."""
        response, accepted = self._registrar.answer(request)
        if accepted is not None and accepted.expires == 0:
            self._registrations.pop(sip.uri_key(accepted.uri), None)
        elif accepted is not None:
            self._registrations[sip.uri_key(accepted.uri)] = Registration(
                accepted.uri, accepted.contact, source, accepted.mechanisms)
        yield from self._reply(ACCESS, key, response, "registration [TS 24.229 §5.2.2, RFC 3329]")


def _address(described: sdp.SessionDescription, media: sdp.Media) -> Endpoint:
    connection = described.connection_of(media)
    if connection is None or media.port is None:
        raise _Rejected(488, "Not Acceptable Here", "SDP without an address")
    return Endpoint(_canonical(connection.address), media.port)


def _canonical(host: str) -> str:
    """An IP address in the form that a network names it with (RFC 5952); a name as it is."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host


def _anchored(described: sdp.SessionDescription, media: sdp.Media, local: Endpoint) -> sdp.SessionDescription:
    """The description with the gateway's address in place of the sender's (R-5.2-6)."""
    return described.with_connection(local.host).with_media(0, media.without_connection().with_port(local.port))


def _plain_transport(transport: str) -> str:
    return transport.replace("/TLS/", "/")


def _protected_transport(transport: str) -> str:
    return transport.replace("TCP/", "TCP/TLS/", 1)


def _latching(needed: bool) -> Latching:
    return Latching.LATCH if needed else Latching.OFF


def _not_done(given: Refused | Unanswered) -> _Rejected:
    """Why a call can't go on without what the gateway did not give."""
    why = given.why if isinstance(given, Unanswered) else f"the gateway refused: {given.code} {given.text}"
    return _Rejected(503, "Service Unavailable", why)
