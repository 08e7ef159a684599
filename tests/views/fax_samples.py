"""A recorded fax as the messages of a report, with the packets missing that a test wants to be missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from workbench.analysis.values import Message, Place
from workbench.protocols.t38 import ifp, udptl
from workbench.protocols.t38.machine import Correction, Sender
from workbench.protocols.t38.recorded import load

UE, AGW = Place("203.0.113.10", 20000, "UE A"), Place("198.51.100.1", 30000, "IMS-AGW")
FIRST_OF_PAGE = 93
"""UDPTL number of the first packet of the page without error correction."""


def fax(missing: Any = (), *, correction: Correction = Correction.REDUNDANCY, name: str = "one_page_v29",
        wire: str = "Core", depth: int = 2) -> list[Message]:
    """Both directions of a recorded call; the caller's packets with these numbers are not there."""
    call = load(name)
    senders = {who: Sender(correction, depth=depth) for who in ("caller", "called")}
    found: list[Message] = []
    for packet in call.packets:
        sender = senders[packet.sender]
        number, octets = sender.sequence, sender.send(packet.octets)
        source, destination = (UE, AGW) if packet.sender == "caller" else (AGW, UE)
        if packet.sender == "caller" and number in missing:
            continue
        value = udptl.decode(octets)
        summary = f"UDPTL {number} {ifp.decode(value.primary, call.version)}, {len(value.secondary)} repeated"
        for copy in range(packet.copies):
            found.append(Message(
                len(found), (len(found) + 1,), packet.time, wire, "UDPTL", source, destination, summary, "call-1",
                value, octets, protected=True, repeated=copy > 0))
    return found


def report(messages: list[Message]) -> Any:
    """As far as views of media ask for one."""
    return SimpleNamespace(capture="fax.pcapng", packets=len(messages), messages=tuple(messages), nodes=(),
                           sessions=(), findings=(), notes=(), scenario=None,
                           messages_of=lambda *protocols: [one for one in messages if one.protocol in protocols])
