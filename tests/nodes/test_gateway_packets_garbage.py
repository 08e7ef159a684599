"""Claimed packets of any kind at any time: commands, never an exception, and never much for little."""

from __future__ import annotations

import pytest
from agw_stage import ACCESS, CORE, EVENTS, PEER, UE, A, C, Stage, add, given, local, modify, remote, stream
from hypothesis import given as having
from hypothesis import settings
from hypothesis import strategies as st

from workbench.net import packets
from workbench.net.packets import Tcp
from workbench.net.values import Drop, Endpoint, PacketArrived, SendPacket
from workbench.nodes.gateway.translation import MODULUS

WIRES = {ACCESS: "access", CORE: "core"}
SOURCES = [Endpoint(UE.host, 5555), Endpoint(UE.host, 5556), Endpoint(PEER.host, 6000), PEER, Endpoint("192.0.2.77", 1)]
NEAR = st.sampled_from([0, 1, 2, 3, 77, 78, 79, MODULUS - 1, MODULUS - 2, MODULUS // 2])
SEGMENTS = st.builds(
    lambda source, side, sequence, acknowledgment, flags, payload, options: (
        side, source, sequence, acknowledgment, flags, payload, options),
    st.sampled_from(SOURCES), st.integers(0, 1), NEAR, st.one_of(NEAR, st.just(-1)), st.integers(0, 63),
    st.binary(max_size=30), st.sampled_from([b"", b"\x02\x04\x05\xb4", b"\x02\x04\x00\x10", b"\x01\x01\x04\x02",
                                             b"\x01\x01\x05\x0a" + bytes(8), b"\x05\xff\x00\x00"]))
ORDERS = st.sampled_from([
    "Context = 1 { W-Subtract = * }", "Context = 1 { Subtract = ip/1/core/2 }",
    "Context = 1 { Modify = ip/1/access/1 { Signals { tcpbcc/RelBNC { Stream = 1 } } } }",
    "Context = 1 { Modify = ip/1/core/2 { Signals { ipnapt/latch { Stream = 1, napt = LATCH } } } }",
    modify("ip/1/access/1", stream(mode="Inactive")), modify("ip/1/access/1", stream()),
    modify("ip/1/core/2", stream(local("TCP", "active"), remote("TCP", "passive", PEER))),
    modify("ip/1/core/2", stream(local("TCP", "passive", "a=connection:new"), remote("TCP", "active", PEER))),
    modify("ip/1/access/1", stream(local("TCP", None), remote("TCP", None, UE))),
    modify("ip/1/access/1", stream(local("TCP", "passive"), remote("TCP", "active", UE)))])
STEPS = st.lists(
    st.one_of(SEGMENTS, SEGMENTS, SEGMENTS, ORDERS, st.floats(0.1, 20.0), st.binary(max_size=60)), max_size=16)


def begun(role: str | None, **chosen: object) -> tuple[Stage, list[Endpoint]]:
    stage = Stage(wires=WIRES, **chosen)
    other = None if role is None else "active"
    places = [given(stage.orders(add("access", stream(
        local("TCP", role), remote("TCP", other, UE), realm=A), EVENTS.format(1))))]
    places.append(given(stage.orders(add("core", stream(
        local("TCP", role), remote("TCP", other, PEER), realm=C), EVENTS.format(2), context=1))))
    return stage, places


def packet(stage: Stage, places: list[Endpoint], step: tuple[object, ...]) -> PacketArrived:
    """A segment; where the acknowledgment is to be right, it is that of our last SYN-ACK to this source."""
    side, source, sequence, acknowledgment, flags, payload, options = step
    local_ = places[side]  # type: ignore[call-overload]
    if acknowledgment == -1:
        acknowledgment = 0
        for command in stage.all:
            if isinstance(command, SendPacket):
                ip = packets.decode_ip(command.packet)
                tcp = packets.decode_tcp(ip) if ip.protocol == packets.TCP else None
                if tcp is not None and tcp.destination == source and tcp.flags & packets.SYN:
                    acknowledgment = (tcp.sequence + 1) % MODULUS
    segment = Tcp(source, local_, sequence, acknowledgment, flags, 500, payload, options)  # type: ignore[arg-type]
    return PacketArrived(("access", "core")[side], packets.encode_tcp(segment))  # type: ignore[call-overload]


JOINED = [(side, source, number, -1, flags, b"", b"") for side, source in ((0, SOURCES[0]), (1, SOURCES[2]))
          for number, flags in ((77, packets.SYN), (78, packets.ACK))]


@pytest.mark.parametrize(("role", "chosen", "before"), [
    pytest.param(None, {}, [], id="relay"), pytest.param("passive", {"merge": "translation"}, [], id="merge"),
    pytest.param("passive", {"merge": "translation"}, JOINED, id="joined")])
@settings(max_examples=150, deadline=None)
@having(STEPS)
def test_no_packet_upsets_the_gateway(role, chosen, before, steps):
    """Three packets at most leave for one that came; each is whole, and goes to the wire of its source."""
    stage, places = begun(role, **chosen)
    for step in before:
        stage.sees(packet(stage, places, step)).take()
    if before:
        assert all(bearer.carriage.joined for bearer in stage.node._control.bearers.values())
    for step in steps:
        match step:
            case str():
                stage.number += 1
                stage.tells(f"Transaction = {stage.number} {{ {step} }}")
            case float():
                stage.later(step)
            case bytes():
                stage.sees(PacketArrived("access", step))
            case _:
                stage.sees(packet(stage, places, step))
        sent = [command for command in stage.take() if isinstance(command, SendPacket)]
        if not isinstance(step, float | str):
            assert len(sent) <= 3
        for command in sent:
            ip = packets.decode_ip(command.packet)
            assert ip.checksum_ok
            assert packets.decode_tcp(ip).checksum_ok
            assert command.wire == WIRES[ip.source]
            assert command.why


@settings(max_examples=150, deadline=None)
@having(st.binary(max_size=80), st.sampled_from([packets.ICMP, packets.TCP, packets.UDP]))
def test_what_does_not_decode_is_dropped(octets, protocol):
    """Noise behind an IP header for a claimed address: dropped with what is wrong with it."""
    stage, places = begun(None)
    stage.sees(PacketArrived("access", packets.encode_ip(UE.host, places[0].host, protocol, octets)))
    assert all(isinstance(command, Drop) and command.reason for command in stage.take())
