"""A frame of a capture as scapy reads it: all of it, or what is inside its tunnels.

    from workbench.scapy_layers import frames
    frames.packet(report, 12).show()            # from the link's header on
    frames.inside(report, 12)                   # the innermost IP packet, whatever it is wrapped in
    frames.names(frames.packet(report, 12))     # `Ethernet, IP, UDP, H248`

H.248 is a layer of `workbench.scapy_layers.h248`, on ports 2944 and 2945.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING

from workbench.analysis import links, pcapng
from workbench.errors import CaptureError, PeerError, WorkbenchError
from workbench.net.packets import decode_ip

try:
    from scapy.config import conf
    from scapy.layers import l2
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.packet import NoPayload, Packet, Raw
except ImportError as error:
    raise WorkbenchError(f"scapy is missing ({error}): pip install workbench[analysis]") from None

if TYPE_CHECKING:
    from workbench.analysis.report import Report

__all__ = ["inside", "names", "packet"]
# Tunnels and payloads that scapy reads once their module is loaded.
_MODULES = ("layers.vxlan", "layers.sctp", "layers.ppp", "contrib.mpls", "contrib.gtp", "contrib.geneve",
            "contrib.erspan", "contrib.etherip")


def packet(report: Report, number: int) -> Packet:
    """A frame as scapy reads it, from the header of its link on.

    Args:
        report: our analysis of the capture.
        number: of the frame, from 1.

    Returns:
        scapy's packet; `bytes()` of it are the octets of the frame. `Raw` where scapy does not know the link.

    Raises:
        CaptureError: the capture has no such frame.
    """
    _load()
    frame = report.frame(number)
    return _ip(frame.octets) if frame.link in links.RAW else _read(_first(frame.link), frame.octets)


def inside(report: Report, number: int) -> Packet:
    """The innermost IP packet of a frame as scapy reads it, behind tags, labels and tunnels that our analysis knows.

    Raises:
        CaptureError: the capture has no such frame, or there is no IP in it.
    """
    _load()
    frame = report.frame(number)
    octets = links.network_packet(frame.link, frame.octets)
    if octets is None:
        raise CaptureError(f"frame {number} has no IP packet inside")
    for _ in range(links.MOST_TUNNELS):
        try:
            ip = decode_ip(octets)
        except PeerError:
            break
        inner = None if ip.is_fragment else links.tunnelled(ip)
        if inner is None:
            break
        octets = inner
    return _ip(octets)


def names(found: Packet) -> list[str]:
    """The names of a packet's layers, from the outermost on."""
    told = []
    layer = found
    while layer is not None and not isinstance(layer, NoPayload):
        told.append(str(layer.name))
        layer = layer.payload
    return told


def _first(link: int) -> type[Packet]:
    if link == pcapng.ETHERNET:
        return l2.Ether
    found = conf.l2types.num2layer.get(link)
    return Raw if found is None else found


def _ip(octets: bytes) -> Packet:
    return _read({4: IP, 6: IPv6}.get(octets[0] >> 4 if octets else 0, Raw), octets)


def _read(kind: type[Packet], octets: bytes) -> Packet:
    """A first header that is cut short raises what it likes (`struct.error`, ...): its octets are shown as they are."""
    try:
        return kind(octets)
    except Exception:
        return Raw(octets)


def _load() -> None:
    import_module("workbench.scapy_layers.h248")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")     # some of its modules use what cryptography means to drop
        for name in _MODULES:
            try:
                import_module(f"scapy.{name}")
            except ImportError:
                continue    # another version of scapy: this tunnel stays raw octets
