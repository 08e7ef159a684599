"""Bulk through TLS: one portion in, one portion out; what is done for a portion does not grow with its size."""

from __future__ import annotations

import sys
from types import FrameType

import pytest
from agw_stage import Peer, Stage, established, settle

from workbench.net.values import SendStream, StreamData, StreamFull, StreamWritable
from workbench.security import tls

PORTION = 262_144


def protected(ue: Peer, octets: int) -> bytes:
    """So many octets of payload as the UE's TLS sends them."""
    assert ue.session is not None
    return b"".join(
        event.octets for event in ue.session.send(bytes(octets)) if isinstance(event, tls.Transmit))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("octets", [1, 16_384, 16_385, PORTION])
def test_a_portion_in_is_a_portion_out(octets, version):
    """Whatever a portion brings, of any number of records, goes on in one command; so it does the other way."""
    stage = Stage()
    ue, peer = established(stage, version)
    stage.sees(StreamData(ue.stream, protected(ue, octets)))
    stage.does(SendStream(peer.stream, bytes(octets))).does_nothing()
    stage.sees(StreamData(peer.stream, bytes(octets))).does(SendStream).does_nothing()


def test_the_gateway_s_own_work_does_not_grow_with_the_portion():
    """Between the network and TLS as many steps for 256 kB as for 1 kB: work is by the portion."""
    steps = []
    for octets in (1_024, PORTION):
        stage = Stage()
        ue, peer = established(stage)
        happened = [StreamData(ue.stream, protected(ue, octets)), StreamData(peer.stream, bytes(octets))]
        steps.append([work(stage, one) for one in happened])
        assert all(count < 1_000 for count in steps[-1])
    assert steps[0] == steps[1]


def work(stage: Stage, happened: StreamData) -> int:
    """Steps of Python's own machine in the gateway for one happening, those of TLS not counted."""
    count = 0

    def seen(frame: FrameType, what: str, argument: object) -> object:
        nonlocal count
        frame.f_trace_opcodes = "/nodes/gateway/" in frame.f_code.co_filename
        count += what == "opcode"
        return seen

    sys.settrace(seen)
    try:
        stage.node.handle(happened, stage.now)
    finally:
        sys.settrace(None)
    return count


def test_large_portions_are_held_back_whole():
    """A full reader behind TLS: one portion waits, reading stops, and it goes out in one piece when there is room."""
    stage = Stage()
    ue, peer = established(stage)
    settle(ue, peer)
    ue.sees(StreamFull(ue.stream))
    peer.sends(bytes(PORTION))
    peer.reads()
    assert peer.paused
    assert not any(isinstance(command, SendStream) for command in stage.open)
    ue.sees(StreamWritable(ue.stream))
    assert sum(isinstance(command, SendStream) for command in stage.open) == 1
    settle(ue, peer)
    assert len(ue.heard) == PORTION
    assert not peer.paused
