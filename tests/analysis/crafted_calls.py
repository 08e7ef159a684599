"""Captures of one call through one gateway, made by hand: SDP on both legs, H.248, and the connections of each leg."""

from __future__ import annotations

from pathlib import Path

from capturing import Frame, Talk, sip, udp, write

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.analysis.values import Finding
from workbench.net.values import Endpoint

UE, PEER = Endpoint("203.0.113.10", 5000), Endpoint("192.0.2.200", 6000)
ACCESS, CORE = Endpoint("198.51.100.1", 40000), Endpoint("192.0.2.129", 40002)
NAMES = {"203.0.113.10": "UE A", "192.0.2.200": "Peer B", "198.51.100.1": "IMS-AGW", "192.0.2.129": "IMS-AGW",
         "192.0.2.20": "IMS-AGW", "192.0.2.10": "IMS-ALG", "198.51.100.5": "IMS-ALG", "192.0.2.130": "IMS-ALG"}
LEGS = {"access": ("Access", UE, ACCESS), "core": ("Core", PEER, CORE)}
_MGC, _MG = Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944)
_ALG = {"access": Endpoint("198.51.100.5", 5060), "core": Endpoint("192.0.2.130", 5060)}


def sdp(end: Endpoint, *attributes: str, proto: str = "TCP/MSRP") -> str:
    return "".join(f"{line}\r\n" for line in (
        "v=0", f"o=- 1 1 IN IP4 {end.host}", "s=-", f"c=IN IP4 {end.host}", "t=0 0", f"m=message {end.port} {proto} *",
        *(f"a={attribute}" for attribute in attributes)))


class Crafted:
    """A call of UE A to Peer B; each method adds frames.

    Args:
        access, core: a=setup for the gateway in Local, where there is one.
        watch: events in the Events descriptor of both terminations.
        bearers: `<proto>` of each side in Local.
    """

    def __init__(self, access: str = "passive", core: str = "active", *, watch: str = "",
                 bearers: tuple[str, str] = ("TCP", "TCP")) -> None:
        self.frames: list[Frame] = []
        self.number = 1
        self._reserve({"access": access, "core": core}, watch, dict(zip(("access", "core"), bearers, strict=True)))

    def _reserve(self, roles: dict[str, str], watch: str, bearers: dict[str, str]) -> None:
        def media(end: Endpoint | None, side: str, role: str) -> str:
            host, port = (end.host, end.port) if end is not None else ("$", "$")
            line = f"a=setup:{role}\n" if role else ""
            described = f"v=0\nc=IN IP4 {host}\nm=message {port} {bearers[side]} *\n{line}"
            return f"Media {{ Stream = 1 {{ Local {{\n{described}}} }} }}"

        events = f", Events = 7 {{ {watch} }}" if watch else ""
        asked = ", ".join(f"Add = ip/1/{side}/$ {{ {media(None, side, role)}{events} }}"
                          for side, role in roles.items())
        given = ", ".join(f"Add = ip/1/{side}/1 {{ {media(LEGS[side][2], side, role)} }}"
                          for side, role in roles.items())
        self._control(0.1, True, f"Transaction = 1 {{ Context = $ {{ {asked} }} }}")
        self._control(0.2, False, f"Reply = 1 {{ Context = 7 {{ {given} }} }}")

    def _control(self, time: float, down: bool, body: str) -> None:
        source, destination = (_MGC, _MG) if down else (_MG, _MGC)
        self.frames.append(udp(time, source, destination,
                               f"MEGACO/2 [{source.host}]:{source.port}\n{body}\n".encode(), "Iq"))

    def notifies(self, time: float, side: str, event: str) -> Crafted:
        self.number += 1
        self._control(time, False, (
            f"Transaction = {self.number} {{ Context = 7 {{ Notify = ip/1/{side}/1 {{ ObservedEvents = 7 {{ "
            f"20260301T10150000:{event} }} }} }} }}"))
        self._control(time + 0.01, True, f"Reply = {self.number} {{ Context = 7 {{ Notify = ip/1/{side}/1 }} }}")
        return self

    def subtracts(self, time: float) -> Crafted:
        self.number += 1
        self._control(time, True, f"Transaction = {self.number} {{ Context = 7 {{ Subtract = * }} }}")
        gone = ", ".join(f"Subtract = ip/1/{side}/1" for side in LEGS)
        self._control(time + 0.01, False, f"Reply = {self.number} {{ Context = 7 {{ {gone} }} }}")
        return self

    def agrees(self, side: str, offer: tuple[str, ...], answer: tuple[str, ...], *, at: float = 0.3,
               proto: str = "TCP/MSRP", takes: float = 0.1) -> Crafted:
        """Offer and answer of one leg; UE A makes the offer on the access side, the IMS-ALG on the core side."""
        wire, end, ours = LEGS[side]
        party, alg = Endpoint(end.host, 5060), _ALG[side]
        first, second = (party, alg) if side == "access" else (alg, party)
        said = ((end, offer), (ours, answer)) if side == "access" else ((ours, offer), (end, answer))
        invite = sip("INVITE sip:b@home2.example SIP/2.0", f"call-{side}", "INVITE", sdp(said[0][0], *said[0][1],
                                                                                         proto=proto))
        ok = sip("SIP/2.0 200 OK", f"call-{side}", "INVITE", sdp(said[1][0], *said[1][1], proto=proto))
        self.frames += [udp(at, first, second, invite, wire), udp(at + takes, second, first, ok, wire)]
        return self

    def talk(self, side: str, *, by_gateway: bool = False, isn: tuple[int, int] = (1000, 9000), port: int = 0,
             server: Endpoint | None = None) -> Talk:
        """A connection on one leg, empty yet; `add` takes it."""
        wire, end, ours = LEGS[side]
        peer = Endpoint(end.host, port or end.port)
        client, other = (ours, peer) if by_gateway else (peer, ours)
        return Talk(client, server or other, wire, isn)

    def add(self, *talks: Talk) -> Crafted:
        for talk in talks:
            self.frames += talk.frames
        return self

    def until(self, time: float) -> Crafted:
        """The capture goes on until then: a keep-alive."""
        self.frames.append(udp(time, Endpoint("192.0.2.250", 9), Endpoint("192.0.2.251", 9), b"\r\n", "Core"))
        return self

    def report(self, path: Path) -> Report:
        self.until(max(time for time, *_ in self.frames) + 0.01)
        return analyze(write(path / "crafted.pcapng", sorted(self.frames), names=NAMES))


def found(report: Report, rule: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.rule == rule]


def send(transaction: str, to: str, sender: str, words: str = "hello") -> bytes:
    return (f"MSRP {transaction} SEND\r\nTo-Path: {to}\r\nFrom-Path: {sender}\r\nMessage-ID: m1\r\n"
            f"Byte-Range: 1-{len(words)}/{len(words)}\r\nContent-Type: text/plain\r\n\r\n{words}\r\n"
            f"-------{transaction}$\r\n").encode()


def answer(transaction: str, status: str, to: str, sender: str) -> bytes:
    return (f"MSRP {transaction} {status}\r\nTo-Path: {to}\r\nFrom-Path: {sender}\r\n"
            f"-------{transaction}$\r\n").encode()
