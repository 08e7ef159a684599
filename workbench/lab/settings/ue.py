"""Settings of a UE that runs alone, and what its person does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from workbench.errors import SettingsError
from workbench.lab.recording import Plan, planned
from workbench.lab.settings.file import File
from workbench.lab.spoken import Quit, Spoken, read_line, read_order
from workbench.nodes.conference import Conference
from workbench.nodes.fax_terminal import FaxTerminal

if TYPE_CHECKING:
    from workbench.nodes.orders import Order
    from workbench.nodes.ue import UserEquipment
    from workbench.security.source import Source

Setup = Literal["active", "passive", "actpass", "holdconn"]
_LONGEST = 86_400.0
_MOST_CHUNK = 1 << 20
_MOST_DEPTH = 15
_NEWEST_T38 = 3


class UeFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a UE.

    Args:
        name: of the node.
        uri: its public SIP identity.
        sip: its SIP endpoint, `address` or `address:port`; its media use the same address.
        proxy: where it sends SIP to: the IMS-ALG's access side, or for a peer beyond the core its core side.
        rings: seconds until a call is answered.
        registers, media_security, offers, answers, tls_versions, presents, chunk, msrp, falls_back, insists, listens,
            accepts_after, connects, connects_after: as in `topology.Ue`.
        media, tls_role: as in `topology.Ue`.
        fax: its fax terminal: `correction`, `depth`, `version`, `names`.
        conference: of its floor control server: `number`, `floor`, `people` (SIP URIs to user ids), `chair`.
        discovers: the STUN server that it asks over TCP; empty: none.
        script: what its person does, in lines as they can be typed, each behind the second at which it is said
            (`1.5 call sip:bob@home2.example`). Without a script lines are read from standard input.
    """

    name: str = "ue"
    uri: str = "sip:alice@home1.example"
    sip: str = "127.0.0.1:5062"
    proxy: str = "127.0.0.1:5060"
    rings: float = 0.0
    registers: bool = True
    media_security: bool = True
    offers: Setup = "active"
    answers: Literal["active", "passive"] = "passive"
    tls_versions: tuple[Literal["1.2", "1.3"], ...] = ("1.2", "1.3")
    presents: Literal["announced", "another"] = "announced"
    chunk: int = 2048
    msrp: Literal["cema", "sessmatch", "plain"] = "cema"
    falls_back: bool = True
    insists: Setup | None = None
    listens: bool = True
    accepts_after: float = 0.0
    connects: bool = True
    connects_after: float = 0.0
    discovers: str = ""
    media: Literal["msrp", "bfcp", "t38", "audio"] = "msrp"
    tls_role: Literal["offerer", "setup"] = "offerer"
    fax: FaxTerminal = FaxTerminal()
    conference: Conference | None = None
    script: tuple[str, ...] = ()


def ue(path: Path, source: Source, epoch: float) -> UserEquipment:
    """A UE as a file says; arguments and errors as of `agw`."""
    from workbench.nodes.ue import UserEquipment
    from workbench.security.identities import Identity

    file = File.read(path)
    told = file.settings(UeFile)
    _check(file, told)
    _script(file, told)
    local = file.endpoint("sip", told.sip, 5060)
    identity = Identity.self_signed(told.uri, source)
    return UserEquipment(
        told.name, uri=told.uri, address=local.host, port=local.port,
        proxy=file.peer("proxy", told.proxy, 5060, local), source=source, identity=identity,
        presents=identity if told.presents == "announced" else Identity.self_signed(told.uri, source),
        registers=told.registers, media_security=told.media_security, offers=told.offers, answers=told.answers,
        tls_versions=told.tls_versions, chunk=told.chunk, rings=told.rings, msrp=told.msrp,
        falls_back=told.falls_back, insists=told.insists or "", listens=told.listens,
        accepts_after=told.accepts_after, connects=told.connects, connects_after=told.connects_after,
        discovers=file.peer("discovers", told.discovers, 3478, local) if told.discovers else None,
        media=told.media, tls_role=told.tls_role, conference=told.conference, fax=told.fax)


def plan(path: Path) -> Plan:
    """What a capture says of the UE's surroundings. Raises SettingsError."""
    file = File.read(path)
    told = file.settings(UeFile)
    local = file.endpoint("sip", told.sip, 5060)
    return planned(told.name, {local.host: "access" if told.registers else "core"},
                   [file.endpoint("proxy", told.proxy, 5060)])


def script(path: Path) -> tuple[tuple[float, Order | Quit], ...]:
    """What a UE's file has its person do, in order of time. Raises SettingsError."""
    file = File.read(path)
    return _script(file, file.settings(UeFile))


def _script(file: File, told: UeFile) -> tuple[tuple[float, Order | Quit], ...]:
    lines: list[Spoken] = []
    for number, line in enumerate(told.script):
        try:
            lines.append(read_line(line))
        except SettingsError as error:
            raise file.wrong(f"script[{number}]", str(error), quoted=line) from None
    return tuple(sorted(((line.time, line.order) for line in lines), key=lambda line: line[0]))


def _check_conference(file: File, told: UeFile, conference: Conference) -> None:
    if told.media != "bfcp":
        raise file.wrong("conference", 'a floor control server needs media = "bfcp"')
    if not 0 <= conference.number < 1 << 32 or not 0 <= conference.floor < 1 << 16:
        raise file.wrong("conference", "number is from 0 to 4294967295, floor from 0 to 65535")
    users = list(conference.people.values())
    if len(set(users)) < len(users) or not all(0 < user < 1 << 16 for user in users):
        raise file.wrong("conference.people", "each person has a user id of its own, from 1 to 65535")
    if conference.chair and conference.chair not in conference.people:
        raise file.wrong("conference.chair", f"{conference.chair} is not one of conference.people")


def _check(file: File, told: UeFile) -> None:
    read_order(f"call {told.uri}", lambda what: file.wrong("uri", what))
    if told.conference is not None:
        _check_conference(file, told, told.conference)
    if not told.tls_versions:
        raise file.wrong("tls_versions", "a UE needs at least one")
    if not 1 <= told.chunk <= _MOST_CHUNK:
        raise file.wrong("chunk", f"{told.chunk}; from 1 to {_MOST_CHUNK} octets")
    if not 0 <= told.fax.depth <= _MOST_DEPTH:
        raise file.wrong("fax.depth", f"{told.fax.depth}; from 0 to {_MOST_DEPTH} former packets")
    if not 0 <= told.fax.version <= _NEWEST_T38:
        raise file.wrong("fax.version", f"{told.fax.version}; from 0 to {_NEWEST_T38}")
    for key in ("rings", "accepts_after", "connects_after"):
        if not 0 <= getattr(told, key) <= _LONGEST:
            raise file.wrong(key, f"{getattr(told, key):g}; from 0 to {_LONGEST:g} seconds")
