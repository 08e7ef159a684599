"""sipp calls `workbench alg` and nothing comes of it: CANCEL, failures, what is not done, octets that are no SIP."""

from __future__ import annotations

import random
import socket

import pytest
from interop.agw_stage import ACCESS, OUTSIDE, PEER, UE, edge, holds
from interop.children import Children
from interop.sipp import Caller, hears, msrp, played, plays, reply, rings, terminated

ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
CALLER = Caller(ALICE, BOB)


def test_cancel(programs: Children):
    """CANCEL while it rings: 200 and 487 to the caller, CANCEL onwards; nothing stays at the gateway."""
    _, agw = edge(programs)
    uas = plays(programs, "uas", PEER, hears("INVITE"), reply(180, "Ringing"), hears("CANCEL"),
                reply(200, "OK"), terminated(), hears("ACK"))
    uac = plays(programs, "uac", UE, CALLER.invite(msrp(9, "active")), hears(response=100, optional="true"),
                hears(response=180), CALLER.cancel(), hears(response=200, checks={"CSeq:": "1 CANCEL"}),
                hears(response=487, checks={"CSeq:": "1 INVITE"}), CALLER.ack_failure(), to=ACCESS)
    played(uac, programs, "uac")
    played(uas, programs, "uas")
    holds(agw, 0)


def test_refused(programs: Children):
    """A final failure of the callee reaches the caller, and each hop has its ACK."""
    _, agw = edge(programs)
    for status, reason in ((486, "Busy Here"), (603, "Decline"), (302, "Moved Temporarily")):
        uas = plays(programs, f"uas{status}", PEER, hears("INVITE"), reply(status, reason), hears("ACK"))
        uac = plays(programs, f"uac{status}", UE, CALLER.invite(msrp(9, "active")), *rings(), hears(response=status),
                    CALLER.ack_failure(), to=ACCESS)
        played(uac, programs, f"uac{status}")
        played(uas, programs, f"uas{status}")
        holds(agw, 0)


VIDEO = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 4000 RTP/AVP 31"
IMPOSSIBLE = {
    "no route": ("sip:bob@nowhere.example", msrp(9, "active"), 404),
    "no offer": (BOB, "", 488),
    "no SDP": (BOB, "this is no SDP", 488),
    "video": (BOB, VIDEO, 488),
    "e2ae without agreement": (BOB, msrp(9, "active", "a=3ge2ae:requested", proto="TCP/TLS/MSRP"), 488),
}


def test_what_can_not_be_done_is_refused(programs: Children):
    """The caller is told; nobody else hears of it (RFC 3261 §13.3.1.3, TS 24.229 §6.7.2)."""
    _, agw = edge(programs)
    for name, (callee, sdp, status) in IMPOSSIBLE.items():
        caller = Caller(ALICE, callee)
        file = name.replace(" ", "-")
        uac = plays(programs, file, UE, caller.invite(sdp), hears(response=100, optional="true"),
                    hears(response=status), caller.ack_failure(), to=ACCESS)
        played(uac, programs, file)
    holds(agw, 0)


@pytest.mark.parametrize("to", [ACCESS, OUTSIDE])
def test_methods_that_are_not_done(programs: Children, to: int):
    """405 with Allow for known ones, 501 for others (RFC 3261 §8.2.1, §21.5.2), on both sides."""
    edge(programs)
    for method, status in (("OPTIONS", 405), ("MESSAGE", 405), ("SUBSCRIBE", 405), ("FROB", 501)):
        uac = plays(programs, method, UE, CALLER.request(method, 1),
                    hears(response=status, checks={"Allow:": "INVITE, ACK, BYE, CANCEL"}), to=to)
        played(uac, programs, method)


def test_requests_outside_any_dialog(programs: Children):
    """BYE and CANCEL for calls that never were: 481 (RFC 3261 §9.2, §15.1.2)."""
    edge(programs)
    uac = plays(programs, "uac", UE, CALLER.request("BYE", 7), hears(response=481), CALLER.cancel(),
                hears(response=481), to=ACCESS)
    played(uac, programs, "uac")


def test_what_is_no_sip(programs: Children):
    """Octets of all kinds at both SIP endpoints are noted and dropped; the next call is as good as any."""
    alg, _ = edge(programs)
    junk = [b"\0" * 40, b"GET / HTTP/1.1\r\n\r\n", b"INVITE sip:bob@home2.example SIP/2.0\r\n\r\n",
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP nobody;branch=z9hG4bKx\r\n\r\n", random.Random(5).randbytes(1400),
            b"INVITE " + b"x" * 8000 + b" SIP/2.0\r\n",
            "MESSAGE sip:\u00fc SIP/2.0\r\nCSeq: 99999999999 X\r\n\r\n".encode()]
    with socket.socket(type=socket.SOCK_DGRAM) as line:
        line.bind((programs.address, 0))
        for port in (ACCESS, OUTSIDE):
            for octets in junk:
                line.sendto(octets, (programs.address, port))
    alg.says("SIP: ")
    uas = plays(programs, "uas", PEER, hears("INVITE"), reply(200, "OK", msrp(7000, "passive"), retrans="500"),
                hears("ACK"), hears("BYE"), reply(200, "OK", inside=True))
    uac = plays(programs, "uac", UE, CALLER.invite(msrp(9, "active")), *rings(), hears(response=200), CALLER.ack(),
                CALLER.request("BYE", 2, uri="[next_url]"), hears(response=200), to=ACCESS)
    played(uac, programs, "uac")
    played(uas, programs, "uas")
    assert "Traceback" not in alg.text
