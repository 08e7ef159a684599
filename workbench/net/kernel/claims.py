"""Which packets a node wants whole instead of having its host's UDP and TCP take them (`ClaimPackets`)."""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.net import packets
from workbench.net.packets import Ip
from workbench.net.values import Endpoint


class Claims:
    """The claims of one host; `all`: it claims everything."""

    def __init__(self) -> None:
        self.all = False
        self._ends: set[Endpoint] = set()

    def add(self, local: Endpoint | None) -> None:
        """Claim an endpoint (port 0: every port), or with None all that reaches the host."""
        if local is None:
            self.all = True
        else:
            self._ends.add(local)

    def remove(self, local: Endpoint | None) -> None:
        """Give a claim back."""
        if local is None:
            self.all = False
        else:
            self._ends.discard(local)

    @property
    def any(self) -> bool:
        """Whether the host claims anything."""
        return self.all or bool(self._ends)

    def cover(self, ip: Ip) -> bool:
        """Whether this packet is claimed; so is an ICMP error about a packet that left a claimed endpoint."""
        if self.all or not self._ends:
            return self.all
        try:
            return self._covers(ip)
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
