"""tshark as a second opinion on our BER, over UDP port 2945."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

from h248.binary_forms import MEGACO, NAMES, has_octets, made_indefinite, octets_of
from interop.erlang import example_messages
from programs import need
from pycrate_asn1dir import H248 as oracle

from workbench.net.packets import Endpoint, encode_udp
from workbench.protocols.h248 import binary, text

WRONG = '_ws.malformed || _ws.expert.severity == "Error" || !h248'
LINKTYPE_RAW = 101


def frames(messages: list[bytes], path: Path) -> Path:
    """A capture with each message in one datagram."""
    packets = [encode_udp(Endpoint("192.0.2.10", 2945), Endpoint("192.0.2.20", 2945), octets) for octets in messages]
    blocks = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, LINKTYPE_RAW)]
    blocks += [struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet for packet in packets]
    path.write_bytes(b"".join(blocks))
    return path


def seen(path: Path, shown: str, *fields: str) -> list[list[str]]:
    """Values of fields in the frames that the filter admits."""
    command = [need("tshark"), "-n", "-r", str(path), "-Y", shown, "-T", "fields"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_vectors(tmp_path):
    """Nothing in the vectors is malformed, with definite and with indefinite lengths."""
    octets = [octets_of(name) for name in NAMES if has_octets(name)]
    for messages in (octets, [made_indefinite(message) for message in octets]):
        path = frames(messages, tmp_path / "vectors.pcap")
        assert seen(path, WRONG, "frame.number", "_ws.expert.message") == []
        assert len(seen(path, "h248", "frame.number")) == len(messages)


def test_values_are_found_where_they_are(tmp_path):
    """Lines of SDP and reasons are IA5Strings inside of their octet strings (H.248.1 Annex A.2, Annex C)."""
    path = frames([octets_of("01-register-request"), octets_of("04-reserve-reply")], tmp_path / "values.pcap")
    shown = seen(path, "h248", "h248.serviceChangeReasonstr", "h248.annexc.sdp_c", "h248.annexc.sdp_m")
    assert shown == [["901 Cold Boot", "", ""], ["", "IN IP4 198.51.100.20", "message 40000 TCP/TLS/MSRP *"]]


def test_examples(tmp_path):
    """What we make of megaco's 149 examples, but for those below, which are tshark's own error."""
    trees = {name: text.decode(pretty) for name, pretty in example_messages().items()}
    path = frames([binary.encode(tree, naming=MEGACO) for tree in trees.values()], tmp_path / "examples.pcap")
    wrong = {list(trees)[int(number) - 1] for number, _ in seen(path, WRONG, "frame.number", "_ws.expert.message")}
    print("\n".join(f"{name}: {cause}" for name, cause in EXPLAINED.items()))
    assert wrong == set(EXPLAINED)


NO_BOOLEAN = "the example sets tdmc/ec, a boolean, to g165; ours goes as the string it is"
EXPLAINED = {
    "msg01a": NO_BOOLEAN,
    "msg01b": NO_BOOLEAN,
    "msg02": NO_BOOLEAN,
    "msg22a": "Wireshark reads AuditReply of version 1 as RFC 3015 had it; RFC 3525 and megaco have a CHOICE",
}


def test_an_audit_of_several_terminations(tmp_path):
    """Wireshark, whose tags are set by hand, has terminationIDList of an AuditRequest as [3]; automatic tags give 2."""
    tree = text.decode(b"MEGACO/3 [192.0.2.1] Transaction=1{Context=1{AuditValue=[0x01,0x02]{Audit{Media}}}}")
    octets = binary.encode(tree)
    path = frames([octets], tmp_path / "audit.pcap")
    ((why,),) = seen(path, WRONG, "_ws.expert.message")
    assert "beyond the end of the known sequence" in why
    module = oracle.MEDIA_GATEWAY_CONTROL.MegacoMessage
    module.from_ber(octets)
    assert module.to_ber() == octets and "terminationIDList" in module.to_asn1()
