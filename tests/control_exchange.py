"""One control association, worked through: registration, Add, Add, Modify, Notify, Subtract, an error, an order without
answer. In every encoding, over every transport.

Messages as on Iq (procedures of TS 29.334 §5.17.2), without the items of tcpbcc and tlsbsc (whose numbers nobody here
knows), and with terminations that have a binary form.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

from capturing import Association, Frame, Talk, udp, write

from workbench.net.values import Endpoint
from workbench.protocols.h248 import coding, text
from workbench.protocols.h248.transport import Tpkt

MG, MGC = "192.0.2.20", "192.0.2.10"
NAMES = {MG: "agw", MGC: "alg"}
HASH = "6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08"
ACCESS, CORE = "0x20000011", "0x20000012"

_EXCHANGE = (
    (0, """Transaction = 1 { Context = - { ServiceChange = ROOT { Services {
        Method = Restart, Version = 2, Profile = profilename/1, Reason = "901 Cold Boot" } } } }"""),
    (1, "Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2, Profile = profilename/1 } } } }"),
    (1, """Transaction = 1001 { Context = $ { Add = $ { Media { Stream = 1 {
        LocalControl { Mode = Inactive, ipdc/realm = "access.example.net", ds/dscp = 2E },
        Local {
v=0
c=IN IP4 $
m=message $ TCP/TLS/MSRP *
a=setup:actpass
a=fingerprint:SHA-256 $
        } } }, Events = 2001 { g/cause, hangterm/thb { timerx = 600 } },
        Signals { ipnapt/latch { Stream = 1, napt = LATCH } } } } }"""),
    (0, "Pending = 1001 { }"),
    (0, f"""Reply = 1001 {{ Context = 55 {{ Add = {ACCESS} {{ Media {{ Stream = 1 {{ Local {{
v=0
c=IN IP4 198.51.100.20
m=message 40000 TCP/TLS/MSRP *
a=setup:actpass
a=fingerprint:SHA-256 {HASH}
        }} }} }} }} }} }}"""),
    (1, """Transaction = 1002 { Context = 55 { Add = $ { Media { Stream = 1 {
        LocalControl { Mode = Inactive, ipdc/realm = "core.example.net" },
        Local {
v=0
c=IN IP4 $
m=message $ TCP/MSRP *
a=setup:passive
        }, Remote {
v=0
c=IN IP4 203.0.113.7
m=message 7394 TCP/MSRP *
a=setup:active
        } } } } } }"""),
    (0, f"""Reply = 1002 {{ Context = 55 {{ Add = {CORE} {{ Media {{ Stream = 1 {{ Local {{
v=0
c=IN IP4 198.51.100.21
m=message 40002 TCP/MSRP *
a=setup:passive
        }} }} }} }} }} }}"""),
    (1, f"""Transaction = 1003 {{ Context = 55 {{ Modify = {ACCESS} {{ Media {{ Stream = 1 {{
        LocalControl {{ Mode = SendReceive }}, Remote {{
v=0
c=IN IP4 10.20.30.40
m=message 2855 TCP/TLS/MSRP *
a=setup:passive
        }} }} }} }}, Modify = {CORE} {{ Media {{ Stream = 1 {{ LocalControl {{ Mode = SendReceive }} }} }} }} }} }}"""),
    (0, f"Reply = 1003 {{ ImmAckRequired, Context = 55 {{ Modify = {ACCESS}, Modify = {CORE} }} }}"),
    (1, "TransactionResponseAck { 1001-1003 }"),
    (0, f"""Transaction = 9003 {{ Context = 55 {{ Notify = {CORE} {{ ObservedEvents = 2002 {{
        20260301T10301200:g/cause {{ Generalcause = FT }} }} }} }} }}"""),
    (1, f"Reply = 9003 {{ Context = 55 {{ Notify = {CORE} }} }}"),
    (1, f"Transaction = 1004 {{ Context = 55 {{ AuditValue = {ACCESS} {{ Audit {{ Media, Statistics }} }} }} }}"),
    (1, f"""Transaction = 1005 {{ Context = 55 {{ Modify = {ACCESS} {{ Media {{ Stream = 1 {{
        LocalControl {{ ds/dscp = 2F }} }} }} }} }} }}"""),
    (0, f"Reply = 1005 {{ Context = 55 {{ Modify = {ACCESS} {{ Error = 449 {{ \"2F\" }} }} }} }}"),
    (1, "Transaction = 1402 { Context = 55 { W-Subtract = * { Audit { } } } }"),
    (0, "Reply = 1402 { Context = 55 { Subtract = * } }"),
    (1, "Transaction = 1501 { Context = - { AuditValue = ROOT { Audit { } } } }"),
    (0, "Reply = 1501 { Context = - { AuditValue = ROOT } }"),
)
_MIDS = (f"MEGACO/2 [{MG}]:2944", f"MEGACO/2 [{MGC}]:2944")
EXCHANGE = tuple((who, text.decode(f"{_MIDS[who]}\n{body}".encode())) for who, body in _EXCHANGE)
"""Sender (0 gateway, 1 controller) and message."""

CODINGS: tuple[coding.Coding, ...] = ("pretty", "compact", "binary")
TRANSPORTS = ("udp", "tcp", "sctp")
WAYS = tuple(product(CODINGS, TRANSPORTS))
_APART = 0.25


def octets(way: coding.Coding) -> list[tuple[int, bytes]]:
    """The exchange in one encoding."""
    return [(who, coding.encode(message, way)) for who, message in EXCHANGE]


def frames(way: coding.Coding, transport: str, *, size: int = 0, ports: tuple[int, int] | None = None) -> list[Frame]:
    """The exchange as frames; `size`: octets of a portion of the stream, or of a fragment (0: whole messages)."""
    port = 2945 if way == "binary" else 2944
    mine, theirs = ports or ((port, port) if transport != "tcp" else (40_000, port))
    ends = (Endpoint(MG, mine), Endpoint(MGC, theirs))
    said = octets(way)
    if transport == "udp":
        return [udp(_APART * n, ends[who], ends[1 - who], data, "control") for n, (who, data) in enumerate(said)]
    talk = Talk(*ends, "control") if transport == "tcp" else Association(*ends, "control")
    talk.opens()
    for n, (who, data) in enumerate(said):
        talk.time = max(talk.time, _APART * n)
        if isinstance(talk, Talk):
            framed = Tpkt.frame(data)
            for at in range(0, len(framed), size or len(framed)):
                talk.says(who, framed[at : at + (size or len(framed))])
        else:
            talk.says(who, data, size)
    return talk.closes().frames


def capture(path: Path, way: coding.Coding, transport: str, *, size: int = 0,
            ports: tuple[int, int] | None = None) -> Path:
    """The exchange as a file."""
    return write(path, frames(way, transport, size=size, ports=ports), names=NAMES)
