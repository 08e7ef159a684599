"""A man in the middle: what he changes in SDP, what he reads where he may change fingerprints, and his bounds."""

from __future__ import annotations

import pytest
from play import play

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    BindDatagrams,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Listen,
    OpenStream,
    RefuseStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamFailed,
    StreamOffered,
    StreamOpened,
)
from workbench.nodes.interceptor import Interceptor
from workbench.protocols import sip
from workbench.security import tls
from workbench.security.identities import Identity
from workbench.security.source import Source

INSIDE, OUTSIDE = Endpoint("10.0.0.1", 5060), Endpoint("203.0.113.10", 5060)
UE, PROXY = Endpoint("10.0.0.10", 5060), Endpoint("198.51.100.5", 5060)
GATEWAY = Endpoint("198.51.100.1", 40_002)
TAKEN = Endpoint(INSIDE.host, 50_000)
NEAR = Stream(TAKEN, Endpoint("10.0.0.10", 20_000))
FAR = Stream(Endpoint(OUTSIDE.host, TAKEN.port), GATEWAY)
UE_ID, AGW_ID, HIS_ID = (Identity.self_signed(name, Source(1, name)) for name in ("UE", "AGW", "Mallory"))


def spoken(start: str, *body: str) -> bytes:
    sdp = "".join(f"{line}\r\n" for line in body).encode()
    head = (f"{start}\r\nVia: SIP/2.0/UDP 10.0.0.10;branch=z9hG4bK1\r\nFrom: <sip:a@h.example>;tag=a\r\n"
            "To: <sip:b@h.example>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n")
    return head.encode() + sdp


OFFER = spoken("INVITE sip:b@h.example SIP/2.0", "v=0", "c=IN IP4 10.0.0.10", "m=message 9 TCP/TLS/MSRP *",
               "a=setup:active", f"a=fingerprint:{UE_ID.fingerprint().encode()}")
ANSWER = spoken("SIP/2.0 200 OK", "v=0", f"c=IN IP4 {GATEWAY.host}", f"m=message {GATEWAY.port} TCP/TLS/MSRP *",
                "a=setup:passive", f"a=fingerprint:{AGW_ID.fingerprint().encode()}")


def mallory(**settings):
    return Interceptor("Mallory", inside=INSIDE, outside=OUTSIDE, proxy=PROXY, identity=HIS_ID, **settings)


def called(**settings):
    """Offer and answer have passed."""
    acting = play(mallory(**settings)).sees(Started()).does(BindDatagrams(INSIDE), BindDatagrams(OUTSIDE))
    acting.sees(DatagramReceived(INSIDE, UE, OFFER)).take()
    acting.sees(DatagramReceived(OUTSIDE, PROXY, ANSWER)).does(Listen(TAKEN), SendDatagram)
    return acting


class Ends:
    """UE and gateway with real TLS, each believing what SDP told it."""

    def __init__(self, acting, *, forged: bool) -> None:
        self.acting = acting
        told = (HIS_ID, HIS_ID) if forged else (AGW_ID, UE_ID)
        self.ends = {
            NEAR: tls.TlsSession(UE_ID, True, announced=[told[0].fingerprint()]),
            FAR: tls.TlsSession(AGW_ID, False, announced=[told[1].fingerprint()])}
        self.heard = {NEAR: b"", FAR: b""}
        self.failed: dict[Stream, str] = {}
        self.others: list[object] = []

    def turn(self, stream: Stream, events) -> None:
        """What an end does about it, until nobody has anything to say."""
        for event in events:
            match event:
                case tls.Transmit(octets=octets):
                    self.acting.sees(StreamData(stream, octets))
                    self.obey()
                case tls.Data(octets=octets):
                    self.heard[stream] += octets
                case tls.Failed(reason=reason):
                    self.failed[stream] = reason

    def obey(self) -> None:
        for command in self.acting.take():
            match command:
                case SendStream(stream=stream, data=data):
                    self.turn(stream, self.ends[stream].receive_data(data))
                case OpenStream(stream=stream):
                    self.turn(stream, self.ends[stream].start())
                    self.acting.sees(StreamOpened(stream))
                    self.obey()
                case _:
                    self.others.append(command)

    def shake(self) -> None:
        self.acting.sees(StreamOffered(NEAR)).does(AcceptStream(NEAR))
        self.acting.sees(StreamOpened(NEAR)).does_nothing()
        self.turn(NEAR, self.ends[NEAR].start())


@pytest.mark.parametrize("forges", [True, False])
def test_what_he_changes(forges):
    """The UE's offer passes as behind a NAT, the answer names him; fingerprints are his only where he forges."""
    acting = play(mallory(forges=forges)).sees(DatagramReceived(INSIDE, UE, OFFER))
    (offer,) = acting.take()
    assert (offer.local, offer.remote) == (OUTSIDE, PROXY)
    _, answer = acting.sees(DatagramReceived(OUTSIDE, PROXY, ANSWER)).take()
    assert (answer.local, answer.remote) == (INSIDE, UE)
    assert b"c=IN IP4 10.0.0.10" in offer.data
    assert b"c=IN IP4 10.0.0.1\r\nm=message 50000 TCP/TLS/MSRP *" in answer.data
    his = HIS_ID.fingerprint().encode().encode()
    assert (his in offer.data, his in answer.data) == (forges, forges)
    for said in (offer, answer):
        assert len(sip.decode(said.data).body) == int(sip.decode(said.data).headers.get("Content-Length"))


def test_an_answer_that_comes_again_names_the_same_port():
    """A repeated answer is changed in the same way, and nothing is listened on twice."""
    acting = called()
    (again,) = acting.sees(DatagramReceived(OUTSIDE, PROXY, ANSWER)).take()
    assert b"m=message 50000 " in again.data


def test_other_datagrams_pass_as_they_are():
    """What is no SIP, or has no SDP, is passed on; what comes from a stranger, or before the UE spoke, is dropped."""
    acting = play(mallory())
    acting.sees(DatagramReceived(OUTSIDE, PROXY, b"hello?")).does(Drop)
    acting.sees(DatagramReceived(INSIDE, UE, b"\r\n\r\n")).does(SendDatagram(OUTSIDE, PROXY, b"\r\n\r\n"))
    acting.sees(DatagramReceived(OUTSIDE, PROXY, b"no SIP")).does(SendDatagram(INSIDE, UE, b"no SIP"))
    acting.sees(DatagramReceived(OUTSIDE, Endpoint("192.0.2.66", 5060), b"no SIP")).does(Drop)


@pytest.mark.parametrize("garbage", [b"", b"\0" * 40, ANSWER[:120], ANSWER.replace(b"40002", b"99999999999")])
def test_garbage_never_escapes(garbage):
    """Whatever either side sends, he passes it on or drops it."""
    acting = play(mallory()).sees(DatagramReceived(INSIDE, UE, garbage))
    acting.take()
    (passed,) = acting.sees(DatagramReceived(OUTSIDE, PROXY, garbage)).take()
    assert passed.remote == UE and b"m=message 50000" not in passed.data


def test_with_forged_fingerprints_he_reads_both_directions():
    """Both ends are content, each with his certificate; what one says arrives at the other, and passes him in clear."""
    ends = Ends(called(), forged=True)
    ends.shake()
    assert ends.failed == {} and all(end.state is tls.State.UP for end in ends.ends.values())
    ends.turn(NEAR, ends.ends[NEAR].send(b"for Bob alone"))
    ends.turn(FAR, ends.ends[FAR].send(b"heard"))
    assert ends.heard == {NEAR: b"heard", FAR: b"for Bob alone"}


def test_without_forging_both_ends_refuse_him():
    """The UE refuses first, before it says anything; then he tries the gateway, which refuses too."""
    ends = Ends(called(forges=False), forged=False)
    ends.shake()
    assert set(ends.failed) == {NEAR, FAR}
    assert all("does not match the announced" in reason for reason in ends.failed.values())
    assert ends.heard == {NEAR: b"", FAR: b""}


def test_the_end_is_passed_on():
    """The UE's close_notify closes both connections, each with a close_notify of his."""
    ends = Ends(called(), forged=True)
    ends.shake()
    ends.turn(NEAR, ends.ends[NEAR].close())
    assert [one.stream for one in ends.others if isinstance(one, EndStream)] == [NEAR, FAR]
    assert ends.ends[FAR].state is tls.State.PEER_CLOSED
    ends.acting.sees(StreamClosed(NEAR)).does_nothing().sees(StreamClosed(FAR)).does_nothing()
    ends.acting.sees(StreamData(NEAR, b"late")).does_nothing()


def test_a_gateway_that_can_t_be_reached():
    """The UE's connection ends where the other one was not established."""
    acting = called()
    ends = Ends(acting, forged=True)
    acting.sees(StreamOffered(NEAR)).does(AcceptStream(NEAR)).sees(StreamOpened(NEAR)).does_nothing()
    hello = next(one for one in ends.ends[NEAR].start() if isinstance(one, tls.Transmit))
    reply = b"".join(one.data for one in acting.sees(StreamData(NEAR, hello.octets)).take())
    finished = b"".join(one.octets for one in ends.ends[NEAR].receive_data(reply) if isinstance(one, tls.Transmit))
    acting.sees(StreamData(NEAR, finished)).does(SendStream, OpenStream(FAR))
    acting.sees(StreamFailed(FAR, None)).does(SendStream, EndStream(NEAR))


def test_what_waits_is_bounded():
    """A UE that says much before the gateway's side is up loses its connection."""
    acting = called(most_waiting=10)
    ends = Ends(acting, forged=True)
    acting.sees(StreamOffered(NEAR)).does(AcceptStream(NEAR)).sees(StreamOpened(NEAR)).does_nothing()
    hello = next(one for one in ends.ends[NEAR].start() if isinstance(one, tls.Transmit))
    reply = b"".join(one.data for one in acting.sees(StreamData(NEAR, hello.octets)).take())
    finished = b"".join(one.octets for one in ends.ends[NEAR].receive_data(reply) if isinstance(one, tls.Transmit))
    acting.sees(StreamData(NEAR, finished)).does(SendStream, OpenStream(FAR))
    (said,) = ends.ends[NEAR].send(b"more than ten octets")
    acting.sees(StreamData(NEAR, said.octets)).does(AbortStream(FAR), AbortStream(NEAR)).does_nothing()


def test_connections_are_bounded():
    """Only ports that stand for a gateway's are his, and only so many connections at a time."""
    acting = called(most=1)
    acting.sees(StreamOffered(Stream(Endpoint(INSIDE.host, 1), UE))).does(RefuseStream)
    acting.sees(StreamOffered(NEAR)).does(AcceptStream(NEAR))
    acting.sees(StreamOffered(Stream(TAKEN, Endpoint("10.0.0.10", 20_001)))).does(RefuseStream)
    other = ANSWER.replace(b"m=message 40002", b"m=message 40004")
    (passed,) = acting.sees(DatagramReceived(OUTSIDE, PROXY, other)).take()
    assert b"m=message 40004" in passed.data


def test_a_ue_that_hangs_up_before_tls():
    """He forgets the connection that he had not opened yet."""
    acting = called()
    acting.sees(StreamOffered(NEAR)).does(AcceptStream(NEAR)).sees(StreamOpened(NEAR)).does_nothing()
    acting.sees(StreamClosed(NEAR)).does_nothing()
    acting.sees(StreamOffered(NEAR)).does(AcceptStream(NEAR))
