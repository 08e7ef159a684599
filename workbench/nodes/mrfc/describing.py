"""What a UE's offer says, and what the conference answers.

Source: TS 23.333 §6.2.20.1; RFC 4975 §8, RFC 6135 §4.2, RFC 6714 §4, RFC 3264 §6.
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


def read_offer(body: bytes, role: sdp.Setup) -> Offer:
    """One MSRP stream over TCP that the role goes with. Raises Rejected (488)."""
    try:
        described = sdp.decode(body)
        if len(described.media) != 1:
            raise Rejected(488, "one MSRP stream is what a conference takes")
        media = described.effective(described.media[0])
        msrp_uri.decode_path(media.attribute("path") or "")
        address = _address(media)
    except PeerError as error:
        raise Rejected(488, f"the offer: {error}") from None
    if media.proto.upper() not in ("TCP/MSRP", "TCP/TLS/MSRP"):
        raise Rejected(488, f"{media.proto}: a messaging conference takes TCP/MSRP [TS 23.333 §6.2.20.1]")
    key_mgmt = (media.attribute("key-mgmt") or "").strip()
    if media.proto.upper() == "TCP/TLS/MSRP" and not key_mgmt:
        raise Rejected(488, "TLS without a=key-mgmt: the keys of a conference come from MIKEY [TS 23.333 §6.2.19]")
    if media.attribute("msrp-cema") is None:
        raise Rejected(488, "a=msrp-cema is missing: a=path of the conference is a name [RFC 6714 §4]")
    if role not in sdp.legal_answers(sdp.setup_of_offer(media)):
        raise Rejected(488, f"the conference is {role} [RFC 4145 §4.1]")
    path = " ".join((media.attribute("path") or "").split())
    return Offer(media, address, path, key_mgmt if media.proto.upper() == "TCP/TLS/MSRP" else "")


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


def answer(number: int, local: Endpoint, role: sdp.Setup, path: str, key_mgmt: str = "") -> bytes:
    """The SDP answer; with a=key-mgmt it is TLS that it answers."""
    family = f"IN IP{local.version} {local.host}"
    port = DISCARD if role is sdp.Setup.ACTIVE else local.port
    proto = "TCP/TLS/MSRP" if key_mgmt else "TCP/MSRP"
    lines = (
        "v=0", f"o=- {number} {number} {family}", "s=-", f"c={family}", "t=0 0",
        f"m=message {port} {proto} *", f"a=setup:{role}", "a=accept-types:*", f"a=max-size:{MOST_OCTETS}",
        f"a=path:{path}", "a=msrp-cema", *([f"a=key-mgmt:{key_mgmt}"] if key_mgmt else []))
    return "".join(f"{line}\r\n" for line in lines).encode()
