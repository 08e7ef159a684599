"""SDP of Local and Remote descriptors: read as settings, and filled in where the controller wrote `$`.

Source: H.248.1 §7.1.8; TS 29.334 §5.15, §5.17; RFC 4145 (setup, connection), RFC 8122 (fingerprint).
"""

from __future__ import annotations

import functools
import ipaddress
import sys
from collections.abc import Mapping, Sequence

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.nodes.gateway.settings import Refused, Role
from workbench.protocols import sdp
from workbench.protocols.msrp.uri import Path, decode_path
from workbench.protocols.sdp import CHOOSE
from workbench.security.fingerprints import STRENGTH
from workbench.security.identities import Identity

_Attributes = dict[str, list[str]]

_OPPOSITE = {Role.ACTIVE: Role.PASSIVE, Role.PASSIVE: Role.ACTIVE}


class Local(msgspec.Struct, frozen=True):
    """What a Local descriptor asks for.

    Args:
        proto, tls: bearer type indication, and whether TLS ends here.
        version: of IP: 4 or 6.
        host, port: what the controller fixed; None where the gateway has to choose.
        role: see `Role`.
        hash_name: of the fingerprint that the gateway has to give; None where none was asked for.
        renew: `a=connection:new`.
        path: `a=path`, as advertised to the peer; None while it is not given, or has a `$` in it.
        tls_id: `a=tls-id`; empty: not told.
        floor: `a=confid`, `a=userid` and `a=floorid` of BFCP; None: not told.
    """

    proto: str
    tls: bool
    version: int
    host: str | None
    port: int | None
    role: Role
    hash_name: str | None
    renew: bool
    path: Path | None = None
    tls_id: str = ""
    floor: sdp.BfcpStream | None = None

    @property
    def underspecified(self) -> bool:
        """Something was left to the gateway, so the reply has to say what it chose."""
        return self.host is None or self.port is None or self.hash_name is not None


class Remote(msgspec.Struct, frozen=True):
    """What a Remote descriptor says of the peer: its transport (m= proto), and the rest, None where it says nothing."""

    proto: str
    address: Endpoint | None
    role: Role | None
    fingerprints: tuple[sdp.Fingerprint, ...] | None
    path: Path | None = None
    tls_id: str = ""


def read_local(described: sdp.SessionDescription, transports: Mapping[str, bool], identity: Identity) -> Local:
    """Read a Local descriptor.

    Args:
        transports: what the gateway can do: m= proto in lower case, and whether TLS ends here.
        identity: whose fingerprint a Local that is sent again has to show.

    Raises:
        Refused: 449 for a value that can't be, 515 for a transport that the gateway lacks, 441 without m= or c=.
    """
    media = _only_media(described)
    if media.proto.lower() not in transports:
        raise Refused(515, f"{media.media} {media.proto}")
    connection = described.connection_of(media)
    if connection is None:
        raise Refused(441, "c=")
    host = None if connection.address == CHOOSE else _address(connection.address)
    version = _version(connection.addr_type) if host is None else ipaddress.ip_address(host).version
    port = _port(media)
    tls = transports[media.proto.lower()]
    said = _attributes(described, media)
    return Local(
        sys.intern(media.proto), tls, version, host, port, _role(said) or Role.NONE, _hash(said, media, identity, tls),
        _one(said, "connection") == "new", _path(said, media), _tls_id(said), _floor(said, media))


def read_remote(described: sdp.SessionDescription) -> Remote:
    """Read a Remote descriptor.

    Raises:
        Refused: 449 for a value that can't be, 441 without an m= line.
    """
    media = _only_media(described)
    connection = described.connection_of(media)
    port = _port(media)
    host = None if connection is None or connection.address == CHOOSE else _address(connection.address)
    address = None if host is None or not port else Endpoint(host, port)
    said = _attributes(described, media)
    return Remote(media.proto, address, _role(said), _fingerprints(said), _path(said, media), _tls_id(said))


def filled(
    described: sdp.SessionDescription, local: Endpoint, identity: Identity, hash_name: str | None
) -> sdp.SessionDescription:
    """The description with every `$` replaced by what the gateway chose; all other lines as they came.

    Blanks that a controller puts in front of lines, as the text encoding allows in a descriptor, are not repeated.
    """
    def fill(lines: Sequence[sdp.Line]) -> tuple[sdp.Line, ...]:
        return tuple(_fill(line, local, identity, hash_name) for line in lines)

    media = []
    for one in described.media:
        shown = one.with_port(local.port) if one.port is None and one.port_count == 1 else one
        media.append(msgspec.structs.replace(shown, lines=fill(shown.lines), lead=""))
    return msgspec.structs.replace(described, lines=fill(described.lines), media=tuple(media), tail="")


def settled(role: Role, peer: Role | None) -> Role:
    """The role where Local gives none but Remote gives the peer's; and a check that they go together.

    Raises:
        Refused: 473, both ends would open, or both would wait.
    """
    if peer is None:
        return role
    if Role.HOLDCONN in (role, peer):
        return Role.HOLDCONN
    if role is Role.NONE:
        return _OPPOSITE.get(peer, role)
    if role is peer and role in _OPPOSITE:
        raise Refused(473, f"a=setup:{role} in Local and in Remote")
    return role


def _fill(line: sdp.Line, local: Endpoint, identity: Identity, hash_name: str | None) -> sdp.Line:
    value = line.value
    if line.type == "c":
        words = value.split()
        if len(words) > 2 and words[2] == CHOOSE:
            words[1:3] = [f"IP{local.version}", local.host]
            value = " ".join(words)
    elif hash_name is not None and CHOOSE in value and line.type == "a" and line.name.lower() == "fingerprint":
        value = f"fingerprint:{identity.fingerprint(hash_name).encode()}"
    return line if value == line.value and not line.lead else sdp.Line(line.type, value, line.end)


def _only_media(described: sdp.SessionDescription) -> sdp.Media:
    if not described.media:
        raise Refused(441, "m=")
    if len(described.media) > 1:
        raise Refused(449, f"{len(described.media)} m= lines for one stream")
    return described.media[0]


def _attributes(described: sdp.SessionDescription, media: sdp.Media) -> _Attributes:
    """The values of all attributes by name; those of the media level replace the session's (RFC 8122 §5, RFC 4145)."""
    said: _Attributes = {}
    for level in (described, media):
        own: _Attributes = {}
        for line in level.lines:
            if line.type == "a":
                name, _, value = line.value.partition(":")
                own.setdefault(name, []).append(value)
        said |= own
    return said


@functools.lru_cache(maxsize=1_024)
def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Refused(449, f"c= {text}") from None


def _version(addr_type: str) -> int:
    versions = {"IP4": 4, "IP6": 6}
    if addr_type.upper() not in versions:
        raise Refused(449, f"c=IN {addr_type}")
    return versions[addr_type.upper()]


def _port(media: sdp.Media) -> int | None:
    if media.port is None:
        return None
    if not 0 < media.port < 65_536:
        raise Refused(449, f"m={media.media} {media.port}")
    return media.port


def _one(said: _Attributes, name: str) -> str:
    return said[name][0].strip().lower() if name in said else ""


def _role(said: _Attributes) -> Role | None:
    value = _one(said, "setup")
    if not value:
        return None
    if value not in (Role.ACTIVE, Role.PASSIVE, Role.ACTPASS, Role.HOLDCONN):
        raise Refused(449, f"a=setup:{value}")
    return Role(value)


def _tls_id(said: _Attributes) -> str:
    """Which DTLS association is meant (RFC 8842 §4); empty: nothing is said of that."""
    value = said["tls-id"][0] if "tls-id" in said else ""
    if value and not sdp.valid_tls_id(value):
        raise Refused(449, f"a=tls-id:{value[:40]}")
    return value


def _path(said: _Attributes, media: sdp.Media) -> Path | None:
    """`a=path` of an endpoint whose application is named; for others it is a line like any other."""
    value = said["path"][0] if "path" in said else CHOOSE
    if CHOOSE in value or not media.proto.lower().endswith("/msrp"):
        return None
    try:
        return decode_path(" ".join(value.split()))
    except PeerError as error:
        raise Refused(449, f"a=path: {error}") from None


def _floor(said: _Attributes, media: sdp.Media) -> sdp.BfcpStream | None:
    """Whom of which conference a BFCP endpoint serves, where that is told."""
    if "confid" not in said or not media.proto.lower().endswith("/bfcp"):
        return None
    try:
        return sdp.BfcpStream.of(media)
    except PeerError as error:
        raise Refused(449, str(error)) from None


def _hash(said: _Attributes, media: sdp.Media, identity: Identity, tls: bool) -> str | None:
    """The hash function of a fingerprint to give: `SHA-256 $`, `$` or `$ $`; a concrete one has to be ours."""
    wanted = None
    for value in said.get("fingerprint", ()):
        if not tls:
            raise Refused(473, f"a=fingerprint with {media.proto}")
        name = sdp.fingerprint_choice(value)
        if name is not None:
            if name.lower() not in STRENGTH:
                raise Refused(449, f"a=fingerprint:{value}")
            wanted = name
            continue
        given = _decoded(value)
        if given.hash_name.lower() not in STRENGTH or identity.fingerprint(given.hash_name).value != given.value:
            raise Refused(449, f"a=fingerprint:{value}")
    return wanted


def _fingerprints(said: _Attributes) -> tuple[sdp.Fingerprint, ...] | None:
    return tuple([_decoded(value) for value in said.get("fingerprint", ())]) or None


def _decoded(value: str) -> sdp.Fingerprint:
    try:
        return sdp.Fingerprint.decode(value)
    except PeerError:
        raise Refused(449, f"a=fingerprint:{value}") from None
