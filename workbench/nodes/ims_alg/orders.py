"""What is ordered on Iq for a stream: connection points from roles, treatment and what the peers said.

Source: TS 23.334 §5.16, §5.19, §6.2.10.3, §6.2.10A, §6.2.18, §8.2 to §8.5.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Command, Note
from workbench.nodes.controller.elements import ConnectionPoint, Latching
from workbench.nodes.controller.engine import Engine
from workbench.nodes.controller.readings import Refused, Reserved, Unanswered
from workbench.nodes.ims_alg.calls import ACCESS, CORE, Anchor, End, Rejected, Said, Treatment
from workbench.nodes.ims_alg.roles import Joined
from workbench.nodes.ims_alg.settings import Msrp
from workbench.nodes.procedure import Await, Steps
from workbench.protocols import sdp
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.packages import registry

OPEN = h248.Mode.SEND_RECEIVE


class Sides(msgspec.Struct, frozen=True):
    """How H.248 and people name the two sides of a gateway, and the gateway.

    Args:
        names: of each side, in TerminationIDs and realms.
        labels: of a termination there, in call flows.
        gateway: as procedures call it.
    """

    names: Mapping[str, str]
    labels: Mapping[str, str]
    gateway: str


IQ_SIDES = Sides({ACCESS: ACCESS, CORE: CORE}, {ACCESS: "T_acc", CORE: "T_core"}, "AGW")
IX_SIDES = Sides({ACCESS: CORE, CORE: "border"}, {ACCESS: "T_core", CORE: "T_border"}, "TrGW")
"""An IBCF's own network stands where an IMS-ALG has its access, the other network where that has its core."""

# Error codes of H.248.8 that say "this can't be done here", not "not now": the offer is what has to change.
_UNABLE = frozenset({443, 444, 445, 449, 450, 452, 454, 473, 501, 515, 517})

Wait = Generator[Command | Await, Any, None]


class Orders:
    """Orders to the gateway for streams.

    Args:
        versions: of IP, by side: a realm's media addresses are of the version that SIP has there.
        bfcp_tls: see `Settings`.
        named: TerminationIDs name their side (text); in binary the realm alone does.
    """

    def __init__(
        self, engine: Engine, versions: Mapping[str, int], *, named: bool,
        bfcp_tls: sdp.BfcpClient = sdp.BfcpClient.OFFERER, sides: Sides | None = None,
    ) -> None:
        self.engine = engine
        self._versions = dict(versions)
        self._named = named
        self._bfcp_tls = bfcp_tls
        self.sides = sides or IQ_SIDES

    # Elements

    def first(self, anchor: Anchor, side: str, media: sdp.Media, role: sdp.Setup | None) -> End:
        """A termination that is to be reserved: what is known before its peer has said anything."""
        protected = anchor.treatment.protects(side)
        opaque = anchor.treatment is Treatment.E2E or anchor.opaque
        name = self.sides.names[side]
        point = ConnectionPoint(
            name if self._named else "", f"{name}.example.net", "-" if opaque else media.media,
            _bearer(anchor, side), "-" if opaque else "*",
            setup=_role(anchor, side, role), version=self._versions[side],
            ask_fingerprint=protected, watch_tls=protected and self._can_say("tls-change"),
            # Without TCP state there is nothing to report (R-5.16.1-4).
            watch_tcp=anchor.state_aware and self._can_say("tcp-change"), watch_bearer=anchor.state_aware or protected,
            latching=self.latching(anchor, side), tls_id=anchor.tls_id if protected and anchor.datagrams else "")
        return End(side, point, name=self.sides.labels[side])

    @staticmethod
    def latching(anchor: Anchor, side: str) -> Latching:
        """Whether the gateway has to find out where a peer sends from: the UE behind a NAT."""
        return Latching.LATCH if side == ACCESS and anchor.nat else Latching.OFF

    def settle(self, anchor: Anchor, end: End, role: sdp.Setup | None, peer: Said) -> None:
        """What is known once the peer of this leg has said where it is and the roles are settled."""
        end.peer = peer
        protected = anchor.treatment.protects(end.side)
        end.point = msgspec.structs.replace(
            end.point, transport=_bearer(anchor, end.side), setup=_role(anchor, end.side, role),
            remote=peer.address, remote_setup=_role(anchor, end.side, None if role is None else sdp.complement(role)),
            remote_fingerprints=peer.media.fingerprints if protected else (),
            tls_id=anchor.tls_id if protected and anchor.datagrams else "",
            remote_tls_id=(peer.media.attribute("tls-id") or "") if protected and anchor.datagrams else "",
            remote_path=peer.media.attribute("path") or "" if anchor.mode is Msrp.AWARE else "",
            establish_tls=protected and self._is_tls_client(anchor, end, role, peer.media))

    def _is_tls_client(self, anchor: Anchor, end: End, role: str | None, media: sdp.Media) -> bool:
        """Whether the gateway is TLS client towards a peer (section 3.2 of the stage-2 digest).

        With BFCP where it stands for the offerer, whoever opens TCP (R-6.2.10.3-8); else where it is TCP client.
        """
        if is_bfcp(media) and self._bfcp_tls is sdp.BfcpClient.OFFERER:
            return anchor.answerer == end.side
        return role == sdp.Setup.ACTIVE

    # Procedures

    def reserve(self, anchor: Anchor, end: End, why: str) -> Wait:
        """Reserve AGW Connection Point; with a remote address Reserve and Configure. Raises Rejected."""
        anchor.ends[end.side] = end
        context = h248.CHOOSE if anchor.context is None else anchor.context
        try:
            given = yield from self.engine.reserve(context, end.point, why=why)
        except PeerError as error:
            raise Rejected(500, str(error)) from error
        if not isinstance(given, Reserved):
            raise _not_done(given)
        anchor.context = given.context
        end.given = given
        end.point = _kept(end.point, given)
        _still_there(anchor)

    def configure(self, anchor: Anchor, end: End, why: str) -> Wait:
        """Configure AGW Connection Point. Raises Rejected."""
        assert end.given is not None
        end.point = msgspec.structs.replace(end.point, path=end.path)
        yield from self._done(self.engine.configure(end.given, end.point, why=why))
        end.point = _kept(end.point, end.given)
        _still_there(anchor)

    def advertise(self, anchor: Anchor, end: End, why: str) -> Wait:
        """MSRP Path (local), once the address it names is known: with application-aware interworking only."""
        if anchor.mode is Msrp.AWARE and end.point.path != end.path:
            yield from self.configure(anchor, end, why)

    def change_through_connection(self, end: End, mode: h248.Mode, why: str) -> Wait:
        """Change Through-Connection. Raises Rejected."""
        assert end.given is not None
        yield from self._done(self.engine.change_through_connection(end.given, mode, why=why))
        end.point = msgspec.structs.replace(end.point, mode=mode)

    def start_tcp(self, anchor: Anchor, end: End, why: str) -> Wait:
        """Establish TCP connection. Raises Rejected."""
        assert end.given is not None
        yield from self._done(self.engine.start_tcp(end.given, end.point, why=why))
        _still_there(anchor)

    def start_tls_again(self, anchor: Anchor, end: End, why: str) -> Wait:
        """Establish TLS session where the gateway is TLS client by this exchange. Raises Rejected."""
        assert end.peer is not None
        if self._is_tls_client(anchor, end, end.point.setup, end.peer.media):
            end.point = msgspec.structs.replace(end.point, establish_tls=True)
            yield from self.configure(anchor, end, why)

    def release(self, anchor: Anchor | None) -> Steps:
        """Release AGW Termination: all of a stream's; a failure is noted and nothing else can be done."""
        if anchor is None or anchor.context is None:
            return
        context, anchor.context = anchor.context, None
        try:
            given = yield from self.engine.release(context)
        except PeerError as error:
            yield Note(f"context {context} could not be released: {error}")
            return
        if isinstance(given, Refused | Unanswered):
            yield Note(f"context {context} could not be released: {_not_done(given).why}")

    def release_stray(self, context: int, termination: str) -> Steps:
        """A termination that nobody here knows (F12): the gateway is told so, and then to let go of it."""
        try:
            yield from self.engine.release_termination(
                context, termination, why="a termination that hangs is released [TS 23.334 §8.6]")
        except PeerError as error:
            yield Note(f"{termination} could not be released: {error}")

    def _done(self, procedure: Generator[Command | Await, Any, Any]) -> Wait:
        try:
            given = yield from procedure
        except PeerError as error:
            raise Rejected(500, str(error)) from error
        if isinstance(given, Refused | Unanswered):
            raise _not_done(given)

    def _can_say(self, role: str) -> bool:
        """Whether the item that plays a role can be written: in binary only where its number is known."""
        item = registry().lookup(registry().wire_name(role))
        return self._named or (item is not None and item.id is not None)


def through(anchor: Anchor, near: Said, far: Said) -> h248.Mode:
    """The stream mode of the termination towards `near` (R-5.2-5): who may send by both descriptions.

    The gate holds octets, responses of MSRP among them: nothing passes against the direction of a=sendonly. A direction
    says nothing of BFCP: floors are asked for and given while media are held.
    """
    if is_bfcp(near.media) and anchor.row is not None and anchor.row.joined is not Joined.NOT:
        return OPEN
    if anchor.state_aware and anchor.row is not None and anchor.row.joined is Joined.NOT:
        return h248.Mode.INACTIVE
    comes = near.described.direction_of(near.written).sends and far.described.direction_of(far.written).receives
    goes = far.described.direction_of(far.written).sends and near.described.direction_of(near.written).receives
    return {
        (True, True): h248.Mode.SEND_RECEIVE, (True, False): h248.Mode.RECEIVE_ONLY,
        (False, True): h248.Mode.SEND_ONLY, (False, False): h248.Mode.INACTIVE,
    }[comes, goes]


def is_bfcp(media: sdp.Media) -> bool:
    """The stream is BFCP."""
    transport = sdp.transport_of(media.proto)
    return transport is not None and transport.application == "bfcp"


def protected(anchor: Anchor, side: str, media: sdp.Media) -> bool:
    """Whether a leg's peer reads a transport with TLS."""
    if anchor.treatment is Treatment.E2AE:
        return side == ACCESS
    transport = sdp.transport_of(media.proto)
    return transport is not None and transport.security is not None


def _bearer(anchor: Anchor, side: str) -> str:
    """Bearer type indication: of end-to-end TLS the gateway hears nothing (R-6.2.10A-1)."""
    if anchor.opaque:
        return "udp"
    if anchor.datagrams:
        return "UDP/TLS/UDPTL" if anchor.treatment is Treatment.E2AE and side == ACCESS else "udptl"
    words = ["TCP"]
    if anchor.treatment.protects(side):
        words.append("TLS")
    if anchor.mode is Msrp.AWARE:
        words.append("MSRP")
    return "/".join(words)


def _role(anchor: Anchor, side: str, role: sdp.Setup | None) -> sdp.Setup | None:
    """No role on a stateless stream (R-5.16.1-1); holdconn where no connection is wanted yet; for DTLS its role."""
    if anchor.datagrams:
        return role if anchor.treatment is Treatment.E2AE and side == ACCESS else None
    return (role or sdp.Setup.HOLDCONN) if anchor.state_aware else None


def _kept(point: ConnectionPoint, given: Reserved) -> ConnectionPoint:
    """What stays of an order for the next one: the gateway's own address and fingerprint; signals are over."""
    return msgspec.structs.replace(
        point, local=given.local, fingerprint=given.fingerprint, ask_fingerprint=False, latching=Latching.OFF,
        establish_tls=False, establish_tcp=False, renew=None)


def _still_there(anchor: Anchor) -> None:
    if anchor.lost:
        raise Rejected(503, "the gateway reports that the bearer failed")


def _not_done(given: Refused | Unanswered) -> Rejected:
    """Why a call can't go on without what the gateway did not give (F1)."""
    if isinstance(given, Unanswered):
        return Rejected(503, given.why)
    return Rejected(488 if given.code in _UNABLE else 503, f"the gateway refused: {given.code} {given.text}")
