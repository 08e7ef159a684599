"""What programs written elsewhere say of the captures that scenarios write: tshark, and Erlang's H.248 decoder."""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest
from portions import one_in_three
from programs import need

from workbench import scenarios
from workbench.net import packets

IDS = scenarios.IDS
PROTECTED = ["e2ae-msrp-originating", "e2ae-msrp-terminating"]
OTHER_PROTECTED = [scenario.id for scenario in scenarios.all()
                   if scenario.family == "e2ae TLS" and scenario.id not in PROTECTED]
CASES = [(id, tls, nat) for id in PROTECTED for tls in ("1.2", "1.3") for nat in ("none", "behind")]


@pytest.fixture(scope="module", params=CASES, ids=" ".join)
def run(request, tmp_path_factory):
    """A run of each e2ae scenario of MSRP with each TLS version, with and without NAT."""
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


@pytest.mark.parametrize("id", OTHER_PROTECTED)
def test_tshark_takes_the_other_e2ae_captures(id, tmp_path):
    """Nothing malformed in the capture and in its twin, in which tshark reads as many BFCP messages inside as we do."""
    run = scenarios.get(id).run(seed=3, out=tmp_path)
    for path in (run.capture, run.twin):
        assert tshark(path, "_ws.malformed", "--enable-heuristic", "bfcp_tcp") == []
    ours = sum(m.protocol == "BFCP" for m in run.report.messages)
    theirs = tshark(run.twin, "bfcp", "--enable-heuristic", "bfcp_tcp", fields=("bfcp.primitive",))
    assert sum(len(row[0].split(",")) for row in theirs) == ours


# Scenarios without TLS, with what else they show on purpose: as they are, and with the knobs that add a reset,
# a retransmission or a re-offer.
PLAIN: tuple[tuple[str, dict[str, str]], ...] = (
    *((scenario.id, {}) for scenario in scenarios.all() if scenario.family != "e2ae TLS"),
    ("tcp-stateless-relay", {"nat": "behind"}), ("tcp-stateless-relay", {"fault": "refused"}),
    ("tcp-aware-a-active", {"fault": "refused"}), ("tcp-delayed", {"fault": "refused", "reading": "first"}),
    ("tcp-merge-terminating", {"merge": "translation", "first": "a"}), ("tcp-merge-terminating", {"fault": "never"}),
    ("tcp-merge-both-behind-nat", {"merge": "translation"}), ("tcp-direction-modified", {"nat": "a"}),
    ("tcp-release", {"how": "reset"}), ("tcp-release", {"how": "order", "mode": "merge"}),
    ("tcp-renegotiation", {"offer": "new"}), ("tcp-renegotiation", {"offer": "hold"}),
    ("msrp-aware-plain", {"nat": "behind", "active": "b"}), ("msrp-aware-plain", {"file": "octets"}),
    ("msrp-cema-fallback", {"answer": "forward"}),
)
# Why a capture may hold an RST: what the scenario shows.
RESETS = {
    "tcp-stateless-relay": "UE B's port is closed; after Subtract nobody takes the UEs' last segments",
    "tcp-aware-a-active": "UE B's port is closed", "tcp-delayed": "UE B's port is closed",
    "tcp-merge-terminating": "the second connection is refused; one that has no other end is given up",
    "tcp-release": "UE A resets its connection",
}
# A SYN that nobody answers for a while is sent again.
RETRANSMISSIONS = {"tcp-delayed": "UE B takes two seconds"}
# Severities of tshark's expert information.
ERROR, WARNING = 0x800000, 0x600000
WARNINGS = {
    # A merge by translation can't take octets for somebody who is not there.
    "TCP Zero Window segment": {"tcp-merge-terminating", "tcp-merge-originating", "tcp-merge-both-behind-nat"},
}


# Of these, H.248 has something that no other one has.
TOLD = (("tcp-stateless-relay", {}), ("tcp-aware-b-active", {"start": "signal"}), ("tcp-merge-terminating", {}),
        ("tcp-renegotiation", {"offer": "new"}), ("tcp-renegotiation", {"offer": "hold"}), ("msrp-aware-plain", {}),
        ("msrp-cema-fallback", {}))


def named(case):
    """The id of a case for pytest."""
    return " ".join((case[0], *(f"{name}={value}" for name, value in case[1].items())))


@pytest.fixture(scope="module", params=one_in_three(pytest.param(case, id=named(case)) for case in PLAIN))
def plain(request, tmp_path_factory):
    """A run of each scenario without TLS, and what tshark says of each of its frames."""
    id, knobs = request.param
    run = scenarios.get(id).run(seed=3, out=tmp_path_factory.mktemp("captures"), **knobs)
    return run, tshark(run.capture, "frame", fields=(
        "frame.protocols", "tcp.flags.reset", "tcp.analysis.retransmission", "_ws.expert.severity",
        "_ws.expert.message", "_ws.malformed"))


def frames_of_files(report):
    """Frames of messages that hold any octets, and lines that look like other messages' end-lines.

    These lines are none (RFC 4975 §7.1), and a gateway has to know it; tshark reads a body line by line, takes one for
    the end of the message, and what follows for trailing characters or for a malformed message.
    """
    return {frame for m in report.messages if m.protocol == "MSRP" and not m.error
            and m.value.get("Content-Type") == "application/octet-stream" for frame in m.frames}


def copies(report):
    """Frames of UDPTL packets that were sent before: what is important in a fax is said three times.

    tshark puts T.30 frames together without looking at sequence numbers, and calls copies of a frame's end malformed.
    """
    return {frame for m in report.messages if m.protocol == "UDPTL" and m.repeated for frame in m.frames}


def test_nothing_is_malformed_without_tls(plain):
    """tshark finds no malformed frame and no expert error; what it warns of, the scenario shows on purpose."""
    run, frames = plain
    id = run.scenario.id
    assert len(frames) == run.report.packets
    files = frames_of_files(run.report) if run.knobs.get("file") == "octets" else copies(run.report)
    for number, (protocols, reset, repeated, severities, messages, malformed) in enumerate(frames, 1):
        if number in files:
            continue
        assert "malformed" not in protocols and not malformed, (number, messages)
        severity = {int(one) for one in severities.split(",") if one}
        assert ERROR not in severity, messages
        assert reset in ("", "0", "False") or id in RESETS, messages
        assert not repeated or id in RETRANSMISSIONS, messages
        warned = WARNING in severity and "Connection reset" not in messages
        assert not warned or any(id in shown and words in messages for words, shown in WARNINGS.items()), messages


def test_tshark_and_we_count_the_same_signalling_without_tls(plain):
    """SIP and H.248 frames: the same numbers by tshark and by our analyser."""
    run, frames = plain
    for shown, protocol in (("sip", "SIP"), ("megaco", "H.248")):
        theirs = {number for number, frame in enumerate(frames, 1) if shown in frame[0].split(":")}
        ours = {frame for m in run.report.messages if m.protocol == protocol for frame in m.frames}
        assert theirs == ours


@pytest.mark.parametrize("case", TOLD, ids=named)
def test_erlang_reads_every_h248_message_without_tls(case, tmp_path):
    """erlang-megaco's text decoder takes each message: no role, two servers, signals, paths in Local and Remote."""
    from erlang import erlang_terms

    id, knobs = case
    run = scenarios.get(id).run(seed=3, out=tmp_path, **knobs)
    sent = [m.octets for m in run.report.messages if m.protocol == "H.248"]
    assert len(sent) >= 8
    assert all(isinstance(term, str) for term in erlang_terms(sent))
