"""sipp behind proxies and over lossy lines: what `workbench alg` makes of Via, Record-Route, Contact and silence."""

from __future__ import annotations

import re
import select
import socket
import threading

import pytest
from interop.agw_stage import ACCESS, PEER, UE, edge
from interop.children import PATIENCE, Children
from interop.kamailio import proxy
from interop.sipp import Caller, hangs_up, hears, is_called, msrp, played, plays, reply, rings, terminated

CALLER = Caller("sip:alice@home1.example", "sip:bob@home2.example")
ELSEWHERE = 5099
LINGERS = '<timewait milliseconds="2000"/>'  # for repetitions of the last request


class Lossy:
    """A line that loses each message the first time it comes by.

    Args:
        at: where the one end sends to.
        to: where the other end is; what comes from there goes to who has sent last.
    """

    def __init__(self, at: tuple[str, int], to: tuple[str, int]) -> None:
        self._near, self._far = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        self._near.bind(at)
        self._far.bind((at[0], 0))
        self._to = to
        self._seen: set[bytes] = set()
        self.lost: list[bytes] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        sender = self._to
        while not self._over.is_set():
            for one in select.select([self._near, self._far], [], [], 0.1)[0]:
                data, source = one.recvfrom(65_535)
                if one is self._near:
                    sender = source
                if not self._loses(data):
                    out, to = (self._far, self._to) if one is self._near else (self._near, sender)
                    out.sendto(data, to)

    def _loses(self, data: bytes) -> bool:
        if data in self._seen:
            return False
        self._seen.add(data)
        self.lost.append(data.split(b"\r\n", 1)[0])
        return True

    def close(self) -> None:
        self._over.set()
        self._thread.join(PATIENCE)
        self._near.close()
        self._far.close()


@pytest.mark.long
def test_each_message_is_lost_once(programs: Children):
    """A call comes about and ends all the same: whoever misses an answer sends again (RFC 3261 §17, §13.3.1.4)."""
    alg, _ = edge(programs)
    here = programs.address
    lines = [Lossy((here, PEER), (here, PEER + 1)), Lossy((here, UE + 1), (here, ACCESS))]
    try:
        answer = reply(200, "OK", msrp(7000, "passive"), retrans="500").replace("[local_port]>", f"{PEER}>")
        uas = plays(programs, "uas", PEER + 1, is_called(), reply(180, "Ringing"), answer, hears("ACK"),
                    hangs_up("sip:bob@home2.example"), hears(response=200))
        uac = plays(programs, "uac", UE, CALLER.invite(msrp(9, "active")), *rings(), hears(response=200), CALLER.ack(),
                    hears("BYE"), reply(200, "OK", inside=True), LINGERS, to=UE + 1)
        played(uac, programs, "uac")
        played(uas, programs, "uas")
        for line in lines:
            assert {word.split(b" ")[0] for word in line.lost} == {b"INVITE", b"SIP/2.0", b"ACK", b"BYE"}
            assert b"SIP/2.0 200 OK" in line.lost
        assert "Traceback" not in alg.text
    finally:
        for line in lines:
            line.close()


def test_routes_of_both_sides(programs: Children):
    """Each half has its own route set and remote target: Route in what we send, Record-Route and Via in our answers.

    Source: RFC 3261 §12.1.1, §12.1.2, §12.2.1.1, §8.2.6.2, §16.12.1.1.
    """
    edge(programs)
    here = programs.address
    recorded = f"Record-Route: <sip:{here}:{PEER};lr;n=1>, <sip:{here}:{PEER};lr;n=2>\n"
    inside = {"Route:": r"n=2>.*|n=1>", "CSeq:": "[0-9]+ (ACK|BYE)"}
    uas = plays(programs, "uas", PEER, hears("INVITE"),
                reply(200, "OK", msrp(7000, "passive"), more=recorded, retrans="500"),
                hears("ACK", checks=inside), hears("BYE", checks=inside), reply(200, "OK", inside=True))
    travelled = ("Via: SIP/2.0/UDP 192.0.2.77:5062;branch=z9hG4bKfar1\nVia: SIP/2.0/TCP ue.example;branch=z9hG4bKfar2\n"
                 f"Record-Route: <sip:{here}:{UE};lr;side=ue>\n")
    uac = plays(programs, "uac", UE, CALLER.invite(msrp(9, "active"), travelled), *rings(),
                hears(response=200, checks={"Record-Route:": "side=ue"}), CALLER.ack(),
                CALLER.request("BYE", 2, uri="[next_url]"), hears(response=200), to=ACCESS)
    at_ue = played(uac, programs, "uac")
    at_peer = played(uas, programs, "uas")
    answer = re.search(r"SIP/2\.0 200 OK[\s\S]*?\r?\n\r?\n", at_ue[at_ue.index("SIP/2.0 200"):])
    assert answer is not None
    hops = re.findall(r"^(?:Via: |, )SIP/2.0/(?:UDP|TCP) ([^;\s]+)", answer[0], re.MULTILINE)
    assert hops == [f"{here}:{UE}", "192.0.2.77:5062", "ue.example"]
    assert "side=ue" not in at_peer and "192.0.2.77" not in at_peer
    for request in ("ACK", "BYE"):
        ours = re.search(rf"^{request} (\S+) SIP/2\.0\r?\n[\s\S]*?\r?\n\r?\n", at_peer, re.MULTILINE)
        assert ours is not None and ours[1] == f"sip:{here}:{PEER}"
        assert re.findall(r"n=(\d)", ours[0]) == ["2", "1"]


@pytest.mark.parametrize("side", ["Contact", "Record-Route"])
def test_requests_go_where_the_core_peer_says(programs: Children, side: str):
    """ACK and BYE go to the peer's Contact, or to the first hop of its route set, not to where the INVITE went.

    Source: RFC 3261 §12.2.1.1, §8.1.2.
    """
    edge(programs)
    here = programs.address
    answer = reply(200, "OK", msrp(7000, "passive"))
    if side == "Contact":
        answer = answer.replace("Contact: <sip:[local_ip]:[local_port]>", f"Contact: <sip:{here}:{ELSEWHERE}>")
    else:
        answer = answer.replace("Contact:", f"Record-Route: <sip:{here}:{ELSEWHERE};lr>\nContact:")
    other = plays(programs, "other", ELSEWHERE, hears("ACK"), hears("BYE"), reply(200, "OK", inside=True))
    uas = plays(programs, "uas", PEER, hears("INVITE"), answer)
    uac = plays(programs, "uac", UE, CALLER.invite(msrp(9, "active")), *rings(), hears(response=200), CALLER.ack(),
                CALLER.request("BYE", 2, uri="[next_url]"), hears(response=200), to=ACCESS)
    played(uac, programs, "uac")
    played(uas, programs, "uas")
    played(other, programs, "other")


def test_through_a_proxy_of_the_core(programs: Children):
    """kamailio stays in the path of a call: ACK, re-INVITE and BYE find it by Record-Route, a CANCEL by its Via."""
    edge(programs)
    between = proxy(programs, PEER, PEER + 1)
    uas = plays(programs, "uas", PEER + 1, hears("INVITE", checks={"Record-Route:": "lr"}), reply(180, "Ringing"),
                reply(200, "OK", msrp(7000, "passive"), more="[last_Record-Route:]\n", retrans="500"), hears("ACK"),
                hears("INVITE"), reply(200, "OK", msrp(7000, "passive"), inside=True, retrans="500"), hears("ACK"),
                hears("BYE"), reply(200, "OK", inside=True))
    uac = plays(programs, "uac", UE, CALLER.invite(msrp(9, "active")), *rings(), hears(response=200), CALLER.ack(),
                CALLER.request("INVITE", 2, msrp(9, "active"), uri="[next_url]"), hears(response=100, optional="true"),
                hears(response=200), CALLER.ack(2), CALLER.request("BYE", 3, uri="[next_url]"), hears(response=200),
                to=ACCESS)
    played(uac, programs, "uac")
    played(uas, programs, "uas")
    assert re.findall(r"routed (\w+) ", between.text) == ["ACK", "INVITE", "ACK", "BYE"]
    gives_up = plays(programs, "gives-up", PEER + 1, hears("INVITE"), reply(180, "Ringing"), hears("CANCEL"),
                     reply(200, "OK"), terminated(), hears("ACK"))
    cancels = plays(programs, "cancels", UE, CALLER.invite(msrp(9, "active")), hears(response=100, optional="true"),
                    hears(response=180), CALLER.cancel(), hears(response=200, checks={"CSeq:": "1 CANCEL"}),
                    hears(response=487, checks={"CSeq:": "1 INVITE"}), CALLER.ack_failure(), to=ACCESS)
    played(cancels, programs, "cancels")
    played(gives_up, programs, "gives-up")
    assert "astray" not in between.text
