"""sipp at both SIP ends of `workbench alg`, which controls `workbench agw`: no SIP of ours but the IMS-ALG's."""

from __future__ import annotations

import hashlib
import re
import socket

from interop.agw_stage import ACCESS, OUTSIDE, PEER, UE, edge, exchanged, holds
from interop.children import PATIENCE, Children
from interop.sipp import Caller, hears, msrp, played, plays, reply, rings, told
from interop.tls_ends import Identity, connector, ended, listener, openssl_client

ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
CALLER = Caller(ALICE, BOB)


def names_gateway(programs: Children, setup: str) -> dict[str, str]:
    """The SDP that an end gets names the gateway, and nothing of the other end."""
    here = re.escape(programs.address)
    return {"body": rf"c=IN IP4 {here}\r?\n(.*\r?\n)*m=message 4[0-9]+ TCP/MSRP (.*\r?\n)*a=setup:{setup}",
            "Contact:": rf"{here}:(5060|5080)"}


def test_a_call(programs: Children):
    """INVITE, 180, 200, ACK, a re-INVITE for hold and its answer, BYE: both SDPs name the gateway's addresses."""
    alg, agw = edge(programs)
    uas = plays(
        programs, "uas", PEER,
        hears("INVITE", checks=names_gateway(programs, "active")),
        reply(180, "Ringing"),
        reply(200, "OK", msrp(7000, "passive"), retrans="500"),
        hears("ACK"),
        hears("INVITE", checks={"body": "a=sendonly"}),
        reply(200, "OK", msrp(7000, "passive", "a=recvonly"), inside=True, retrans="500"),
        hears("ACK"),
        hears("BYE"),
        reply(200, "OK", inside=True))
    uac = plays(
        programs, "uac", UE,
        CALLER.invite(msrp(9, "active")),
        *rings(),
        hears(response=200, checks=names_gateway(programs, "passive")),
        CALLER.ack(),
        CALLER.request("INVITE", 2, msrp(9, "active", "a=sendonly"), uri="[next_url]"),
        hears(response=100, optional="true"),
        hears(response=200, checks={"body": "a=recvonly"}),
        CALLER.ack(2),
        CALLER.request("BYE", 3, uri="[next_url]"),
        hears(response=200), to=ACCESS)
    at_ue = played(uac, programs, "uac")
    at_peer = played(uas, programs, "uas")
    (port,) = set(re.findall(r"m=message (4\d+) ", at_ue))
    agw.says(rf"listens at {programs.address}:{port}$")  # H.248 has made it so
    assert set(re.findall(r"m=message (4\d+) ", at_peer)) == {str(int(port) - 2)}
    assert "SIP:" not in alg.text
    holds(agw, 0)


def test_media_passes_and_its_end_ends_the_call(programs: Children):
    """The connection that the SDPs lead to is real; when it ends, the IMS-ALG sends BYE to both (TS 23.334 §8.5)."""
    _, agw = edge(programs)
    behind = listener(programs, 7000)
    ends = [hears("BYE"), reply(200, "OK", inside=True)]
    uas = plays(programs, "uas", PEER, hears("INVITE"), reply(200, "OK", msrp(7000, "passive"), retrans="500"),
                hears("ACK"), *ends)
    uac = plays(programs, "uac", UE, CALLER.invite(msrp(9, "active", host="127.0.0.1")), *rings(), hears(response=200),
                CALLER.ack(), *ends, to=ACCESS)
    front = connector(programs, _given_port(programs, "uac"))
    exchanged(front, behind, 20_000, 30_000)
    holds(agw, 1)
    front.end_input()
    ended(behind)
    played(uac, programs, "uac")
    played(uas, programs, "uas")
    holds(agw, 0)


# e2ae

def registered(programs: Children, ue: str = ALICE) -> None:
    """A UE that has agreed on MSRP over TLS at registration: RFC 3329 with the digest of RFC 3310."""
    here, tags = programs.address, iter(range(9))
    contact = f"{ue.partition('@')[0]}@{here}:{UE}"

    def register(more: str) -> bytes:
        number = next(tags)
        head = ["REGISTER sip:home1.example SIP/2.0", f"Via: SIP/2.0/UDP {here}:{UE};branch=z9hG4bKr{number};rport",
                "Max-Forwards: 70", f"From: <{ue}>;tag=r", f"To: <{ue}>", "Call-ID: r@ue",
                f"CSeq: {number + 1} REGISTER", f"Contact: <{contact}>", "Expires: 600",
                "Require: mediasec", "Proxy-Require: mediasec", "Security-Client: msrp-tls;mediasec",
                "Content-Length: 0", *more.splitlines()]
        return ("\r\n".join(head) + "\r\n\r\n").encode()

    with socket.socket(type=socket.SOCK_DGRAM) as line:
        line.bind((here, UE))
        line.connect((here, ACCESS))
        line.settimeout(PATIENCE)
        line.send(register(""))
        challenge = line.recv(4096).decode()
        nonce = re.search(r'nonce="([^"]+)"', challenge)
        assert nonce is not None and "Security-Server: msrp-tls;mediasec" in challenge, challenge
        offered = re.findall(r"^Security-Server: (.+?)\r?$", challenge, re.MULTILINE)
        first, second = _md5(f"alice:home.example:secret of {ue}"), _md5("REGISTER:sip:home1.example")
        answer = _md5(f"{first}:{nonce[1]}:00000001:c:auth:{second}")
        line.send(register(
            f'Authorization: Digest username="alice", realm="home.example", nonce="{nonce[1]}", qop=auth, nc=00000001, '
            f'uri="sip:home1.example", cnonce="c", response="{answer}", algorithm=AKAv1-MD5\n'
            + "\n".join(f"Security-Verify: {mechanism}" for mechanism in offered)))
        assert line.recv(4096).startswith(b"SIP/2.0 200 ")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _given_port(programs: Children, name: str) -> int:
    """The gateway's port in the 200 that an end has received, once it is there and acknowledged."""
    return int(told(programs, name, r"SIP/2\.0 200 [\s\S]*?m=message (4\d+) [\s\S]*?ACK sip")[1])


def test_e2ae_originating(programs: Children, ue: Identity):
    """A UE's offer with 3ge2ae: nothing of it at the peer; OpenSSL with the UE's certificate reaches a plain socat."""
    _, agw = edge(programs)
    registered(programs)
    behind = listener(programs, 7000)
    plain = {"body": r"m=message 4[0-9]+ TCP/MSRP \*"}
    uas = plays(programs, "uas", PEER, hears("INVITE", checks=plain), reply(180, "Ringing"),
                reply(200, "OK", msrp(7000, "passive"), retrans="500"), hears("ACK"), hears("BYE"),
                reply(200, "OK", inside=True))
    offer = msrp(9, "active", "a=3ge2ae:requested", f"a=fingerprint:{ue.fingerprint}", proto="TCP/TLS/MSRP",
                 host="127.0.0.1")
    ends = [hears("BYE"), reply(200, "OK", inside=True)]
    uac = plays(programs, "uac", UE, CALLER.invite(offer), *rings(),
                hears(response=200, checks={"body": r"m=message 4[0-9]+ TCP/TLS/MSRP (.*\r?\n)*a=fingerprint:SHA-256"}),
                CALLER.ack(), *ends, to=ACCESS)
    client = openssl_client(programs, _given_port(programs, "uac"), ue, "1.3")
    exchanged(client, behind, 5000, 6000)
    client.end_input()
    ended(behind)
    played(uac, programs, "uac")
    at_peer = played(uas, programs, "uas")
    assert "fingerprint" not in at_peer and "3ge2ae" not in at_peer
    holds(agw, 0)


def test_e2ae_terminating(programs: Children, ue: Identity):
    """A plain call from the core gets e2ae towards a UE that has agreed on it; both SDPs as TS 24.229 §6.7.2 says."""
    _, agw = edge(programs)
    registered(programs)
    asks = {"body": r"m=message 4[0-9]+ TCP/TLS/MSRP (.*\r?\n)*a=fingerprint:SHA-256"}
    answer = msrp(9, "active", f"a=fingerprint:{ue.fingerprint}", proto="TCP/TLS/MSRP", host="127.0.0.1")
    uas = plays(programs, "ue", UE, hears("INVITE", checks=asks), reply(180, "Ringing"),
                reply(200, "OK", answer, retrans="500"), hears("ACK"), hears("BYE"), reply(200, "OK", inside=True))
    behind = listener(programs, 7000)
    caller = Caller(BOB, ALICE)
    uac = plays(programs, "peer", PEER, caller.invite(msrp(7000, "passive")), *rings(),
                hears(response=200, checks={"body": r"m=message 4[0-9]+ TCP/MSRP"}), caller.ack(),
                hears("BYE"), reply(200, "OK", inside=True), to=OUTSIDE)
    port = int(told(programs, "ue", r"m=message (4\d+) TCP/TLS/MSRP[\s\S]*ACK sip")[1])
    client = openssl_client(programs, port, ue, "1.2")
    exchanged(client, behind, 5000, 6000)
    client.end_input()
    ended(behind)
    at_peer = played(uac, programs, "peer")
    played(uas, programs, "ue")
    assert "fingerprint" not in at_peer
    holds(agw, 0)
