"""The gateway in binary: names of four octets, wildcards within them (TS 29.334 §5.6, H.248.1 Annex A)."""

from __future__ import annotations

from agw_stage import ACCESS, CORE, EPOCH, MG, MGC, A, C
from play import play

from workbench.net.values import DatagramReceived, SendDatagram, Started
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols import sdp
from workbench.protocols.h248 import binary
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Command, Kind
from workbench.security.source import Source

HERE = h248.Media((h248.StreamDescriptor(
    1, h248.LocalControl(h248.Mode.SEND_RECEIVE, properties=(h248.Property("ipdc/realm", (C,)),)),
    (sdp.decode(b"v=0\r\nc=IN IP4 $\r\nm=message $ TCP *\r\na=setup:passive\r\n"),)),))


class Controller:
    """Speaks BER with a gateway of its own."""

    def __init__(self) -> None:
        self.stage = play(ImsAgw(
            "agw", control=MG, controller=MGC, source=Source(1, "agw"), coding="binary", epoch=EPOCH,
            addresses={A: ACCESS, C: CORE}))
        self.number = 100
        self.stage.sees(Started()).take()
        self._say(h248.Reply(1, (h248.ActionReply(0, (h248.CommandReply(
            Kind.SERVICE_CHANGE, ("ROOT",), (h248.Services(version=2),)),)),)))
        self.stage.take()

    def _say(self, item: h248.Transaction) -> None:
        octets = binary.encode(h248.Message(2, "[192.0.2.10]:2944", (item,)))
        self.stage.sees(DatagramReceived(MG, MGC, octets))

    def orders(self, context: int, *commands: Command) -> h248.ActionReply:
        self.number += 1
        self._say(h248.Request(self.number, (h248.Action(context, commands),)))
        sent = next(one for one in self.stage.take() if isinstance(one, SendDatagram))
        reply = binary.decode(sent.data).body[0]
        assert isinstance(reply, h248.Reply)
        return reply.actions[0]


def test_names_of_four_octets():
    """Ephemeral terminations are 001 and 29 bits of the gateway's; the realm alone says where the address is from."""
    controller = Controller()
    reply = controller.orders(h248.CHOOSE, Command(Kind.ADD, ("$",), (HERE,)), Command(Kind.ADD, ("$",), (HERE,)))
    assert [one.terminations for one in reply.commands] == [("0x20000001",), ("0x20000002",)]
    local = reply.commands[0].descriptor(h248.Media).streams[0].local[0]
    assert local.connection_of(local.media[0]).address == CORE


def test_wildcards_within_a_name():
    """A wildcard that starts at a bit matches whatever the bits from there down are."""
    controller = Controller()
    reply = controller.orders(h248.CHOOSE, *(Command(Kind.ADD, ("$",), (HERE,)) for _ in range(2)))
    assert [one.error for one in reply.commands] == [None, None]
    audit = (h248.Audit(),)
    for pattern, found in (("0x20000000/*28..0", 2), ("0x20000002/*0..0", 1), ("*", 2)):
        reply = controller.orders(1, Command(Kind.AUDIT_VALUE, (pattern,), audit))
        assert len([one for one in reply.commands if one.error is None]) == found, pattern
    reply = controller.orders(1, Command(Kind.AUDIT_VALUE, ("0x20000100/*3..0",), audit))
    assert [one.error.code for one in reply.commands] == [431]
    reply = controller.orders(1, Command(Kind.SUBTRACT, ("*",), audit, wildcard_response=True))
    assert [one.error for one in reply.commands] == [None]
