"""What a UE's offer says, and what the conference answers.

Source: TS 23.333 §6.2.20.1, §6.2.19.3.1; RFC 8856 §5; RFC 4975 §8, RFC 6135 §4.2, RFC 6714 §4, RFC 3264 §6.
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
_CLIENTS = {sdp.FloorControl.CLIENT, sdp.FloorControl.BOTH}


class Rejected(Exception):
    """The offer can't be accepted: status and reason. Never leaves the node."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Offer(msgspec.Struct, frozen=True):
    """What the conference needs of an offer: m= section, address and path of the UE, and its a=key-mgmt with TLS."""

    media: sdp.Media
    address: Endpoint
    path: str
    key_mgmt: str = ""

    @property
    def proto(self) -> str:
        """Of m=, in upper case."""
        return self.media.proto.upper()

    @property
    def asks_floors(self) -> bool:
        """It is for floor control, not for messages."""
        return self.proto.endswith("/BFCP")


def read_offer(body: bytes, role: sdp.Setup) -> Offer:
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
    protected = media.proto.upper().startswith("TCP/TLS/")
    key_mgmt = (media.attribute("key-mgmt") or "").strip() if protected else ""
    if protected and not key_mgmt:
        raise Rejected(488, "TLS without a=key-mgmt: the keys of a conference come from MIKEY [TS 23.333 §6.2.19]")
    if role not in sdp.legal_answers(sdp.setup_of_offer(media)):
        raise Rejected(488, f"the conference is {role} [RFC 4145 §4.1]")
    path = " ".join((media.attribute("path") or "").split())
    return Offer(media, address, path, key_mgmt)


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
    """What an answer says of MSRP."""
    return "a=accept-types:*", f"a=max-size:{MOST_OCTETS}", f"a=path:{path}", "a=msrp-cema"


def of_floors(floor: sdp.BfcpStream) -> tuple[str, ...]:
    """What an answer says of BFCP: the conference is the server, and names conference, user and floors."""
    return ("a=connection:new", f"a=floorctrl:{sdp.FloorControl.SERVER}", *floor.names,
            f"a=bfcpver:{' '.join(map(str, floor.versions))}")


def answer(
    number: int, local: Endpoint, role: sdp.Setup, offer: Offer, says: tuple[str, ...], key_mgmt: str = "",
) -> bytes:
    """The SDP answer; `says` is of the application."""
    family = f"IN IP{local.version} {local.host}"
    port = DISCARD if role is sdp.Setup.ACTIVE else local.port
    lines = (
        "v=0", f"o=- {number} {number} {family}", "s=-", f"c={family}", "t=0 0",
        f"m={offer.media.media} {port} {offer.proto} *", f"a=setup:{role}", *says,
        *([f"a=key-mgmt:{key_mgmt}"] if key_mgmt else []))
    return "".join(f"{line}\r\n" for line in lines).encode()
