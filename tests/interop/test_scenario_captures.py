"""What programs written elsewhere say of the captures that scenarios write: tshark, and Erlang's H.248 decoder."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest
from programs import need

from workbench import scenarios
from workbench.net import packets

IDS = scenarios.IDS
CASES = [(id, tls, nat) for id in IDS for tls in ("1.2", "1.3") for nat in ("none", "behind")]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def run(request, tmp_path_factory):
    """A run of each scenario with each TLS version, with and without NAT."""
    id, tls, nat = request.param
    return scenarios.get(id).run(seed=3, out=tmp_path_factory.mktemp("captures"), tls=tls, nat=nat)


def tshark(path, shown, *options, fields=("frame.number",)):
    """One tuple of field values for each frame that the display filter admits."""
    command = [need("tshark"), "-n", "-r", str(path), "-Y", shown, "-T", "fields", *options]
    for field in fields:
        command += ["-e", field]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    return [tuple(line.split("\t")) for line in output.splitlines()]


def without_secrets(path):
    """The same capture without its secrets block."""
    bare = path.with_name("bare.pcapng")
    command = [need("editcap", "tshark"), "--discard-all-secrets", str(path), str(bare)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return bare


def test_nothing_is_malformed(run):
    """tshark finds no malformed frame and no expert error, in the capture and in its twin."""
    for path in (run.capture, run.twin):
        assert tshark(path, '_ws.malformed || _ws.expert.severity == "Error"', fields=(
            "frame.number", "_ws.expert.message")) == []
        assert len(tshark(path, "frame")) > 50


def test_the_embedded_secrets_decrypt_and_nothing_else_does(run):
    """With the secrets block tshark reads both Finished messages and the payload; without it, neither."""
    finished = "tls.handshake.type == 20"
    with_secrets = tshark(run.capture, finished)
    wires = 2 if run.knobs["nat"] == "behind" else 1  # the same records pass on both sides of the NAT
    assert len(with_secrets) == 2 * wires
    assert tshark(run.capture, "tls.app_data") != []
    bare = without_secrets(run.capture)
    assert tshark(bare, finished) == []
    assert tshark(run.capture, 'tls && frame contains "Conference floor"') == []


def test_tshark_reads_the_same_tls_as_we_do(run):
    """Version, suite, and who is client: tshark's reading and the report's."""
    (call,) = [session for session in run.report.sessions if session.kind == "msrp"]
    (leg,) = [leg for leg in call.legs if leg.tls_client]
    hellos = tshark(run.capture, "tls.handshake.type == 1", fields=("ip.src",))
    addresses = {a for node in run.report.nodes if node.name == leg.tls_client for a in node.addresses}
    assert {source for (source,) in hellos} <= addresses | {"203.0.113.10"}
    (suite,) = {row[0] for row in tshark(run.capture, "tls.handshake.type == 2", fields=("tls.handshake.ciphersuite",))}
    assert leg.tls_version.endswith(run.knobs["tls"])
    assert int(suite, 16) > 0


def test_the_twin_shows_msrp(run):
    """In the decrypted twin tshark dissects MSRP on the access leg too."""
    methods = Counter(row[0] for row in tshark(run.twin, "msrp.method", fields=("msrp.method",)))
    plain = Counter(row[0] for row in tshark(run.capture, "msrp.method", fields=("msrp.method",)))
    assert plain["SEND"] >= 2
    assert methods["SEND"] >= 2 * plain["SEND"]


def test_tshark_and_we_count_the_same_signalling(run):
    """SIP and H.248 frames: the same numbers by tshark and by our analyser."""
    for shown, protocol in (("sip", "SIP"), ("megaco", "H.248")):
        theirs = {int(row[0]) for row in tshark(run.capture, shown)}
        ours = {frame for m in run.report.messages if m.protocol == protocol for frame in m.frames}
        assert theirs == ours


def test_erlang_reads_every_h248_message(run):
    """erlang-megaco's text decoder takes each message, and our re-encoding means the same term to it."""
    from erlang import erlang_terms

    from workbench.protocols.h248 import text

    sent = [m.octets for m in run.report.messages if m.protocol == "H.248"]
    assert len(sent) >= 10
    again = [text.encode(text.decode(octets), style=style) for octets in sent for style in ("pretty", "compact")]
    terms = erlang_terms([*sent, *again])
    originals, copies = terms[: len(sent)], terms[len(sent) :]
    assert all(isinstance(term, str) for term in terms)
    assert [term for term in originals for _ in range(2)] == copies


def test_every_packet_has_right_checksums(run):
    """Each frame is a complete IP packet whose checksums hold (our reading; tshark's is in the expert list)."""
    for number in range(1, run.report.packets + 1):
        ip = packets.decode_ip(run.report.frame(number).octets)
        assert ip.checksum_ok
        if ip.protocol == packets.TCP:
            assert packets.decode_tcp(ip).checksum_ok
        elif ip.protocol == packets.UDP:
            assert packets.decode_udp(ip).checksum_ok
