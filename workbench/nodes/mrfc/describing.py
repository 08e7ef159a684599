"""What a UE's offer says and the conference answers, and what the conference offers and a UE answers.

Source: TS 23.333 §6.2.20.1, §6.2.19.2, §6.2.19.3.1; RFC 8856 §5; RFC 4975 §8, RFC 6135 §4.2, RFC 6714 §4, RFC 3264 §6.
"""

from __future__ import annotations

import ipaddress

import msgspec

from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.protocols import sdp
from workbench.protocols.msrp import uri as msrp_uri

MOST_OCTETS = 1 << 18
"""a=max-size: the longest message that is taken."""
DISCARD = 9
"""The port of an m= line whose side opens the connection (RFC 6135 §4.2.1)."""
_MSRP_PORT = 2855
# An address of the path, and a=connection, are ignored: with CEMA the path is a name (RFC 6714 §4, RFC 6135 §4.3).
_IGNORED = frozenset({"msrp-path-port", "msrp-no-connection"})
_CLIENTS = {sdp.FloorControl.CLIENT, sdp.FloorControl.BOTH}


class Rejected(Exception):
    """Offer or answer can't be accepted: status and reason. Never leaves the node."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Said(msgspec.Struct, frozen=True):
    """What the conference needs of a UE's description: m= section, address, path, and its MIKEY in a=key-mgmt with TLS.
    """

    media: sdp.Media
    address: Endpoint
    path: str
    key_mgmt: str = ""

    @property
    def proto(self) -> str:
        """Of m=, in upper case."""
        return self.media.proto.upper()

    @property
    def protocols(self) -> tuple[str, ...]:
        """Of all its a=key-mgmt lines, in order (RFC 4567 §4.1.4)."""
        return tuple(map(sdp.protocol_of, self.media.attributes("key-mgmt")))

    @property
    def asks_floors(self) -> bool:
        """It is for floor control, not for messages."""
        return self.proto.endswith("/BFCP")


def read_offer(body: bytes, role: sdp.Setup) -> Said:
    """One MSRP or BFCP stream over TCP that the role goes with. Raises Rejected (488)."""
    try:
        described = sdp.decode(body)
        if len(described.media) != 1:
            raise Rejected(488, "one stream, of MSRP or BFCP, is what a conference takes")
        media = described.effective(described.media[0])
        address = _address(media)
        _check_application(media)
    except PeerError as error:
        raise Rejected(488, f"the offer: {error}") from None
    said = _said(media, address)
    if said.proto.startswith("TCP/TLS/") and not said.key_mgmt:
        raise Rejected(488, "TLS without a=key-mgmt: the keys of a conference come from MIKEY [TS 23.333 §6.2.19]")
    if role not in sdp.legal_answers(sdp.setup_of_offer(media)):
        raise Rejected(488, f"the conference is {role} [RFC 4145 §4.1]")
    return said


def _check_application(media: sdp.Media) -> None:
    match media.proto.upper():
        case "TCP/MSRP" | "TCP/TLS/MSRP":
            msrp_uri.decode_path(media.attribute("path") or "")
            if media.attribute("msrp-cema") is None:
                raise Rejected(488, "a=msrp-cema is missing: a=path of the conference is a name [RFC 6714 §4]")
        case "TCP/BFCP" | "TCP/TLS/BFCP":
            if not _CLIENTS & set(sdp.BfcpStream.of(media).control or _CLIENTS):
                raise Rejected(488, "two floor control servers [RFC 8856 §5.1]")
        case _:
            raise Rejected(488, f"{media.proto}: a conference takes TCP/MSRP and TCP/BFCP [TS 23.333 §6.2.20.1]")


def _address(media: sdp.Media) -> Endpoint:
    if media.connection is None or media.port is None or not 0 < media.port < 65_536:
        raise Rejected(488, "SDP without an address")
    try:
        return Endpoint(str(ipaddress.ip_address(media.connection.address)), media.port)
    except ValueError:
        raise Rejected(488, f"c= {media.connection.address} is no address") from None


def path_of(host: str, session_id: str, *, protected: bool = False) -> str:
    """The conference's MSRP URI towards one participant."""
    return f"msrp{'s' if protected else ''}://{host}:{_MSRP_PORT}/{session_id};tcp"


def of_messages(path: str) -> tuple[str, ...]:
    """What our side says of MSRP."""
    return "a=accept-types:*", f"a=max-size:{MOST_OCTETS}", f"a=path:{path}", "a=msrp-cema"


def of_floors(floor: sdp.BfcpStream) -> tuple[str, ...]:
    """What an answer says of BFCP: the conference is the server, and names conference, user and floors."""
    return ("a=connection:new", f"a=floorctrl:{sdp.FloorControl.SERVER}", *floor.names,
            f"a=bfcpver:{' '.join(map(str, floor.versions))}")


def answer(
    number: int, local: Endpoint, role: sdp.Setup, offer: Said, says: tuple[str, ...], key_mgmt: str = "",
) -> bytes:
    """The SDP answer; `says` is of the application."""
    port = DISCARD if role is sdp.Setup.ACTIVE else local.port
    return _description(number, local, f"{offer.media.media} {port} {offer.proto} *", role, says, key_mgmt)


def offer(number: int, local: Endpoint, path: str, key_mgmt: str = "") -> bytes:
    """The SDP offer of MSRP, with TLS where there is a=key-mgmt. Who opens TCP is left open (R-6.2.19-4)."""
    return _description(number, local, f"message {local.port} {proto_of(key_mgmt)} *", sdp.Setup.ACTPASS,
                        of_messages(path), key_mgmt)


def proto_of(key_mgmt: str) -> str:
    """The transport of an offer with or without a=key-mgmt."""
    return "TCP/TLS/MSRP" if key_mgmt else "TCP/MSRP"


def read_answer(body: bytes, offered: bytes) -> Said:
    """The answer to an offer of ours. Raises Rejected: it refuses the stream, or can't be used."""
    try:
        described, ours = sdp.decode(body), sdp.decode(offered)
        if len(described.media) != 1 or described.media[0].rejected:
            raise Rejected(488, "the answer refuses the stream, or has others than were offered [RFC 3264 §6]")
        media = described.effective(described.media[0])
        broken = [one for one in sdp.check_answer(ours.effective(ours.media[0]), media) if one.rule not in _IGNORED]
        if broken:
            raise Rejected(488, f"the answer: {broken[0].what} [{broken[0].clause}]")
        address = _address(media)
        _check_application(media)
    except PeerError as error:
        raise Rejected(488, f"the answer: {error}") from None
    return _said(media, address)


def _said(media: sdp.Media, address: Endpoint) -> Said:
    protected = media.proto.upper().startswith("TCP/TLS/")
    values = (one.strip() for one in media.attributes("key-mgmt") if sdp.protocol_of(one) == sdp.MIKEY)
    key_mgmt = next(values, "") if protected else ""
    return Said(media, address, " ".join((media.attribute("path") or "").split()), key_mgmt)


def _description(
    number: int, local: Endpoint, media: str, role: sdp.Setup, says: tuple[str, ...], key_mgmt: str,
) -> bytes:
    family = f"IN IP{local.version} {local.host}"
    lines = (
        "v=0", f"o=- {number} {number} {family}", "s=-", f"c={family}", "t=0 0", f"m={media}", f"a=setup:{role}", *says,
        *([f"a=key-mgmt:{key_mgmt}"] if key_mgmt else []))
    return "".join(f"{line}\r\n" for line in lines).encode()
