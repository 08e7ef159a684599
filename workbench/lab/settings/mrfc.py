"""Settings of an MRFC that runs alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from workbench.lab.recording import Plan, planned
from workbench.lab.settings.agw import PORTS, Coding, Transport
from workbench.lab.settings.file import File, registry_of
from workbench.lab.settings.kms import Words, shared
from workbench.net.values import Endpoint
from workbench.nodes.conference import Conference
from workbench.nodes.orders import CallOut

if TYPE_CHECKING:
    from workbench.nodes.node import Node
    from workbench.nodes.tickets import Tickets
    from workbench.security.source import Source

_LONGEST = 86_400.0
_MOST_PARTICIPANTS = 200


class Floors(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A conference with floors.

    Args:
        people: SIP URIs of those who may take part, each with its a=userid.
        number: a=confid.
        floor: its one floor, a=floorid.
        holders: who may have it at the same time, at most.
        chair: the SIP URI of who decides on it, one of `people`; empty: nobody has to.
    """

    people: Annotated[dict[str, Annotated[int, msgspec.Meta(ge=1, le=65_535)]], msgspec.Meta(min_length=1)]
    number: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)] = 4321
    floor: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 543
    holders: Annotated[int, msgspec.Meta(ge=1, le=256)] = 1
    chair: str = ""


class TicketsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an MRFC uses tickets of MIKEY.

    Args:
        kms: HTTP endpoint of its KMS.
        key: in hexadecimal, what it shares with the KMS, 16 octets or more.
        key_name: what that key is called there (IDRpsk).
        identity: IDRkms, an NAI.
        target: where requests are posted to. Provisional.
        ticket_key: in hexadecimal; with it tickets for the conferences' own calls are made here (mode 3).
        ticket_key_name: what tickets call that key.
        holds: seconds for which a ticket is asked.
    """

    key: str
    key_name: Words
    kms: str = "127.0.0.50:8080"
    identity: Words = "kms@ims.example"
    target: str = "/keymanagement"
    ticket_key: str | None = None
    ticket_key_name: Words = "tpk-2"
    holds: Annotated[float, msgspec.Meta(ge=1, le=1e9)] = 3600.0

    def __repr__(self) -> str:
        return f"TicketsFile({self.key_name!r} at {self.kms})"


class MrfcFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of an MRFC.

    Args:
        name: of the node.
        sip: its SIP endpoint, over UDP, where conferences are called.
        control: its own H.248 endpoint; as in `AgwFile`.
        mrfp: its MRFP's.
        coding, transport: of H.248; as in `AgwFile`.
        conferences: SIP URIs that can be called.
        participants: of one conference, at most.
        host: who the conference is in a=path: a name, since CEMA is assumed.
        answers: a=setup in its answers: `active`, the MRFP opens the connections, or `passive`.
        reports: the MRFP is asked to report connections that do not come about.
        tells_floors: the MRFP is told over H.248 which floors there are, and asked to report decisions (stand-in items,
            in text only); False: for an MRFP that does not know them.
        packages: a file that is laid over the package registry.
        floors: conferences with floors, by URI.
        tickets: where keys of TLS come from; without it TLS is refused.
        routes: SIP domain to where calls to people in it go. A URI with an address needs none.
        calls: whom conferences call, in lines: second, conference, SIP URI.
    """

    name: str = "mrfc"
    sip: str = "127.0.0.1:5060"
    control: str = "127.0.0.1:2946"
    mrfp: str = "127.0.0.1:2944"
    coding: Coding = "pretty"
    transport: Transport = "udp"
    conferences: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("sip:conf-1@ims.example",)
    participants: Annotated[int, msgspec.Meta(ge=2, le=_MOST_PARTICIPANTS)] = 100
    host: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9.-]{1,253}$")] = "conference.ims.example"
    answers: Literal["active", "passive"] = "active"
    reports: bool = True
    tells_floors: bool = True
    packages: str | None = None
    floors: dict[str, Floors] = {}
    tickets: TicketsFile | None = None
    routes: dict[str, str] = {}
    calls: tuple[str, ...] = ()


def mrfc(path: Path, source: Source, epoch: float) -> Node:
    """An MRFC as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.mrfc import Mrfc, Settings
    from workbench.protocols.h248.packages import lay_over
    from workbench.protocols.sdp import Setup

    file = File.read(path)
    told = file.settings(MrfcFile)
    if registry_of(file, told.packages) is not None:
        lay_over(file.path.parent / str(told.packages))
    for uri in told.conferences:
        _check_uri(file, "conferences", uri)
    for uri, floors in told.floors.items():
        _check_floors(file, told, uri, floors)
    port = PORTS[told.coding]
    control = file.endpoint("control", told.control, port)
    local = file.endpoint("sip", told.sip, 5060)
    settings = Settings(
        told.conferences, participants=told.participants, host=told.host, answers=Setup(told.answers),
        reports=told.reports, tells_floors=told.tells_floors,
        routes={domain: file.peer(f"routes.{domain}", hop, 5060, local) for domain, hop in told.routes.items()},
        floors={uri: Conference(one.number, one.floor, one.people, one.chair, one.holders)
                for uri, one in told.floors.items()})
    return Mrfc(
        told.name, local=local, control=control, tickets=_tickets(file, told.tickets, local, epoch),
        mrfp=file.peer("mrfp", told.mrfp, port, control), settings=settings, source=source, coding=told.coding,
        transport=told.transport, first_id=source.number(1, 0x7FFFFFFF), looks=True)


def script(path: Path) -> tuple[tuple[float, CallOut], ...]:
    """Whom the conferences of a file call, in order of time. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(MrfcFile)
    found = [_call(file, told, number, line) for number, line in enumerate(told.calls)]
    return tuple(sorted(found, key=lambda one: one[0]))


def _call(file: File, told: MrfcFile, number: int, line: str) -> tuple[float, CallOut]:
    key, parts = f"calls[{number}]", line.split()
    try:
        seconds, conference, whom = parts
        time = float(seconds)
    except ValueError:
        raise file.wrong(key, f"{line!r} is not a second, a conference and whom it calls", quoted=line) from None
    if not 0 <= time <= _LONGEST:
        raise file.wrong(key, f"seconds from 0 to {_LONGEST:g}", quoted=line)
    if conference not in told.conferences:
        raise file.wrong(key, f"{conference!r} is not one of conferences", quoted=line)
    _check_uri(file, key, whom)
    return time, CallOut(whom, conference)


def _tickets(file: File, told: TicketsFile | None, local: Endpoint, epoch: float) -> Tickets | None:
    from workbench.nodes.tickets import MODE_3, Tickets
    from workbench.security.tickets.terms import USUAL

    if told is None:
        return None
    own = None if told.ticket_key is None else shared(file, "ticket_key", told.ticket_key_name, told.ticket_key)
    return Tickets(
        file.peer("kms", told.kms, 8080, local), shared(file, "key", told.key_name, told.key), epoch,
        kms_identity=told.identity, flags=USUAL if own is None else MODE_3, ticket_key=own, holds=told.holds,
        target=told.target)


def _check_uri(file: File, key: str, uri: str) -> None:
    from workbench.errors import PeerError
    from workbench.protocols import sip

    try:
        sip.Uri.decode(uri)
    except PeerError as error:
        raise file.wrong(key, f"{uri!r}: {error}", quoted=uri) from None


def _check_floors(file: File, told: MrfcFile, uri: str, floors: Floors) -> None:
    if uri not in told.conferences:
        raise file.wrong("floors", f"{uri!r} is not one of conferences", quoted=uri)
    for one in floors.people:
        _check_uri(file, "people", one)
    if len(set(floors.people.values())) < len(floors.people):
        raise file.wrong("people", "each person has a user id of its own")
    if floors.chair and floors.chair not in floors.people:
        raise file.wrong("chair", f"{floors.chair!r} is not one of people", quoted=floors.chair)


def plan(path: Path) -> Plan:
    """What a capture says of the controller's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(MrfcFile)
    control, sip = file.endpoint("control", told.control, PORTS[told.coding]), file.endpoint("sip", told.sip, 5060)
    others = [file.endpoint("mrfp", told.mrfp, PORTS[told.coding])]
    others += [file.endpoint("kms", told.tickets.kms, 8080)] if told.tickets is not None else []
    others += [file.endpoint(f"routes.{domain}", hop, 5060) for domain, hop in told.routes.items()]
    return planned(told.name, {str(sip): "SIP", str(control): "Mp"}, others)
