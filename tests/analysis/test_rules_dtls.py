"""Rules on DTLS and fax, and on TLS too: for each a capture that breaks it, and one that keeps it."""

from __future__ import annotations

import contextlib
import ssl
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from capturing import Frame, sip, udp
from crafted_calls import ACCESS, LEGS, UE, Crafted, found, sdp
from dtls_pair import AGW, STRANGER, Pair, client, server
from dtls_pair import UE as UE_IDENTITY

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.lab.scenario import Scenario
from workbench.net.values import Endpoint
from workbench.protocols.sdp import Fingerprint
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.messages import Indicator, UdptlPacket, indication
from workbench.protocols.tls import datagrams
from workbench.protocols.tls.datagrams import Record
from workbench.protocols.tls.registry import ContentType, HandshakeType
from workbench.scenarios import fax_edge
from workbench.security.identities import Identity

CED = ifp.encode(indication(Indicator.CED))
ONE = udptl.encode(UdptlPacket(0, CED))
DTLS, CLEAR = "UDP/TLS/UDPTL", "udptl"
FAILED = "tlsbsc/BNCChange { Type = Fail }"


def fingerprint(one: Fingerprint) -> str:
    return f"fingerprint:SHA-256 {one.value.hex(':').upper()}"


OURS, THEIRS = fingerprint(AGW.fingerprint()), fingerprint(UE_IDENTITY.fingerprint())

Change = Callable[[bool, Record], bytes]
"""What becomes of a record: by the client or not, and the record."""


def kind_of(record: Record) -> int | None:
    """The handshake message that a clear record holds, or a part of it."""
    return record.fragment[0] if record.type == ContentType.HANDSHAKE and not record.epoch else None


def kept(_: bool, record: Record) -> bytes:
    return record.octets


def without(*kinds: HandshakeType) -> Change:
    return lambda _, record: b"" if kind_of(record) in kinds else record.octets


def empty_certificate(ours: bool, record: Record) -> bytes:
    """The client's Certificate without any in it (RFC 5246 §7.4.6)."""
    if not ours or kind_of(record) != HandshakeType.CERTIFICATE:
        return record.octets
    body = record.fragment[:1] + b"\0\0\3" + record.fragment[4:6] + b"\0\0\0\0\0\3" + b"\0\0\0"
    return datagrams.header(record.type, record.version, record.epoch, record.sequence, len(body)) + body


class FaxCall:
    """UE A offers a fax with DTLS as its client; the gateway answers. `at`: 0.5 s is when DTLS begins."""

    def __init__(self, *, setup: tuple[str, str] = ("active", "passive"), offer: tuple[str, ...] = (THEIRS,),
                 answer: tuple[str, ...] = (OURS,), answered: str = DTLS, watch: str = "") -> None:
        self.made = Crafted("", "", watch=watch, bearers=(DTLS, CLEAR))
        self._said(0.3, "access", UE, (f"setup:{setup[0]}", "3ge2ae:requested", *offer), DTLS, invite=True)
        self._said(0.4, "access", ACCESS, (f"setup:{setup[1]}", *answer), answered)
        self.made.agrees("core", (), (), proto=CLEAR)
        self.keylog = ""

    def _said(self, at: float, side: str, end: Endpoint, lines: tuple[str, ...], proto: str, *,
              invite: bool = False) -> None:
        alg, ue = Endpoint("198.51.100.5", 5060), Endpoint(UE.host, 5060)
        start = "INVITE sip:b@home2.example SIP/2.0" if invite else "SIP/2.0 200 OK"
        octets = sip(start, f"call-{side}", "INVITE", sdp(end, *lines, proto=proto))
        self.made.frames.append(udp(at, *((ue, alg) if invite else (alg, ue)), octets, LEGS[side][0]))

    def shakes(self, change: Change = kept, *, says: bool = True, most: int = 1000, payload: bytes = ONE,
               ends: tuple[Endpoint, Endpoint] = (UE, ACCESS), identity: Identity = UE_IDENTITY) -> FaxCall:
        """A handshake between these ends, the DTLS client first; `most`: datagrams of it that are seen."""
        pair = Pair(client(log_keys=True, mtu=1200, identity=identity), server(mtu=1200)).shaken()
        if says and identity is UE_IDENTITY:
            pair.does(pair.client, pair.client.send(payload)).plays()
        self.keylog = pair.keylog
        for at, ours, octets in pair.frames[:most]:
            left = b"".join(change(ours, record) for record in datagrams.split(octets)[0])
            if left:
                self.made.frames.append(udp(0.5 + at, *(ends if ours else ends[::-1]), left, LEGS["access"][0]))
        return self

    def clear(self, at: float, source: Endpoint, octets: bytes = ONE) -> FaxCall:
        other = ACCESS if source == UE else UE
        self.made.frames.append(udp(at, source, other, octets, LEGS["access"][0]))
        return self

    def core(self, at: float, *packets: bytes) -> FaxCall:
        _, peer, ours = LEGS["core"]
        frames: list[Frame] = [udp(at + 0.01 * n, ours, peer, octets, "Core") for n, octets in enumerate(packets)]
        self.made.frames += frames
        return self

    def report(self, path: Path) -> Report:
        log = path / "keys.log"
        log.write_text(self.keylog)
        return analyze(self.made.report(path).capture, log)


def client_hello() -> bytes:
    """The first record of a TLS client."""
    said = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), said, server_hostname="x").do_handshake()
    return said.read()


SOUND = ("clear-on-dtls-leg", "answer-drops-security", "no-certificate", "handshake-unfinished", "dtls-client",
         "failure-not-released", "fax-packets-lost", "core-before-check", "clear-on-tls-leg")


def test_a_sound_call_breaks_none(tmp_path):
    """DTLS as agreed, certificates of both, and the packet on the core leg behind it."""
    call = FaxCall().shakes().core(2.0, ONE)
    call.made.subtracts(8.0).until(20.0)
    report = call.report(tmp_path)
    assert [one.summary for one in report.messages if one.protocol == "UDPTL"] == 2 * ["UDPTL 0 ced"]
    assert [one.rule for one in report.findings if one.rule in SOUND] == []


@cache
def live(caller: str, secure: bool) -> Report:
    """A whole fax through our own nodes."""
    topology = fax_edge.topology().changed({fax_edge.A: {"media_security": secure}})
    scenario = Scenario("fax", "a fax", "test", (), (), "", topology, {},
                        fax_edge.fax_script(caller, fax=5.0, hang_up=28.0), (), (), until=45.0)  # type: ignore[arg-type]
    return scenario.start(seed=1, out=Path(tempfile.mkdtemp(prefix="rules-"))).finish().report


@pytest.mark.parametrize(("caller", "secure"), [(fax_edge.A, True), (fax_edge.PEER, True), (fax_edge.A, False)])
def test_our_own_nodes_break_no_rule(caller, secure):
    """A page in either direction, and one that is in clear from end to end."""
    assert live(caller, secure).findings == ()


@pytest.mark.parametrize(("sender", "octets", "says"), [
    (UE, ONE, "UE A sends 1 UDPTL packet in the clear on the access leg, which is UDP/TLS/UDPTL: the gateway has to"),
    (ACCESS, ONE, "IMS-AGW sends 1 UDPTL packet in the clear on the access leg, which is UDP/TLS/UDPTL: whoever"),
    (UE, b"\x80" + bytes(20), "1 datagram that are neither DTLS nor STUN in the clear"),
])
def test_clear_on_a_dtls_leg(tmp_path, sender, octets, says):
    """UDPTL, or anything that is not DTLS or STUN (RFC 7345 §5.2.2), beside a sound association."""
    report = FaxCall().shakes().clear(3.0, sender, octets).report(tmp_path)
    (finding,) = found(report, "clear-on-dtls-leg")
    assert says in finding.explanation and finding.frames
    assert found(report, "clear-on-tls-leg") == []


def test_a_stray_packet_in_clear_shows_no_loss(tmp_path):
    """What came before it came inside DTLS."""
    report = FaxCall().shakes().clear(3.0, UE, udptl.encode(UdptlPacket(9, CED))).report(tmp_path)
    assert found(report, "clear-on-dtls-leg") and not found(report, "fax-packets-lost")


def test_keep_alives_on_a_dtls_leg_are_left_alone(tmp_path):
    """An empty datagram keeps a binding open and says nothing."""
    assert found(FaxCall().shakes().clear(3.0, UE, b"\r\n").report(tmp_path), "clear-on-dtls-leg") == []


@pytest.mark.parametrize(("call", "says"), [
    (FaxCall(answered=CLEAR), "the answer of IMS-ALG says udptl"),
    (FaxCall(answer=()), "the answer of IMS-ALG has no a=fingerprint"),
], ids=["transport", "fingerprint"])
def test_an_answer_that_drops_security(tmp_path, call, says):
    """F10, F11: a stream that is offered with e2ae gets no answer without it."""
    (finding,) = found(call.report(tmp_path), "answer-drops-security")
    assert says in finding.explanation
    assert "UE A offers UDP/TLS/UDPTL with a=3ge2ae:requested" in finding.explanation
    assert len(finding.frames) == 2


@pytest.mark.parametrize(("proto", "lines", "says"), [
    ("TCP/MSRP", (OURS,), "says TCP/MSRP"), ("TCP/TLS/MSRP", (), "has no a=fingerprint"), ("TCP/TLS/MSRP", (OURS,), ""),
])
def test_an_answer_on_tls(tmp_path, proto, lines, says):
    """The same for MSRP over TLS."""
    made = Crafted()
    a, b = Endpoint(UE.host, 5060), Endpoint("198.51.100.5", 5060)
    offer = sip("INVITE sip:b@home2.example SIP/2.0", "1", "INVITE",
                sdp(UE, "setup:active", THEIRS, proto="TCP/TLS/MSRP"))
    answer = sip("SIP/2.0 200 OK", "1", "INVITE", sdp(ACCESS, "setup:passive", *lines, proto=proto))
    made.frames += [udp(0.3, a, b, offer, "Access"), udp(0.4, b, a, answer, "Access")]
    told = [one.explanation for one in found(made.report(tmp_path), "answer-drops-security")]
    assert bool(told) == bool(says)
    assert all(says in one for one in told)


def test_a_stream_that_is_refused_may_say_anything(tmp_path):
    """Port 0 ends it, whatever stands behind (RFC 3264 §6)."""
    made = Crafted()
    a, b = Endpoint(UE.host, 5060), Endpoint("198.51.100.5", 5060)
    made.frames += [
        udp(0.3, a, b, sip("INVITE sip:b@h SIP/2.0", "1", "INVITE", sdp(UE, THEIRS, proto=DTLS)), "Access"),
        udp(0.4, b, a, sip("SIP/2.0 200 OK", "1", "INVITE", sdp(Endpoint(ACCESS.host, 0), proto=CLEAR)), "Access")]
    assert found(made.report(tmp_path), "answer-drops-security") == []


@pytest.mark.parametrize(("change", "says"), [
    (empty_certificate, "UE A presents no certificate on the access leg"),
    (without(HandshakeType.CERTIFICATE_REQUEST), None),
])
def test_no_certificate(tmp_path, change, says):
    """A client with an empty Certificate; and one that shows its certificate unasked is none."""
    told = found(FaxCall().shakes(change).report(tmp_path), "no-certificate")
    assert [says in one.explanation for one in told] == ([True] if says else [])


def test_a_server_that_does_not_ask(tmp_path):
    """The handshake finishes with the server's certificate alone."""
    def unasked(ours: bool, record: Record) -> bytes:
        gone = [HandshakeType.CERTIFICATE_REQUEST, HandshakeType.CERTIFICATE_VERIFY]
        gone += [HandshakeType.CERTIFICATE] if ours else []
        return without(*gone)(ours, record)

    (finding,) = found(FaxCall().shakes(unasked).report(tmp_path), "no-certificate")
    assert "IMS-AGW does not ask UE A for a certificate" in finding.explanation and finding.frames


@pytest.mark.parametrize(("until", "says"), [(4.0, None), (20.0, "is begun by UE A and never finished")])
def test_a_handshake_that_is_never_finished(tmp_path, until, says):
    """Flight 4 and nothing behind it; while it may still come, nothing is said."""
    call = FaxCall().shakes(most=4, says=False)
    call.made.until(until)
    told = found(call.report(tmp_path), "handshake-unfinished")
    assert [says in one.explanation for one in told] == ([True] if says else [])


@pytest.mark.parametrize(("until", "count"), [(4.0, 0), (20.0, 1)])
def test_a_handshake_that_is_never_begun(tmp_path, until, count):
    """The answer is there, DTLS is agreed, and nobody sends a ClientHello."""
    call = FaxCall()
    call.made.until(until)
    told = found(call.report(tmp_path), "handshake-unfinished")
    assert len(told) == count
    assert all("nobody sends a ClientHello on the access leg" in one.explanation for one in told)


@pytest.mark.parametrize("begun", [False, True])
def test_tls_that_is_not_finished(tmp_path, begun):
    """A TCP connection on which nobody begins TLS, or nobody answers the ClientHello."""
    made = Crafted().agrees("access", ("setup:active", THEIRS), ("setup:passive", OURS), proto="TCP/TLS/MSRP")
    talk = made.talk("access").opens(at=0.6)
    if begun:
        talk.says(0, client_hello())
    made.add(talk).until(20.0)
    (finding,) = found(made.report(tmp_path), "handshake-unfinished")
    assert ("nobody sends a ClientHello" in finding.explanation) != begun


@pytest.mark.parametrize(("setup", "answered", "broken"), [
    (("active", "passive"), "UE A", False), (("passive", "active"), "UE A", True),
])
def test_the_wrong_end_begins_dtls(tmp_path, setup, answered, broken):
    """a=setup:active in the answer makes the gateway DTLS client, and UE A begins (RFC 7345 §4.1)."""
    told = found(FaxCall(setup=setup).shakes().report(tmp_path), "dtls-client")
    assert bool(told) == broken
    assert all(one.explanation.startswith(f"{answered} sends a ClientHello on the access leg;") for one in told)


@pytest.mark.parametrize("reported", [True, False])
def test_a_dtls_failure_that_is_not_reported(tmp_path, reported):
    """The gateway ends the handshake with a fatal alert; BNCChange was asked for, and is sent or not."""
    call = FaxCall(watch="tlsbsc/BNCChange").shakes(identity=STRANGER)
    if reported:
        call.made.notifies(1.0, "access", FAILED)
    call.made.until(20.0)
    told = found(call.report(tmp_path), "tls-failure-not-reported")
    assert bool(told) != reported
    assert all("ip/1/access/1 fails" in one.explanation for one in told)


@pytest.mark.parametrize("released", [True, False])
def test_a_failure_that_is_not_followed_by_release(tmp_path, released):
    """The gateway tells that DTLS failed; the controller subtracts, or does nothing."""
    call = FaxCall().shakes(most=4, says=False)
    call.made.notifies(12.0, "access", FAILED)
    if released:
        call.made.subtracts(12.5)
    call.made.until(30.0)
    told = found(call.report(tmp_path), "failure-not-released")
    assert bool(told) != released
    assert all("ip/1/access/1 failed" in one.explanation for one in told)


@pytest.mark.parametrize(("packets", "lost"), [
    ([UdptlPacket(0, CED), UdptlPacket(2, CED, (CED,))], 0),
    ([UdptlPacket(0, CED), UdptlPacket(3, CED, (CED,)), UdptlPacket(7, CED)], 4),
])
def test_packets_that_nothing_makes_good(tmp_path, packets, lost):
    """A gap that the next packet fills is none; where redundancy does not reach so far it stays."""
    told = found(FaxCall().shakes(says=False).core(2.0, *map(udptl.encode, packets)).report(tmp_path),
                 "fax-packets-lost")
    assert [one.explanation.split()[0] for one in told] == ([str(lost)] if lost else [])


@pytest.mark.parametrize(("offered", "answered", "says"), [
    ((THEIRS, "T38FaxVersion:0"), (OURS, "T38FaxVersion:0"), None),
    ((THEIRS, "connection:new"), (OURS,), "the offer of UE A for UDP/TLS/UDPTL: a=connection with UDPTL"),
    ((), (OURS,), "the offer of UE A for UDP/TLS/UDPTL: "),
    ((THEIRS, "T38FaxVersion:0"), (OURS, "T38FaxVersion:2"),
     "the answer of IMS-ALG for UDP/TLS/UDPTL: T.38 version 2 answers 0"),
    ((THEIRS, "T38FaxRateManagement:localTCF"), (OURS,), "localTCF with UDP/TLS/UDPTL"),
])
def test_sdp_of_a_fax(tmp_path, offered, answered, says):
    """What RFC 7345 §4.1 and T.38 annex D forbid is found in offers and in answers, with its clause."""
    told = found(FaxCall(offer=offered, answer=answered).report(tmp_path), "fax-sdp")
    assert bool(told) == bool(says)
    assert all(says in one.explanation and "[" in one.explanation for one in told[:1])


def test_a_role_that_the_offer_does_not_leave(tmp_path):
    """a=setup:active answers active, and holdconn is never written (RFC 8842 §5.2)."""
    told = found(FaxCall(setup=("active", "active")).report(tmp_path), "fax-sdp")
    assert any("RFC 4145 §4.1" in one.explanation for one in told)
    assert found(FaxCall(setup=("holdconn", "passive")).report(tmp_path), "fax-sdp")


@pytest.mark.parametrize(("most", "count"), [(40, 0), (12, 1)])
def test_packets_that_are_too_large(tmp_path, most, count):
    """UDPTL octets count, without those of DTLS around them."""
    big = udptl.encode(UdptlPacket(0, bytes.fromhex("c001800004ffc80100ee")))
    call = FaxCall(answer=(OURS, f"T38FaxMaxDatagram:{most}")).shakes(payload=big)
    told = found(call.report(tmp_path), "fax-datagram-size")
    assert [one.explanation for one in told] == count * [
        f"UE A sends 1 UDPTL packet of up to {len(big)} octets on the access leg; the other end takes {most} "
        "(a=T38FaxMaxDatagram), and may cut or drop them. A sender has to leave out former packets, oldest first"]


def test_fax_on_the_core_leg_before_the_check(tmp_path):
    """UDPTL of the gateway's towards the core, and DTLS with the UE never finishes."""
    (finding,) = found(FaxCall().shakes(most=13, says=True).core(0.5001, ONE).report(tmp_path), "core-before-check")
    assert "finished only in frame" in finding.explanation or "never finished" in finding.explanation
