"""A gigabyte through an IMS-AGW that is aware of MSRP: other paths, the same octets, no memory for it."""

from __future__ import annotations

import hashlib

import pytest
from agw_stage import Stage
from msrp.long_message import GIGABYTE, GROWTH, STATUS, LongMessage, resident
from test_gateway_msrp import PATHS, aware

from workbench.net.values import SendStream, StreamData
from workbench.protocols.msrp import uri as uris


@pytest.mark.long
@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell how much memory a process uses")
def test_a_gigabyte_passes_the_gateway_in_less_than_64_mb() -> None:
    """R-5.19.5-6: whatever the size of a message, octet by octet but for the paths."""
    stage = Stage()
    ue, peer = aware(stage)
    inside, outside = uris.decode_path(PATHS["inside"]), uris.decode_path(PATHS["outside"])
    message = LongMessage(GIGABYTE, (inside, uris.decode_path(PATHS["ue"])),
                          (uris.decode_path(PATHS["peer"]), outside))
    came, most, before = hashlib.sha256(), 0, resident()
    for segment in message.segments():
        for command in stage.node.handle(StreamData(ue.stream, segment), 1.0):
            assert isinstance(command, SendStream)
            assert command.stream == peer.stream
            came.update(command.data)
        most = max(most, resident())
    assert came.digest() == message.expected.digest()
    assert most - before < GROWTH
