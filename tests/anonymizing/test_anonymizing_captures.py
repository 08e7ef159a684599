"""A capture with other addresses, identities and keys tells the same story, and nothing of whom it is about."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from analysis.link_frames import FRAMES, capture
from capturing import sdp, sip, udp
from capturing import write as crafted
from http_words import certified_exchanges, request_exchange
from mikey_words import stored
from programs import need
from psk_sessions import TEK, Recorded
from typer.testing import CliRunner

from workbench import analyze, scenarios
from workbench.analysis.explain import explain_frame
from workbench.analysis.pcapng import RAW, Packet, Reader, Writer
from workbench.analysis.report import Report
from workbench.anonymizing.writing import Result, anonymize
from workbench.cli import app
from workbench.errors import CaptureError
from workbench.net import packets
from workbench.net.packets import ACK, PSH, SYN, Tcp, encode_ip, encode_tcp, encode_udp
from workbench.net.values import Endpoint
from workbench.protocols.mikey import layout
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import wire as mikey

CAPTURES = Path(__file__).parents[2] / "captures"
KEY = b"a key of a test, not secret"
# One of each family at once; all others in the long run.
FAMILIES = ["e2ae-bfcp-renegotiation-role-clash", "e2ae-msrp-terminating", "msrp-cema-fallback",
            "t38-dtls-failure-clear", "t38-dtls-originating", "tcp-merge-both-behind-nat",
            "e2ae-handshake-timeout-clear"]
ALL = sorted(path.stem for path in CAPTURES.glob("*.pcapng"))
A, B = Endpoint("192.0.2.11", 5060), Endpoint("198.51.100.22", 5060)


def packets_of(path: Path) -> list[Packet]:
    with Reader(path) as reader:
        return list(reader)


def bare(source: Path, target: Path) -> Path:
    """The same frames without names, comments and secrets, which no anonymized capture has."""
    with Reader(source) as reader, Writer(target) as writer:
        wires: dict[tuple[str, int], int] = {}
        for packet in reader:
            wire = wires.get((packet.wire, packet.link))
            if wire is None:
                wire = wires[packet.wire, packet.link] = writer.interface(packet.wire, packet.link)
            writer.packet(wire, packet.time_ns, packet.octets, length=packet.length)
    return target


def written(path: Path, octets: Iterable[bytes], link: int = RAW) -> Path:
    with Writer(path) as writer:
        wire = writer.interface("wire", link)
        for number, frame in enumerate(octets):
            writer.packet(wire, number * 10**9, frame)
    return path


def done(source: Path, folder: Path) -> tuple[Path, Result]:
    target = folder / "given.pcapng"
    return target, anonymize(source, target, key=KEY)


def story(report: Report) -> dict[str, object]:
    return {
        "messages": [(one.protocol, one.frames, one.time, one.repeated, bool(one.error), one.session)
                     for one in report.messages],
        "findings": [(one.rule, one.frames) for one in report.findings],
        "scenario": report.scenario and (report.scenario.id, report.scenario.score, report.scenario.deviations),
        "sessions": [(one.id, one.kind, one.security, one.handling, [leg.transport for leg in one.legs],
                      len(one.bindings)) for one in report.sessions],
        "unread": [(one.what, one.reason, one.frames, one.octets) for one in report.unread],
        "accounted": dict(report.accounted),
    }


def holds(name: str, folder: Path) -> None:
    before = analyze(bare(CAPTURES / f"{name}.pcapng", folder / "bare.pcapng"))
    target, result = done(CAPTURES / f"{name}.pcapng", folder)
    assert story(analyze(target)) == story(before)
    assert result.zeros == 0 and result.frames == before.packets
    octets = target.read_bytes()
    for value in (b"alice", b"home1", b"home2.example", b"access.example.net", b"192.0.2.20", b"Conference"):
        assert value not in octets


@pytest.mark.parametrize("name", FAMILIES)
def test_it_tells_the_same(name: str, tmp_path: Path) -> None:
    """Messages, sessions, findings, scenario and blind spots are those of the capture without its secrets."""
    holds(name, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in ALL if name not in FAMILIES])
def test_every_stored_capture_tells_the_same(name: str, tmp_path: Path) -> None:
    """All stored captures do."""
    holds(name, tmp_path)


def test_one_key_gives_one_result(tmp_path: Path) -> None:
    """The key alone decides; without one each run differs."""
    source = CAPTURES / "tcp-stateless-relay.pcapng"
    made = [tmp_path / name for name in ("first", "second", "third", "fourth")]
    for path, key in zip(made, (KEY, KEY, None, None), strict=True):
        anonymize(source, path, key=key)
    first, second, third, fourth = (path.read_bytes() for path in made)
    assert first == second and len({first, third, fourth}) == 3


@pytest.mark.parametrize("name", ["e2ae-msrp-terminating", "t38-dtls-originating", "msrp-cema-fallback"])
def test_tshark_finds_every_checksum_right(name: str, tmp_path: Path) -> None:
    """tshark, told to check them, has no bad checksum and no malformed frame that the original has not."""
    source = bare(CAPTURES / f"{name}.pcapng", tmp_path / "bare.pcapng")
    target, _ = done(source, tmp_path)

    def wrong(path: Path) -> str:
        wanted = ["_ws.malformed", *(f"{one}.checksum.status == 0" for one in ("ip", "tcp", "udp", "icmp"))]
        command = [need("tshark"), "-n", "-r", str(path), "-T", "fields", "-e", "frame.number"]
        command += ["-Y", " || ".join(wanted)]
        for name in ("ip", "tcp", "udp"):
            command += ["-o", f"{name}.check_checksum:TRUE"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert wrong(target) == wrong(source)


def test_every_link_and_tunnel(tmp_path: Path) -> None:
    """Behind every header that is read the message has other names and addresses, and checksums hold."""
    source = tmp_path / "frames.pcapng"
    source.write_bytes(capture(list(FRAMES.values())))
    target, _ = done(source, tmp_path)
    before, after = analyze(source), analyze(target)
    assert [one.frames for one in after.messages_of("SIP")] == [one.frames for one in before.messages_of("SIP")]
    assert after.notes == before.notes
    assert b"192.0.2.1" not in target.read_bytes() and b"z9hG4bK1" not in target.read_bytes()


def _request(**more: str) -> bytes:
    lines = ["INVITE sip:+498912345678@ims.operator.example SIP/2.0",
             "Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bKqweasd",
             'From: "Erika M." <sip:erika@ims.operator.example>;tag=77aa99', "To: <tel:+498912345678>",
             "Call-ID: secret-call-id@192.0.2.11", "CSeq: 1 INVITE",
             'P-Charging-Vector: icid-value="icid1234567";orig-ioi=operator.example',
             "P-Access-Network-Info: 3GPP-E-UTRAN-FDD;utran-cell-id-3gpp=2620112345678",
             "X-Customer: muster", *(f"{name}: {value}" for name, value in more.items())]
    return ("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()


def test_a_value_in_an_odd_place_is_refused(tmp_path: Path) -> None:
    """A Call-ID in a Date, which is left alone: nothing is written, and the words name value and frame."""
    octets = _request(Date="Mon, erikaserika, 2026").replace(b"secret-call-id", b"erikaserika")
    source = written(tmp_path / "odd.pcapng", [encode_udp(A, B, _request()), encode_udp(A, B, octets)])
    target = tmp_path / "given.pcapng"
    target.write_bytes(b"was here before")
    with pytest.raises(CaptureError, match=r"frame 2: erikaserika would still be visible; nothing is written"):
        anonymize(source, target, key=KEY)
    assert target.read_bytes() == b"was here before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.pcapng", "odd.pcapng"]


def test_an_address_in_an_odd_place_is_refused(tmp_path: Path) -> None:
    """A packed address in the fields of an RTP header, which stay: refused as well."""
    rtp = bytes.fromhex("80000001") + bytes(4) + packets.pack_address(A.host) + bytes(160)
    source = written(tmp_path / "odd.pcapng", [encode_udp(Endpoint(A.host, 4000), Endpoint(B.host, 4000), rtp)])
    with pytest.raises(CaptureError, match=r"frame 1: 192\.0\.2\.11 \(packed\)"):
        anonymize(source, tmp_path / "given.pcapng", key=KEY)


def test_identities_go_and_form_stays(tmp_path: Path) -> None:
    """Each name, number, id and unknown header is another one of the same length; protocol words and lengths stay."""
    source = written(tmp_path / "one.pcapng", [encode_udp(A, B, _request())])
    target, _ = done(source, tmp_path)
    (packet,) = packets_of(target)
    new = packet.octets[28:]
    assert len(new) == len(_request()) and new != _request()
    for value in (b"498912345678", b"operator", b"erika", b"Erika", b"77aa99", b"secret", b"qweasd", b"icid1234567",
                  b"2620112345678", b"muster", b"Customer", b"192.0.2.11"):
        assert value not in new
    text = new.decode()
    numbers = re.findall(r"\+\d{12}", text)
    assert len(set(numbers)) == 1 and len(numbers) == 2
    assert "utran-cell-id-3gpp=" in text and "branch=z9hG4bK" in text and "CSeq: 1 INVITE" in text
    address = packets.decode_ip(packet.octets).source
    assert f"UDP {address};" in text and f"@{address}" in text
    assert packets.decode_udp(packets.decode_ip(packet.octets)).checksum_ok


def _segment(sequence: int, payload: bytes, flags: int = ACK | PSH) -> bytes:
    return encode_tcp(Tcp(A, B, sequence, 1, flags, 1000, payload))


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_value_over_segments(size: int, tmp_path: Path) -> None:
    """However a stream is cut, and however often a segment comes, the new stream is the same."""
    octets = _request()
    parts = [(1001 + at, octets[at : at + size]) for at in range(0, len(octets), size)]
    frames = [_segment(1000, b"", SYN), *(_segment(at, part) for at, part in [*parts, *parts[3:6], *parts[:2]])]
    target, _ = done(written(tmp_path / "cut.pcapng", frames), tmp_path)
    stream: dict[int, int] = {}
    for packet in packets_of(target):
        segment = packets.decode_tcp(packets.decode_ip(packet.octets))
        assert segment.checksum_ok
        for at, octet in enumerate(segment.payload):
            assert stream.setdefault(segment.sequence + at, octet) == octet
    (tmp_path / "whole").mkdir()
    whole, _ = done(written(tmp_path / "whole.pcapng", [encode_udp(A, B, octets)]), tmp_path / "whole")
    assert bytes(stream[at] for at in sorted(stream)) == packets_of(whole)[0].octets[28:]


def test_a_datagram_in_fragments(tmp_path: Path) -> None:
    """Put together again it is the same as whole, and its checksum holds."""
    octets = _request()
    whole = encode_udp(A, B, octets)[20:]
    frames = []
    for at in range(0, len(whole), 96):
        frame = bytearray(encode_ip(A.host, B.host, packets.UDP, whole[at : at + 96]))
        frame[4:6], frame[6:8] = b"\0\7", (at // 8 | (0x2000 if at + 96 < len(whole) else 0)).to_bytes(2, "big")
        frame[10:12] = bytes(2)
        frame[10:12] = packets.checksum(bytes(frame[:20])).to_bytes(2, "big")
        frames.append(bytes(frame))
    target, result = done(written(tmp_path / "parts.pcapng", frames), tmp_path)
    parts = [packets.decode_ip(packet.octets) for packet in packets_of(target)]
    assert result.zeros == 0 and all(part.checksum_ok for part in parts)
    joined = encode_ip(parts[0].source, parts[0].destination, packets.UDP, b"".join(part.payload for part in parts))
    datagram = packets.decode_udp(packets.decode_ip(joined))
    assert datagram.checksum_ok and datagram.data.startswith(b"INVITE sip:+") and b"operator" not in datagram.data


def test_a_wrong_checksum_stays_wrong(tmp_path: Path) -> None:
    """What was wrong is not made right: a rule or an eye may be after it."""
    frame = bytearray(encode_udp(A, B, _request()))
    frame[26] ^= 0x55
    target, _ = done(written(tmp_path / "bad.pcapng", [bytes(frame)]), tmp_path)
    (packet,) = packets_of(target)
    assert not packets.decode_udp(packets.decode_ip(packet.octets)).checksum_ok


def test_what_is_not_understood_is_zeros(tmp_path: Path) -> None:
    """A payload of no known protocol, and what stands behind a packet in its frame."""
    octets = encode_udp(Endpoint(A.host, 9), Endpoint(B.host, 9), b"\x05hidden name")
    source = written(tmp_path / "odd.pcapng", [octets])
    target, result = done(source, tmp_path)
    (packet,) = packets_of(target)
    assert result.zeros == 12 and packet.octets[28:] == bytes(12)


def test_packed_and_broken_captures(tmp_path: Path) -> None:
    """gzip is unpacked; a capture that breaks off is given up to there, with a note; garbage is refused."""
    octets = (CAPTURES / "tcp-stateless-relay.pcapng").read_bytes()
    packed = tmp_path / "packed.pcapng.gz"
    packed.write_bytes(gzip.compress(octets))
    target, result = done(packed, tmp_path)
    assert result.frames == len(packets_of(CAPTURES / "tcp-stateless-relay.pcapng")) == len(packets_of(target))
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(octets[: len(octets) // 2])
    target, result = done(cut, tmp_path)
    assert 0 < result.frames == len(packets_of(target)) and "cut short" in result.notes[0]
    cut.write_bytes(b"no capture at all")
    with pytest.raises(CaptureError, match="no capture file"):
        anonymize(cut, tmp_path / "none.pcapng")
    assert not (tmp_path / "none.pcapng").exists()


def test_the_command(tmp_path: Path) -> None:
    """It says what it did; a short key, and the capture as its own result, are refused."""
    source, target, key = tmp_path / "in.pcapng", tmp_path / "out.pcapng", tmp_path / "key"
    shutil.copy(CAPTURES / "tcp-stateless-relay.pcapng", source)
    key.write_bytes(KEY)
    run = CliRunner().invoke(app, ["anonymize", str(source), str(target), "--key", str(key)])
    assert run.exit_code == 0 and "values replaced; none of them is visible any more" in run.output
    assert analyze(target).scenario is not None
    key.write_bytes(b"short")
    refused = CliRunner().invoke(app, ["anonymize", str(source), str(target), "--key", str(key)])
    assert isinstance(refused.exception, CaptureError) and "at least 16" in str(refused.exception)
    refused = CliRunner().invoke(app, ["anonymize", str(source), str(source)])
    assert isinstance(refused.exception, CaptureError) and "place of the capture itself" in str(refused.exception)


@pytest.mark.parametrize("knob", ["tls=1.2", "ip=6-4", "tokens=short"])
def test_other_forms_of_a_call(knob: str, tmp_path: Path) -> None:
    """Certificates in clear keep matching their fingerprints; IPv6 and H.248's short words keep their story."""
    name, _, value = knob.partition("=")
    scenarios.get("e2ae-msrp-originating").run(seed=1, out=tmp_path / "run", **{name: value})
    (source,) = (tmp_path / "run").glob("*.pcapng")
    before = analyze(bare(source, tmp_path / "bare.pcapng"))
    target, result = done(source, tmp_path)
    after = analyze(target)
    assert story(after) == story(before) and result.zeros == 0
    found = [[one.matches for session in report.sessions for leg in session.legs for one in leg.certificates]
             for report in (before, after)]
    assert found[0] == found[1] and (knob != "tls=1.2" or found[0] == [True, True])


@pytest.mark.long
@pytest.mark.parametrize("name", [scenario.id for scenario in scenarios.all()])
def test_every_scenario_tells_the_same(name: str, tmp_path: Path) -> None:
    """All scenarios of the catalogue do."""
    scenarios.get(name).run(seed=1, out=tmp_path / "run")
    (source,) = (tmp_path / "run").glob("*.pcapng")
    before = analyze(bare(source, tmp_path / "bare.pcapng"))
    target, _ = done(source, tmp_path)
    assert story(analyze(target)) == story(before)


@pytest.mark.parametrize(("version", "suite"), [
    ("1.2", "PSK-AES128-CBC-SHA"), ("1.2", "ECDHE-PSK-CHACHA20-POLY1305"), ("1.2", "DHE-PSK-AES128-GCM-SHA256"),
    ("1.3", "")])
def test_the_name_of_a_pre_shared_key_is_another_of_equal_length(tmp_path: Path, version: str, suite: str):
    """A PSK identity may name a subscriber: it and its hint change, what is around them still reads."""
    session = Recorded.keyed(version, suite, hint=b"mrfp.home1.example")
    talk = session.talk()
    source = crafted(tmp_path / "a.pcapng", talk.frames, secrets=session.keylog)
    anonymize(source, tmp_path / "b.pcapng", key=KEY)
    assert b"ticket-cs-1" not in (tmp_path / "b.pcapng").read_bytes()
    assert b"mrfp.home1" not in (tmp_path / "b.pcapng").read_bytes()
    before, after = (analyze(path).sessions[0].legs[0] for path in (source, tmp_path / "b.pcapng"))
    assert len(after.psk_identity) and after.psk_identity != before.psk_identity
    assert (after.tls_version, after.cipher_suite) == (before.tls_version, before.cipher_suite)


def test_mikey_in_sdp_has_other_identities_and_keys_and_the_same_form(tmp_path: Path):
    """A ticket still decodes and says when it holds; nobody's name, random octets and keys are left in it."""
    request = "INVITE sip:conf-1@ims.example SIP/2.0"
    frames = []
    for number, name in enumerate(("transfer-init", "forking-transfer-init")):
        text = mikey.encode_base64(stored(name))
        said = sdp("192.0.2.11", 4000, "TCP/TLS/MSRP", "setup:active", f"key-mgmt:mikey {text}")
        frames.append(udp(float(number), A, B, sip(request, f"c{number}", "INVITE", said)))
    source = bare(crafted(tmp_path / "a.pcapng", frames), tmp_path / "bare.pcapng")
    target, _ = done(source, tmp_path)
    assert story(analyze(target)) == story(analyze(source))
    for old, new in zip(packets_of(source), packets_of(target), strict=True):
        before, after = (explain_frame(analyze(path), old.number).layers[0] for path in (source, target))
        assert len(old.octets) == len(new.octets) and len(before.octets) == len(after.octets)
        for secret in (b"ue-a@ims", b"conf-1", b"kms@", b"\xc1" * 8, b"\x99" * 8, before.octets[-20:]):
            assert secret not in after.octets
        assert [leaf.name for leaf in before.leaves()] == [leaf.name for leaf in after.leaves()]
        assert [leaf.value for leaf in before.leaves() if "timestamp" in leaf.name] == [
            leaf.value for leaf in after.leaves() if "timestamp" in leaf.name]


def test_key_management_protocols_keep_their_names(tmp_path: Path):
    """In SDP and in the list of the MIKEY message: it stays the list of its offer, and one that is not stays so."""
    message = mikey.decode(stored("transfer-init"))
    listed = mikey.encode(m.Message(message.header, (*message.payloads[:-1], m.sdp_ids(["keyp1", "mikey"]),
                                                     message.payloads[-1])))
    lines = ["key-mgmt:keyp1 c2VjcmV0", f"key-mgmt:mikey {mikey.encode_base64(listed)}"]
    said = [sdp("192.0.2.11", 4000, "TCP/TLS/MSRP", "setup:active", *kept) for kept in (lines, lines[1:])]
    frames = [udp(float(at), A, B, sip("INVITE sip:conf-1@ims.example SIP/2.0", f"c{at}", "INVITE", one))
              for at, one in enumerate(said)]
    source = bare(crafted(tmp_path / "a.pcapng", frames), tmp_path / "bare.pcapng")
    target, _ = done(source, tmp_path)
    before, after = analyze(source), analyze(target)
    assert story(after) == story(before)
    assert [one.frames for one in after.findings if one.rule == "key-mgmt-list"] == [(2,)]
    assert b"a=key-mgmt:keyp1 " in target.read_bytes() and b"c2VjcmV0" not in target.read_bytes()


def test_certificates_in_mikey_are_others_of_the_same_form(tmp_path: Path):
    """They still decode, are for the identity that the message has, and hold as long; no rule breaks that held."""
    source = bare(crafted(tmp_path / "a.pcapng", certified_exchanges().closes().frames), tmp_path / "bare.pcapng")
    target, _ = done(source, tmp_path)
    before, after = analyze(source), analyze(target)
    assert story(after) == story(before) and before.findings == ()
    for secret in (b"ue-a@ims", b"conf-1", b"Workbench issuer"):
        assert secret in source.read_bytes() and secret not in target.read_bytes()


def test_an_exchange_with_a_kms_has_other_identities_and_the_same_form(tmp_path: Path):
    """HTTP with MIKEY, in one segment each and in many."""
    for portion in (0, 100):
        frames = request_exchange(portion).closes().frames
        source = bare(crafted(tmp_path / "a.pcapng", frames), tmp_path / "bare.pcapng")
        target, _ = done(source, tmp_path)
        before, after = analyze(source), analyze(target)
        assert story(after) == story(before)
        assert [one.summary.partition("MIKEY")[2] for one in after.messages_of("HTTP")] == [
            " REQUEST_INIT_PSK", " REQUEST_RESP"]
        for secret in (b"ue-a@ims", b"kms.ims", b"oKGio6Slpq", b"\xa1" * 8):
            assert secret in source.read_bytes() or portion
            assert not any(secret in one.octets for one in after.messages_of("HTTP"))


def test_the_key_over_h248_is_another(tmp_path: Path):
    """Mp: neither key nor name of the termination's TLS is left, in digits or octets; its form is, so all reads alike.

    With the new key nothing of what was recorded can be read: the capture's own TLS is noise.
    """
    run = scenarios.get("mp-msrp-dial-in").run(seed=1, out=tmp_path / "run", keys="configured")
    source = bare(run.capture, tmp_path / "bare.pcapng")
    target, result = done(source, tmp_path)
    before, after = analyze(source), analyze(target)
    assert story(after) == story(before) and result.zeros == 0
    (old,), (new,) = ([one for one in report.findings if one.rule == "key-readable"] for report in (before, after))
    assert old.frames == new.frames and "'cs1'" in old.explanation and "'cs1'" not in new.explanation
    octets, original = target.read_bytes(), source.read_bytes()
    for secret in (TEK.key.hex().upper().encode(), TEK.key.hex().encode(), TEK.key, b"637331", b"cs1"):
        assert secret not in octets
    assert TEK.key.hex().upper().encode() in original and b"637331" in original
    keys = re.findall(rb"tlspsk/psk = ([0-9A-F]+)", octets)
    assert [len(key) for key in keys] == [32] and octets.count(keys[0]) == 1
    (name,) = {leg.psk_identity for leg in after.sessions[0].legs} - {""}
    assert f"'{name}'" in new.explanation  # the same name in H.248 and in TLS


def test_nothing_of_a_ticket_s_keys_is_left(tmp_path: Path):
    """A call by the key of a ticket: who it is for, random octets, encrypted keys and MACs are all others."""
    run = scenarios.get("e2e-msrp-kms").run(seed=1, out=tmp_path / "run")
    source = bare(run.capture, tmp_path / "bare.pcapng")
    target, _ = done(source, tmp_path)
    before, after = analyze(source), analyze(target)
    assert story(after) == story(before)
    secrets = _hidden(before)
    assert {"mikey.kemac.data", "mikey.rand.data", "mikey.mac", "mikey.id.data"} <= set(secrets)
    octets = target.read_bytes()
    for name, values in secrets.items():
        assert not values & _hidden(after)[name]
        assert not [value for value in values if value in octets]


def _hidden(report: Report) -> dict[str, set[bytes]]:
    """What stands in fields of MIKEY, in a=key-mgmt and over HTTP, by the field's name: of 8 octets and more."""
    found: dict[str, set[bytes]] = {}
    for message in report.messages:
        told = [mikey.decode_base64(text.decode()) for text in re.findall(rb"a=key-mgmt:mikey (\S+)", message.octets)]
        if message.protocol == "HTTP":
            told.append(message.octets.partition(b"\r\n\r\n")[2])
        for one in filter(None, told):
            for leaf in (leaf for span in layout.spans(one) for leaf in span.leaves()):
                if leaf.end - leaf.start >= 8 and any(one[leaf.start : leaf.end]) and "timestamp" not in leaf.name:
                    found.setdefault(leaf.name, set()).add(one[leaf.start : leaf.end])
    return found
