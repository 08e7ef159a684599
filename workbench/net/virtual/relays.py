"""Endpoints of one host that are joined packet by packet: only addresses, ports and checksums are changed."""

from __future__ import annotations

import msgspec

from workbench.errors import LocalProtocolError
from workbench.net import packets
from workbench.net.packets import Ip
from workbench.net.values import Endpoint, Meter, Relay, Stream

_NUMBERS = {"UDP": packets.UDP, "TCP": packets.TCP}


class Onward(msgspec.Struct, frozen=True):
    """A packet to be sent on."""

    source: Endpoint
    destination: Endpoint
    packet: bytes


class _Half(msgspec.Struct, frozen=True):
    """One direction: what comes from `a` goes out at `to`."""

    to: Stream
    meter: Meter
    forth: bool


class Relays:
    """The relays of one host."""

    def __init__(self) -> None:
        self._halves: dict[tuple[int, Stream], _Half] = {}

    def __bool__(self) -> bool:
        return bool(self._halves)

    def join(self, relay: Relay) -> None:
        """Relay between two sides from now on."""
        number = _NUMBERS[relay.protocol]
        if relay.a.local.version != relay.b.local.version:
            raise LocalProtocolError(f"relay between IP versions: {relay.a}, {relay.b}")
        for side in (relay.a, relay.b):
            if (number, side) in self._halves:
                raise LocalProtocolError(f"relayed already: {side}")
        meter = relay.meter or Meter()
        self._halves[number, relay.a] = _Half(relay.b, meter, True)
        self._halves[number, relay.b] = _Half(relay.a, meter, False)

    def part(self, side: Stream, protocol: str) -> None:
        """End a relay, if there is one."""
        number = _NUMBERS[protocol]
        half = self._halves.pop((number, side), None)
        if half is not None:
            self._halves.pop((number, half.to), None)

    def part_all(self, local: Endpoint, *protocols: str) -> None:
        """End all relays at an endpoint."""
        for protocol in protocols:
            for number, side in list(self._halves):
                if number == _NUMBERS[protocol] and side.local == local:
                    self.part(side, protocol)

    def onward(self, ip: Ip, packet: bytes) -> Onward | None:
        """The packet as it leaves; None: it is not of a relay, or has no hop left."""
        if ip.protocol not in (packets.UDP, packets.TCP):
            return None
        ends = packets.endpoints(ip)
        half = None if ends is None else self._halves.get((ip.protocol, Stream(ends[1], ends[0])))
        if half is None or ip.ttl <= 1:
            return None
        octets = len(packets.decode_tcp(ip).payload if ip.protocol == packets.TCP else packets.decode_udp(ip).data)
        half.meter.count(*((octets, 0) if half.forth else (0, octets)))
        to = half.to
        sent = packets.rewrite(packet, source=to.local, destination=to.remote, ttl=ip.ttl - 1)
        return Onward(to.local, to.remote, sent)
