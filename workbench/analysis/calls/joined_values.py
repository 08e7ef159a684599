"""A call joined: what belongs together of SIP, H.248, the connections on each wire, and what they carry. Values."""

from __future__ import annotations

import msgspec

from workbench.analysis.values import Place


class Passage(msgspec.Struct, frozen=True):
    """The same thing on one wire: a dialog, a connection, a flow of datagrams.

    Args:
        wire: capture interface.
        source, destination: who began it, and with whom, as this wire shows them. A NAT in between makes another
            passage with another source or destination.
        frame: the first of it there.
        protocol: of a connection or flow, such as `TCP/TLS/MSRP` or `UDP/DTLS/UDPTL`; as the wire shows it.
    """

    wire: str
    source: Place
    destination: Place
    frame: int
    protocol: str = ""


class Dialog(msgspec.Struct, frozen=True):
    """A SIP dialog, which a back-to-back user agent ends: the next hop has another Call-ID.

    Args:
        call_id: of all its messages.
        caller, callee: nodes at its ends.
        passages: one for each wire, and for each NAT that its messages passed.
        begun, ended: seconds of the first message, and of what left nothing of the call; None while it stands.
    """

    call_id: str
    caller: str
    callee: str
    passages: tuple[Passage, ...]
    begun: float
    ended: float | None = None


class NatSide(msgspec.Struct, frozen=True):
    """What a NAT makes of an address on a leg: which is the inner one, which the NAT's own."""

    nat: str
    protocol: str
    inside: Place
    outside: Place


class Owner(msgspec.Struct, frozen=True):
    """The termination in which a gateway has a leg.

    Args:
        gateway: node.
        context: ContextID.
        termination: TerminationID.
        streams: StreamIDs that are described at the address of the leg; all of it while there is no connection.
        local: the gateway's own address and port; empty while none is given.
    """

    gateway: str
    context: int
    termination: str
    streams: tuple[int, ...]
    local: str


class MsrpSession(msgspec.Struct, frozen=True):
    """A pair of MSRP paths on a leg (RFC 4975 §5).

    Args:
        paths: the last URI of each side.
        told: which of them a=path on this leg has announced.
        frame: the first message between them; None where none was read.
    """

    paths: tuple[str, str]
    told: tuple[bool, bool]
    frame: int | None = None


class JoinedLeg(msgspec.Struct, frozen=True):
    """A leg with everything that belongs to it. Roles as in `Leg`.

    Args:
        name: as in the session.
        tcp_client, tcp_server, tls_client, tls_server: nodes; TLS stands for DTLS too. Empty where there is none.
        dialogs: Call-IDs of the SDP that describes it.
        owners: the gateways' terminations; two on a leg between gateways, none without a gateway.
        passages: its connection or datagrams on each wire, earliest first.
        nats: NATs on it.
        msrp: the MSRP sessions that it carries.
    """

    name: str
    tcp_client: str
    tcp_server: str
    tls_client: str
    tls_server: str
    dialogs: tuple[str, ...]
    owners: tuple[Owner, ...]
    passages: tuple[Passage, ...]
    nats: tuple[NatSide, ...]
    msrp: tuple[MsrpSession, ...]


class Holding(msgspec.Struct, frozen=True):
    """Somebody holds a floor.

    Args:
        user: BFCP user id.
        request: id of the floor request.
        since, frame: when the server granted it, and the frame that said so.
        until, last: when it was over, and the frame that said so; None while it stands.
        end: the status that ended it, such as `Released`.
    """

    user: int
    request: int
    since: float
    frame: int
    until: float | None = None
    last: int | None = None
    end: str = ""


class Floor(msgspec.Struct, frozen=True):
    """A BFCP floor with its holders over time, by the floor control server's words on one wire (RFC 8855 §13)."""

    conference: int
    floor: int
    wire: str
    holdings: tuple[Holding, ...]


class FaxPage(msgspec.Struct, frozen=True):
    """A page of a fax on one wire.

    Args:
        number: from 1.
        format: coding and size as its sender said; empty where that was not heard.
        octets, missing: that came, and about how many did not.
        ended: the command behind it, such as `EOP`; empty where none came.
        since: seconds of its first packet that came; None where none did.
    """

    number: int
    format: str
    octets: int
    missing: int
    ended: str
    since: float | None


class Fax(msgspec.Struct, frozen=True):
    """The pages that one side sent, on one wire."""

    wire: str
    source: str
    destination: str
    protected: bool
    pages: tuple[FaxPage, ...]


class Joined(msgspec.Struct, frozen=True):
    """A call with all that belongs together.

    Args:
        session: id of the session.
        dialogs: one for each hop, in order of their beginning.
        legs: as in the session.
        floors: of BFCP.
        faxes: directions in which pages went.
        unread_fax: UDPTL packets whose pages were not looked for, since there are too many.
    """

    session: str
    dialogs: tuple[Dialog, ...]
    legs: tuple[JoinedLeg, ...]
    floors: tuple[Floor, ...] = ()
    faxes: tuple[Fax, ...] = ()
    unread_fax: int = 0
