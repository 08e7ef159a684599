"""A small report made by hand: two nodes' worth of every kind of message that a view has to draw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from workbench.analysis.values import Certificate, Finding, Leg, Message, Node, Place, ScenarioMatch, Session

UE = Place("203.0.113.10", 5060, "UE A")
ALG = Place("198.51.100.5", 5060, "IMS-ALG")
AGW = Place("198.51.100.1", 30000, "IMS-AGW")
PEER = Place("192.0.2.200", 5060, "Peer B")

HOSTILE = "</title></desc><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202e\"'&"


def message(index: int, source: Place, destination: Place, protocol: str, summary: str, **more: Any) -> Message:
    """One message a millisecond after the one before it."""
    more.setdefault("wire", "UE A access")
    more.setdefault("session", "call-1")
    return Message(index, (index + 1,), index / 1000, protocol=protocol, source=source, destination=destination,
                   summary=summary, **more)


def report(*extra: Message, findings: tuple[Finding, ...] = (), notes: tuple[str, ...] = ()) -> Any:
    """A call in small: SIP, TCP, TLS, MSRP, a retransmission, a message that did not decode."""
    messages = (
        message(0, UE, ALG, "SIP", "INVITE sip:bob@home2.example"),
        message(1, ALG, UE, "SIP", "100 Trying"),
        message(2, UE, ALG, "SIP", "INVITE sip:bob@home2.example", repeated=True),
        message(3, UE, AGW, "TCP", "SYN"),
        message(4, AGW, UE, "TCP", "SYN-ACK"),
        message(5, UE, AGW, "TLS", "ClientHello"),
        message(6, AGW, UE, "TLS", "ServerHello"),
        message(7, AGW, UE, "TLS", "Finished", protected=True),
        message(8, UE, AGW, "TLS", "Finished", protected=True),
        message(9, UE, AGW, "MSRP", "SEND text/plain", protected=True),
        message(10, AGW, PEER, "MSRP", "SEND text/plain", wire="Core"),
        message(11, UE, AGW, "TLS", "Alert close_notify", protected=True),
        message(12, UE, AGW, "TCP", "FIN"),
        message(13, AGW, UE, "TCP", "FIN"),
        message(14, PEER, ALG, "SIP", "not SIP at all", error="no start line at octet 0 [RFC 3261 §7]", session=None),
        *extra,
    )
    print_ = "sha-256 AB:CD"
    access = Leg(
        "access", "UE A access", "TCP/TLS/MSRP", "ip/1/access/1", "TCP/TLS", "UE A", "IMS-AGW", "UE A", "IMS-AGW",
        0.003, 0.005, 0.013, "TLS 1.3", "TLS_AES_128_GCM_SHA256", True,
        (Certificate("UE A", print_, print_, True), Certificate("IMS-AGW", print_, "sha-256 00:00", False)), (4, 5))
    core = Leg("core", "Core", "TCP/MSRP", tcp_client="IMS-AGW", tcp_server="Peer B")
    return SimpleNamespace(
        capture="call.pcapng", packets=len(messages), messages=messages,
        nodes=(Node("Peer B", (PEER.address,), "peer", True), Node("IMS-AGW", (AGW.address,), "IMS-AGW", True),
               Node("IMS-ALG", (ALG.address,), "IMS-ALG", True), Node("UE A", (UE.address,), "UE", True)),
        sessions=(Session("call-1", "msrp", (access, core), "e2ae"),), findings=findings, notes=notes, unread=(),
        contexts=(), joined=(),
        scenario=ScenarioMatch("e2ae-msrp-originating", 0.9, ("no REPORT was seen",)))
