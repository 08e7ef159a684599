"""Which packets a node wants whole instead of having its host's UDP and TCP take them (`ClaimPackets`)."""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.net import packets
from workbench.net.packets import Ip
from workbench.net.values import Endpoint


class Claims:
    """The claims of one host."""

    def __init__(self) -> None:
        self._all = False
        self._ends: set[Endpoint] = set()

    def add(self, local: Endpoint | None) -> None:
        """Claim an endpoint (port 0: every port), or with None all that reaches the host."""
        if local is None:
            self._all = True
        else:
            self._ends.add(local)

    def remove(self, local: Endpoint | None) -> None:
        """Give a claim back."""
        if local is None:
            self._all = False
        else:
            self._ends.discard(local)

    def cover(self, packet: bytes) -> bool:
        """Whether this packet is claimed; so is an ICMP error about a packet that left a claimed endpoint."""
        if self._all or not self._ends:
            return self._all
        try:
            return self._covers(packets.decode_ip(packet))
        except PeerError:
            return False

    def _covers(self, ip: Ip) -> bool:
        if Endpoint(ip.destination, 0) in self._ends:
            return True
        ends = packets.endpoints(ip)
        if ends is not None:
            return ip.protocol in (packets.TCP, packets.UDP) and ends[1] in self._ends
        if ip.protocol not in (packets.ICMP, packets.ICMP_V6):
            return False
        icmp = packets.decode_icmp(ip)
        return icmp.is_error and packets.decode_quoted(icmp)[1] in self._ends
