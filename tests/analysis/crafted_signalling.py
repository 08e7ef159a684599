"""Single messages of H.248 and SIP, made by hand, and what one rule says of a capture of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from capturing import Frame, udp, write
from crafted_calls import NAMES, found

from workbench.analysis.analyzing import analyze
from workbench.analysis.values import Finding
from workbench.net.values import Endpoint

MGC, OTHER_MGC, MG = Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.11", 2944), Endpoint("192.0.2.20", 2944)
ALICE, ALG = Endpoint("203.0.113.10", 5060), Endpoint("198.51.100.5", 5060)
ALG_CORE, BOB = Endpoint("192.0.2.130", 5060), Endpoint("192.0.2.200", 5060)


def down(time: float, body: str, controller: Endpoint = MGC, mid: str = "") -> Frame:
    """What a controller sends to the gateway."""
    return udp(time, controller, MG, f"MEGACO/2 {mid or f'[{controller.host}]:{controller.port}'}\n{body}\n".encode(),
               "Iq")


def up(time: float, body: str, controller: Endpoint = MGC) -> Frame:
    """What the gateway sends to its controller."""
    return udp(time, MG, controller, f"MEGACO/2 [{MG.host}]:{MG.port}\n{body}\n".encode(), "Iq")


def stream(local: str = "", *, number: int = 1, mode: str = "", control: str = "", remote: str = "") -> str:
    """A Stream descriptor; `local` and `remote` are host and port, `$ $` asks for them."""
    told = ", ".join(one for one in (f"Mode = {mode}" if mode else "", control) if one)
    parts = [f"LocalControl {{ {told} }}"] if told else []
    parts += [f"{name} {{\nv=0\nc=IN IP4 {end.split()[0]}\nm=message {end.split()[1]} TCP *\n}}"
              for name, end in (("Local", local), ("Remote", remote)) if end]
    return f"Stream = {number} {{ {', '.join(parts)} }}"


def termination(side: str, *streams: str, events: str = "") -> str:
    """A termination of an Add, with its Media and Events."""
    armed = f", Events = {events}" if events else ""
    return f"Add = ip/1/{side} {{ Media {{ {', '.join(streams)} }}{armed} }}"


def reserved(asked: tuple[str, str] = ("", ""), given: tuple[str, str] = ("", ""), *, at: float = 0.0,
             number: int = 1) -> list[Frame]:
    """A context 7 with two terminations, ip/1/access/1 and ip/1/core/1, unless told otherwise."""
    usual = (termination("access/$", stream("$ $"), events="7 { g/cause }"), termination("core/$", stream("$ $")))
    answers = (termination("access/1", stream("198.51.100.1 40000")),
               termination("core/1", stream("192.0.2.129 40002")))
    ask, give = ([one or other for one, other in zip(told, default, strict=True)]
                 for told, default in ((asked, usual), (given, answers)))
    return [down(at, f"Transaction = {number} {{ Context = $ {{ {', '.join(ask)} }} }}"),
            up(at + 0.1, f"Reply = {number} {{ Context = 7 {{ {', '.join(give)} }} }}")]


def subtracted(time: float, number: int = 5, *names: str) -> list[Frame]:
    """All terminations of context 7, or these, are subtracted."""
    gone = ", ".join(f"Subtract = ip/1/{name}" for name in names or ("access/1", "core/1"))
    asked = gone if names else "Subtract = *"
    return [down(time, f"Transaction = {number} {{ Context = 7 {{ {asked} }} }}"),
            up(time + 0.01, f"Reply = {number} {{ Context = 7 {{ {gone} }} }}")]


def notified(time: float, event: str, request: int, *, name: str = "access/1", number: int = 900) -> list[Frame]:
    """The gateway tells of an event, and the controller says that it has heard."""
    return [up(time, f"Transaction = {number} {{ Context = 7 {{ Notify = ip/1/{name} {{ ObservedEvents = {request} {{ "
                     f"20260301T10150000:{event} }} }} }} }}"),
            down(time + 0.01, f"Reply = {number} {{ Context = 7 {{ Notify = ip/1/{name} }} }}")]


def described(end: str = "203.0.113.10 5000", *more: str, version: int = 1, media: str = "message",
              proto: str = "TCP/MSRP", address: bool = True) -> str:
    """SDP with one stream; further m= lines and attributes come behind it."""
    host, port = end.split()
    return "".join(f"{line}\r\n" for line in (
        "v=0", f"o=- 1 {version} IN IP4 {host}", "s=-", *((f"c=IN IP4 {host}",) if address else ()), "t=0 0",
        f"m={media} {port} {proto} *", *more))


def _message(start: str, cseq: str, call: str, sdp: str, headers: tuple[str, ...], to_tag: str) -> bytes:
    lines = [start, f"Call-ID: {call}", f"CSeq: {cseq}", "From: <sip:a@home1.example>;tag=a",
             f"To: <sip:b@home2.example>{';tag=' + to_tag if to_tag else ''}",
             "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", *headers]
    lines += ["Content-Type: application/sdp"] if sdp else []
    return "\r\n".join([*lines, f"Content-Length: {len(sdp.encode())}", "", sdp]).encode()


def asks(time: float, method: str, sdp: str = "", *, cseq: int = 1, call: str = "c1", source: Endpoint = ALICE,
         to: Endpoint = ALG, headers: tuple[str, ...] = ()) -> Frame:
    """A SIP request."""
    return udp(time, source, to, _message(f"{method} sip:b@home2.example SIP/2.0", f"{cseq} {method}", call, sdp,
                                          headers, ""), "SIP")


def responds(time: float, status: int, method: str = "INVITE", sdp: str = "", *, cseq: int = 1, call: str = "c1",
             source: Endpoint = ALG, to: Endpoint = ALICE, headers: tuple[str, ...] = (), tag: str = "b") -> Frame:
    """A SIP response."""
    return udp(time, source, to, _message(f"SIP/2.0 {status} Said", f"{cseq} {method}", call, sdp, headers, tag), "SIP")


def each(cases: list[tuple[str, str, list[Frame], Any]], last: str) -> pytest.MarkDecorator:
    """One test a case: rule, what the case is, frames, and one value more, which the test calls `last`."""
    return pytest.mark.parametrize(("rule", "frames", last), [(rule, frames, more) for rule, _, frames, more in cases],
                                   ids=[f"{rule}, {case}" for rule, case, *_ in cases])


def judged(path: Path, rule: str, frames: list[Frame], until: float) -> list[Finding]:
    """What a rule finds in these frames, in order of time; the capture goes on until then."""
    last = udp(until, Endpoint("192.0.2.250", 9), Endpoint("192.0.2.251", 9), b"\r\n", "Core")
    report = analyze(write(path / "crafted.pcapng", sorted([*frames, last]), names=NAMES))
    assert rule == "malformed" or found(report, "malformed") == []
    return found(report, rule)
