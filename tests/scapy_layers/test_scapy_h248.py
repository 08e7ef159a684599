"""H.248 in scapy: from octets to the tree and back, over every transport, and nothing of scapy elsewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from capturing import Association
from control_exchange import CODINGS, EXCHANGE, WAYS, capture, octets
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.net.values import Endpoint
from workbench.protocols.h248 import coding
from workbench.protocols.h248.message import Action, Command, Kind, Message, Pending, Reply, Request

pytest.importorskip("scapy", reason="scapy is missing: pip install workbench[analysis]")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def layers() -> Any:
    """The module, with what tests need of scapy."""
    from scapy import all as scapy

    from workbench.scapy_layers import h248

    scapy.H248, scapy.TPKT = h248.H248, h248.TPKT
    return scapy


@pytest.mark.parametrize("way", CODINGS)
def test_octets_to_tree_and_back(layers: Any, way: Any):
    """Over UDP: the tree of every message; the octets unchanged, and written anew from the tree as our codec does."""
    for (who, data), (_, message) in zip(octets(way), EXCHANGE, strict=True):
        packet = layers.IP(bytes(layers.IP() / layers.UDP(sport=2944, dport=5) / data))
        layer = packet[layers.H248]
        assert (layer.message, layer.coding, layer.problem) == (message, way, "")
        assert bytes(layer) == data
        again = layers.H248(message=layer.message, coding=layer.coding)
        assert bytes(again) == coding.encode(message, way)
        assert who in (0, 1)


def test_fields_are_set_one_by_one(layers: Any):
    """A field that is set changes the octets; a copy is independent."""
    layer = layers.H248(octets("compact")[2][1])
    other = layer.copy()
    other.mid = "[192.0.2.99]:2944"
    other.transactions = (Request(5, (Action(7, (Command(Kind.SUBTRACT, ("ip/1",)),)),)),)
    assert bytes(other) == coding.encode(Message(2, "[192.0.2.99]:2944", other.transactions), "compact")
    assert bytes(layer) == octets("compact")[2][1]
    made = layers.H248(version=3, mid="<mgc.example.net>", transactions=(Pending(9),), coding="pretty")
    assert layers.H248(bytes(made)).message == Message(3, "<mgc.example.net>", (Pending(9),))


def test_show_is_readable(layers: Any):
    """`show` prints the transactions as text, also those of a binary message; `summary` is one line."""
    layer = layers.H248(octets("binary")[2][1])
    shown = layer.show(dump=True)
    assert "Transaction = 1001 {" in shown
    assert 'ipdc/realm = "access.example.net"' in shown
    assert layer.summary() == "H.248 Add $ in $ [1001]"


def test_garbage_is_payload(layers: Any):
    """What is no H.248 says why, and leaves as it came."""
    packet = layers.UDP(bytes(layers.UDP(sport=2944, dport=2944) / b"nonsense"))
    layer = packet[layers.H248]
    assert "octet 0" in layer.problem
    assert bytes(layer) == b"nonsense"
    assert layer.payload.load == b"nonsense"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(octets("binary") + octets("compact")), st.data())
def test_spoilt_octets_survive(layers: Any, said: tuple[int, bytes], data: st.DataObject):
    """Whatever comes in goes out again, and nothing is raised."""
    spoilt = bytearray(said[1])
    for _ in range(data.draw(st.integers(0, 4))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] = data.draw(st.integers(0, 255))
    assert bytes(layers.H248(bytes(spoilt))) == bytes(spoilt)


def test_what_binary_cannot_carry_is_refused(layers: Any):
    """An item without a number is an error of the one who builds it, in the codec's words."""
    layer = layers.H248(message=EXCHANGE[0][1], coding="binary")
    layer.transactions = (Request(1, (Action(1, (Command(Kind.SUBTRACT, ("a name",)),)),)),)
    with pytest.raises(LocalProtocolError, match="a name"):
        bytes(layer)


def test_ports_and_lengths_fill_themselves(layers: Any):
    """UDP and TCP get H.248's port, TPKT counts its length."""
    assert layers.UDP(bytes(layers.UDP() / layers.H248(message=EXCHANGE[0][1]))).dport == 2944
    framed = bytes(layers.TPKT() / layers.H248(octets("compact")[0][1]))
    assert framed[:4] == b"\x03\0" + len(framed).to_bytes(2, "big")


def test_a_reply_answers_its_request(layers: Any):
    """What `sr1` needs: equal hashes, and only the right reply answers."""
    request, reply, other = layers.H248(message=EXCHANGE[2][1]), layers.H248(message=EXCHANGE[4][1]), layers.H248(
        transactions=(Reply(1,),))
    assert request.hashret() == reply.hashret()
    assert reply.answers(request)
    assert not other.answers(request) and not request.answers(reply)


@pytest.mark.parametrize("size", [0, 50])
@pytest.mark.parametrize(("way", "transport"), WAYS)
def test_a_capture_read_by_scapy(layers: Any, tmp_path: Path, way: Any, transport: str, size: int):
    """Our captures, read by scapy with its own reassembly of TCP: all messages. SCTP's fragments it leaves apart."""
    path = capture(tmp_path / "a.pcapng", way, transport, size=size if transport == "tcp" else 0)
    found = []
    for packet in layers.sniff(offline=str(path), session=layers.TCPSession):
        layer = packet.getlayer(layers.H248)
        if layer is None and layers.SCTPChunkData in packet:
            layer = packet[layers.SCTPChunkData].data
        if isinstance(layer, layers.H248):
            found.append(layer.message)
    assert found == [message for _, message in EXCHANGE]


def test_several_messages_in_a_segment(layers: Any):
    """Two TPKT packets in one segment are both found by the session."""
    both = b"".join(bytes(layers.TPKT() / layers.H248(data)) for _, data in octets("compact")[:2])
    segment = layers.IP(bytes(layers.IP() / layers.TCP(sport=2944, dport=2944, flags="PA", seq=9) / both))
    (packet,) = layers.sniff(offline=[segment], session=layers.TCPSession)
    trees = []
    layer = packet.getlayer(layers.H248)
    while isinstance(layer, layers.H248):
        trees.append(layer.message)
        layer = layer.payload.getlayer(layers.H248) if layer.payload else None
    assert trees == [message for _, message in EXCHANGE[:2]]


def test_scapy_and_we_agree_on_sctp(layers: Any):
    """A packet of ours has the checksum that scapy computes, and scapy's decodes here."""
    from workbench.net.packets import decode_ip
    from workbench.net.sctp import decode_data, decode_sctp

    talk = Association(Endpoint("192.0.2.1", 2944), Endpoint("192.0.2.2", 2944)).says(0, octets("compact")[2][1])
    ours = talk.frames[0][2]
    theirs = layers.IP(ours)
    del theirs[layers.SCTP].chksum
    assert bytes(theirs) == ours
    made = layers.IP(src="192.0.2.1", dst="192.0.2.2") / layers.SCTP(sport=1, dport=2, tag=3) / layers.SCTPChunkData(
        beginning=1, ending=1, proto_id=7, tsn=4, stream_id=5, stream_seq=6,
        data=layers.H248(message=EXCHANGE[0][1], coding="binary"))
    packet = decode_sctp(decode_ip(bytes(made)))
    assert packet.checksum_ok
    assert coding.decode(decode_data(packet.chunks[0]).octets, "binary") == EXCHANGE[0][1]


def test_without_scapy_one_line_says_what_to_install():
    """The room's module is refused with the command that helps."""
    code = "import sys; sys.modules['scapy'] = None; import workbench.scapy_layers.h248"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].startswith("workbench.errors.WorkbenchError: scapy is missing")
    assert "pip install workbench[analysis]" in done.stderr.splitlines()[-1]


def test_nothing_else_loads_scapy(tmp_path: Path):
    """Analysing and explaining a capture loads no scapy."""
    path = capture(tmp_path / "a.pcapng", "binary", "sctp")
    code = (
        "import sys, workbench, workbench.views, workbench.scapy_layers\n"
        "report = workbench.analyze(sys.argv[1])\n"
        "from workbench.analysis.explain import explain_frame; explain_frame(report, 5)\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'scapy'])")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
