"""A stage for the whole engine: a gateway with the test profile, spoken to in version 3."""

from __future__ import annotations

from pathlib import Path

from agw_stage import MG, MGC, A, C, Peer, Stage, add, given, local, remote, stream

from workbench.net.values import Command, DatagramReceived, Endpoint, SendDatagram, Stream
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text

FULL = Path(__file__).parent / "profile_full.toml"
PASSIVE = local("TCP", "passive")
ROOT_AUDIT = "Context = - { AuditValue = ROOT { Audit { } } }"


class Full(Stage):
    """A play with a gateway that knows all that the engine can do."""

    def __init__(self, **settings: object) -> None:
        settings.setdefault("profile_file", FULL)
        super().__init__(**settings)  # type: ignore[arg-type]

    def tells(self, body: str, source: Endpoint = MGC) -> Full:
        self.sees(DatagramReceived(MG, source, f"MEGACO/3 [{source.host}]:{source.port}\n{body}\n".encode()))
        return self

    def heard(self) -> list[h248.ObservedEvents]:
        """What is notified by now; each is confirmed. Other commands stay."""
        found = []
        while (at := next((i for i, c in enumerate(self.open) if isinstance(c, SendDatagram)), None)) is not None:
            command = self.open.pop(at)
            assert isinstance(command, SendDatagram)
            for request in text.decode(command.data).body:
                assert isinstance(request, h248.Request)
                notify = request.actions[0].commands[0]
                assert notify.kind is h248.Kind.NOTIFY
                found.append(notify.descriptor(h248.ObservedEvents))
                self.notify = notify
                rest, self.open = self.open, []
                self.tells(f"Reply = {request.id} {{ Context = - {{ Notify = {notify.terminations[0]} }} }}")
                self.open = rest + self.open
        return found

    def events(self) -> list[tuple[int, str]]:
        """Request id and name of what is notified by now."""
        return [(one.request_id, one.events[0].name) for one in self.heard()]

    def audit(self, what: str, name: str = "*", context: object = 1) -> list[h248.CommandReply]:
        """The answers to an AuditValue with these items."""
        reply = self.orders(f"Context = {context} {{ AuditValue = {name} {{ Audit {{ {what} }} }} }}")
        return list(reply.actions[0].commands)

    def value(self, what: str, name: str, context: object = 1) -> h248.Descriptor:
        """The one descriptor that an audit of one item gives."""
        (answer,) = self.audit(what, name, context)
        (descriptor,) = answer.descriptors
        return descriptor


def command(reply: h248.Reply, action: int = 0, number: int = 0) -> h248.CommandReply:
    return reply.actions[action].commands[number]


def codes(reply: h248.Reply) -> list[int]:
    """All error codes of a reply, at whatever level."""
    found = [reply.error, *(a.error for a in reply.actions), *(c.error for a in reply.actions for c in a.commands)]
    return [one.code for one in found if one is not None]


def several(stage: Stage, count: int) -> list[Peer]:
    """A context with that many passive TCP endpoints, each with its peer connected: ip/1/access/1, /2, ..."""
    peers = []
    for number in range(1, count + 1):
        where = Endpoint(f"10.0.0.{number}", 5000 + number)
        reply = stage.orders(add(
            "access", stream(PASSIVE, remote("TCP", "active", where), realm=A), context="$" if number == 1 else 1))
        peers.append(Peer(stage, Stream(given(reply), where)))
    for peer in peers:
        peer.connects().up()
    return peers


def silent(commands: list[Command]) -> bool:
    return not commands


__all__ = ["A", "C", "FULL", "PASSIVE", "ROOT_AUDIT", "Full", "codes", "command", "several", "silent"]
