"""A gigabyte through a rewriter: octet by octet what went in, and no memory for it."""

from __future__ import annotations

import hashlib

import pytest
from msrp.long_message import GIGABYTE, GROWTH, STATUS, LongMessage, resident

from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.rewriting import Leg, Onward, between

PEER_A, OURS_A = uris.decode_path("msrp://10.0.0.10:5000/sA;tcp"), uris.decode_path("msrp://198.51.100.1:7000/lA;tcp")
PEER_B = uris.decode_path("msrp://relay.example.com:2855/r;tcp msrp://192.0.2.50:6000/sB;tcp")
OURS_B = uris.decode_path("msrp://192.0.2.1:8000/lB;tcp")


def passed(total: int, keep: bool = False) -> tuple[bool, int, int]:
    """Whether every octet came out, the most octets held, and by how much the process grew."""
    forward, _ = between(Leg(OURS_A, PEER_A), Leg(OURS_B, PEER_B))
    message = LongMessage(total, (OURS_A, PEER_A), (PEER_B, OURS_B))
    came, kept = hashlib.sha256(), []
    held, before, most = 0, resident(), 0
    for segment in message.segments():
        for event in forward.receive_data(segment):
            assert isinstance(event, Onward)
            came.update(event.octets)
            if keep:
                kept.append(event)
        held, most = max(held, forward.held), max(most, resident())
    assert forward.between_messages
    assert forward.ended() == []
    return came.digest() == message.expected.digest(), held, most - before


@pytest.mark.long
@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell how much memory a process uses")
def test_a_gigabyte_passes_octet_by_octet_in_less_than_64_mb() -> None:
    """1 GB in 64 chunks whose bodies hold look-alikes of their end-lines (R-5.19.5-6)."""
    exact, held, growth = passed(GIGABYTE)
    assert exact
    assert held < 1000
    assert growth < GROWTH


@pytest.mark.long
@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell how much memory a process uses")
def test_the_measure_sees_what_is_kept() -> None:
    """The control: a quarter of it, kept, is more than the bound."""
    assert passed(GIGABYTE // 4, keep=True)[2] > GROWTH
