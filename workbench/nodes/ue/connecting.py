"""Where a UE connects to, and whether offer and answer go together, by the way in which it does MSRP.

`cema`: RFC 6714 §4, c=/m= where both sides know it, else what its tables say. `sessmatch`: the host and port of the
path's leftmost URI, which a gateway may have put there (TR 29.828 Annex C). `plain`: the leftmost URI of the path;
c=/m= is not looked at (RFC 4975 §8.1).
"""

from __future__ import annotations

import ipaddress

from workbench.errors import IncompatiblePeerError
from workbench.net.values import Endpoint
from workbench.nodes.ue.describing import DISCARD, Description, Peer
from workbench.nodes.ue.settings import Settings
from workbench.protocols import sdp


def matches(peer: Peer) -> bool:
    """Whether c=/m= name the same place as the path's leftmost URI (RFC 6714 §4.4).

    Port 9 names none, so then only the hosts count: RFC 6135 §4.2.1 has an active side write it.
    """
    uri = peer.uris[0]
    one, other = _address(peer.host), _address(uri.host)
    hosts = one == other if one is not None and other is not None else peer.host.lower() == uri.host.lower()
    return hosts and (peer.port == DISCARD or peer.port == uri.port)


def check_offer(settings: Settings, offered: Peer) -> None:
    """Whether an offer can be taken.

    Raises:
        IncompatiblePeerError: row A1 of RFC 6714 §4.3: somebody on the way has changed c=/m=, and the offerer does not
            know what that needs. Only an endpoint that knows RFC 6714 looks.
    """
    if settings.cema and not offered.cema and not matches(offered):
        raise IncompatiblePeerError("c=/m= and a=path differ, and a=msrp-cema is not there", clause="RFC 6714 §4.3")


def must_fall_back(settings: Settings, ours: Description, answered: Peer, role: sdp.Setup) -> bool:
    """Whether our offer with msrp-cema needs another one without (rows O4 to O6 of RFC 6714 §4.2)."""
    if not (settings.falls_back and ours.cema) or answered.cema or matches(answered):
        return False
    return role is not sdp.Setup.ACTIVE or len(answered.uris) > 1


def destination(settings: Settings, cema: bool, peer: Peer) -> Endpoint:
    """Where to connect to. `cema`: our own SDP of this exchange has msrp-cema.

    Raises:
        IncompatiblePeerError: what the peer wrote there is no IP address and port.
    """
    uri = peer.uris[0]
    # With an offer of ours that had msrp-cema, c=/m= holds whatever the answer has: rows O1 and O7; in O3 both agree.
    host, port = (peer.host, peer.port) if cema else (uri.host, uri.port)
    address = _address(host)
    if address is None or port is None or (cema and port == DISCARD):
        where = "c=/m=" if cema else "a=path"
        raise IncompatiblePeerError(f"{where} gives no IP address and port to connect to: {host}", clause="RFC 4975 §6")
    return Endpoint(str(address), port)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
