"""Calls of an IMS-ALG: two halves, and the stream that the gateway anchors between them."""

from __future__ import annotations

import enum
import ipaddress
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from workbench.net.values import Endpoint
from workbench.nodes.controller.elements import ConnectionPoint
from workbench.nodes.controller.readings import Reserved
from workbench.nodes.ims_alg.roles import Row
from workbench.nodes.ims_alg.settings import Msrp
from workbench.protocols import sdp, sip

ACCESS = "access"
CORE = "core"

# A request that crossed the end of its dialog still finds it: as long as it may be repeated (RFC 3261 §17.1.2.2).
_REMEMBERED_SECONDS = 32.0
_MOST_REMEMBERED = 4096


class Treatment(enum.StrEnum):
    """What an m= line gets (decision table R-24.229-4 of the stage-2 digest)."""

    E2AE = "e2ae"
    E2E = "e2e"
    PLAIN = "plain"
    B2BUA = "b2bua"
    """TLS ends at the gateway on both sides: no row of the table, but a cure that the study weighs."""

    def protects(self, side: str) -> bool:
        """TLS or DTLS ends at the gateway on this leg."""
        return self is Treatment.B2BUA or (self is Treatment.E2AE and side == ACCESS)


class Registration(msgspec.Struct, frozen=True):
    """A registered UE: where its packets come from, what its Contact says, and its media plane security.

    Args:
        opens_too: it has said that it opens TCP although it is passive (TR 29.828 Annex D).
    """

    uri: str
    contact: str
    flow: sip.Address
    mechanisms: tuple[str, ...]
    opens_too: bool = False

    @property
    def behind_nat(self) -> bool:
        """Packets come from another address than the Contact names (RFC 3581 §4)."""
        return canonical(sip.host_of(self.contact)) != self.flow[0]


class Leg(msgspec.Struct, eq=False):
    """One half of a call: its dialog, and where its requests go.

    Args:
        owes_ack: the peer's 2xx still waits for our ACK.
        told: the description that was sent on it last; None before.
    """

    side: str
    target: sip.Address
    dialog: sip.Dialog | None = None
    owes_ack: bool = False
    told: sdp.SessionDescription | None = None


class Said(msgspec.Struct, frozen=True):
    """A description as it came from a peer.

    Args:
        described: all of it.
        written: its m= section as it stands there.
        media: the same with what it inherits from session level (RFC 8122 §5, RFC 4145 §4).
    """

    described: sdp.SessionDescription
    written: sdp.Media
    media: sdp.Media

    @property
    def address(self) -> Endpoint:
        """Where the peer says it is; port 0 where it refuses the stream."""
        connection = self.described.connection_of(self.written)
        assert connection is not None and self.written.port is not None  # `judging.said` has looked
        return Endpoint(canonical(connection.address), self.written.port)


class End(msgspec.Struct, eq=False):
    """The gateway's termination of a stream on one leg.

    Args:
        point: what was ordered last.
        given: what the gateway gave; None before.
        peer: what the peer of this leg said last; None before.
        path: what that peer knows as our end's a=path in application-aware interworking; "" otherwise.
        name: as call flows name it.
    """

    side: str
    point: ConnectionPoint
    given: Reserved | None = None
    peer: Said | None = None
    path: str = ""
    name: str = ""

    @property
    def local(self) -> Endpoint:
        """The gateway's address on this leg."""
        assert self.given is not None  # asked for once it is reserved
        return self.given.local


class Anchor(msgspec.Struct, eq=False):
    """A stream with a connection of its own through the gateway: a context with one termination a leg.

    Args:
        mode: what becomes of a=path.
        state_aware: the gateway has TCP roles.
        nat: the served UE is known to be behind a NAT.
        row: of the role matrix, once offer and answer have settled it.
        lost: the gateway reported that it ended or failed.
        answerer: the side of who answered the exchange that made the connection (with BFCP it is TLS server).
        datagrams: it is T.38 or RTP over UDP: roles are those of DTLS, and there is no connection.
        opaque: the gateway is told no more than that it is UDP.
        tls_id: the gateway's, of a DTLS association; empty: there is none.
        tells_tls_id: the UE is told; False where it has written none itself (RFC 8842 §5.3).
    """

    treatment: Treatment
    mode: Msrp
    state_aware: bool
    nat: bool
    ends: dict[str, End]
    context: int | None = None
    row: Row | None = None
    lost: bool = False
    answerer: str = ""
    datagrams: bool = False
    opaque: bool = False
    tls_id: str = ""
    tells_tls_id: bool = False


class Rejected(Exception):
    """An offer can't be accepted: what its sender is told. Stays inside this package.

    Args:
        warns: the reason goes into a Warning header.
        warning: of the node that has refused, to be handed on as it is.
    """

    def __init__(self, status: int, why: str, *, reason: str = "", warns: bool = False, warning: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.reason = reason or sip.REASONS.get(status, "Rejected")
        self.why = why
        self.warns = warns
        self.warning = warning


class Exchange(msgspec.Struct, eq=False):
    """An offer that is being answered, from its INVITE to the ACK.

    Args:
        offerer: who made it.
        key: `side/transaction` of its INVITE, for CANCEL.
        answered: the answer has left; only the ACK is missing.
        withdrawn: the offer is not to be answered any more, and what its sender is told.
    """

    offerer: Leg
    key: str
    answered: bool = False
    withdrawn: Rejected | None = None


class Call(msgspec.Struct, eq=False):
    """A call that runs or is being set up.

    Args:
        served: URI of the UE that this edge serves, as registrations know it.
        anchor: the stream in place; None before, and where it was taken out.
        coming: the stream that is being set up, in the first place or to replace the one in place.
        exchange: the offer that waits for its answer.
        treatment: of the last stream that was set up.
        plain_end: an offer with a=msrp-cema was answered without.
    """

    access: Leg
    core: Leg
    served: str = ""
    anchor: Anchor | None = None
    coming: Anchor | None = None
    exchange: Exchange | None = None
    treatment: Treatment = Treatment.PLAIN
    over: bool = False
    plain_end: bool = False

    @property
    def legs(self) -> tuple[Leg, Leg]:
        """Both halves."""
        return (self.access, self.core)

    def other(self, leg: Leg) -> Leg:
        """The other half."""
        return self.core if leg is self.access else self.access


class Calls:
    """The calls of a node, found by dialog.

    Args:
        most: at a time; a further one is refused with 503.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._calls: dict[int, Call] = {}
        self._by_dialog: dict[tuple[str, str, str], tuple[Call, Leg]] = {}
        self._ended: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._calls.values()))

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """A new call. Raises Rejected: there are too many."""
        if len(self._calls) >= self._most:
            raise Rejected(503, f"{self._most} calls are running")
        self._calls[id(call)] = call

    def remove(self, call: Call) -> None:
        """The call is over."""
        self._calls.pop(id(call), None)

    def begin(self, call: Call, leg: Leg, dialog: sip.Dialog) -> None:
        """A half has its dialog."""
        leg.dialog = dialog
        self._by_dialog[leg.side, dialog.call_id, dialog.local_tag] = (call, leg)

    def end(self, leg: Leg, now: float) -> sip.Dialog | None:
        """A half's dialog is over; what it was."""
        dialog, leg.dialog = leg.dialog, None
        if dialog is not None:
            key = (leg.side, dialog.call_id, dialog.local_tag)
            self._by_dialog.pop(key, None)
            self._ended[key] = now + _REMEMBERED_SECONDS
            if len(self._ended) > _MOST_REMEMBERED:
                self._ended.popitem(last=False)
        return dialog

    def find(self, side: str, request: sip.Request) -> tuple[Call, Leg] | None:
        """The call and the half that a request inside a dialog is for."""
        found = self._by_dialog.get((side, request.call_id, request.to_tag))
        matches = found is not None and found[1].dialog is not None and found[1].dialog.matches(request)
        return found if matches else None

    def has_ended(self, side: str, request: sip.Request, now: float) -> bool:
        """Whether a request is for a dialog that ended a moment ago."""
        return now < self._ended.get((side, request.call_id, request.to_tag), 0.0)


def canonical(host: str) -> str:
    """An IP address in the form that a network names it with (RFC 5952); a name as it is."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host
