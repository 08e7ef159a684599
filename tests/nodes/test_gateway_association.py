"""The gateway and its controllers, as plays: failover, handoff, leaving, and TCP with TPKT, in each encoding."""

from __future__ import annotations

import pytest
from agw_stage import ACCESS, AGW_IDENTITY, CORE, EPOCH, MG, MGC, STRANGER
from play import Play

from workbench.net.values import (
    AbortStream,
    BindDatagrams,
    DatagramReceived,
    EndStream,
    Failure,
    LogKeys,
    Note,
    OpenStream,
    Prefer,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFailed,
    StreamFull,
    StreamOpened,
    StreamWritable,
)
from workbench.nodes.ims_agw import ImsAgw
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import service_change
from workbench.protocols.h248.coding import decode, encode
from workbench.protocols.h248.transport import Tpkt
from workbench.security.source import Source

SECOND = STRANGER
CODINGS = ["pretty", "compact", "binary"]
AUDIT = h248.Action(h248.NULL, (h248.Command(h248.Kind.AUDIT_VALUE, (h248.ROOT,), (h248.Audit(),)),))
ADD = h248.Action(h248.CHOOSE, (h248.Command(h248.Kind.ADD, ("$",), (h248.Media((h248.StreamDescriptor(
    1, h248.LocalControl(properties=(h248.Property("ipdc/realm", (h248.Quoted("access.example.net"),)),))),)),)),))
CONTEXTS = h248.Action(h248.ALL, (h248.Command(h248.Kind.AUDIT_VALUE, ("*",), (h248.Audit(),)),))


class Controlled(Play):
    """A gateway, and controllers that are told what to say."""

    def __init__(self, coding="pretty", transport="udp", controller=MGC, **settings):
        super().__init__(ImsAgw(
            "IMS-AGW", control=MG, controller=controller, source=Source(1, "agw"), identity=AGW_IDENTITY, epoch=EPOCH,
            addresses={"access.example.net": ACCESS, "core.example.net": CORE}, coding=coding, transport=transport,
            **settings), ignoring=(Note, LogKeys))
        self.coding, self.transport = coding, transport
        self.number = 5000
        self.sees(Started())
        if transport == "udp":
            self.does(BindDatagrams(MG))
        self.does(Prefer(MG))

    def opens(self, to=MGC):
        """The gateway opens its connection, which is accepted."""
        return self.does(OpenStream(Stream(MG, to))).sees(StreamOpened(Stream(MG, to)))

    def says(self, *items, to=MGC):
        octets = encode(h248.Message(2, f"[{to.host}]:{to.port}", items), self.coding)
        if self.transport == "udp":
            return self.sees(DatagramReceived(MG, to, octets))
        return self.sees(StreamData(Stream(MG, to), Tpkt.frame(octets)))

    def hears(self, to=MGC):
        command = self.open.pop(0)
        if self.transport == "udp":
            assert isinstance(command, SendDatagram) and (command.local, command.remote) == (MG, to), command
            return decode(command.data, self.coding).body[0]
        assert isinstance(command, SendStream) and command.stream == Stream(MG, to), command
        (octets,) = Tpkt().receive_data(command.data)
        return decode(octets, self.coding).body[0]

    def registers(self, to=MGC, method="Restart", reason=901, **answer):
        """ServiceChange with this method and reason leaves; it is answered."""
        request = self.hears(to)
        services = service_change.on_root(request.actions)
        assert (services.method, service_change.reason_code(services)) == (method, reason)
        result = h248.Services(**answer or {"version": 2})
        return self.says(h248.Reply(request.id, service_change.answer(result)), to=to)

    def orders(self, action, to=MGC):
        self.number += 1
        self.says(h248.Request(self.number, (action,)), to=to)
        reply = self.hears(to)
        assert reply.id == self.number
        return reply

    def changes(self, method, to=MGC, **more):
        return service_change.error_of(self.orders(service_change.action(
            service_change.order(method, "903 MGC Directed Change", **more)), to))


def contexts(reply):
    return [action.context for action in reply.actions if action.error is None]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_registration_and_an_order(coding, transport):
    """ServiceChange, Add and AuditValue over datagrams and over a connection, in each encoding."""
    play = Controlled(coding, transport)
    if transport == "tcp":
        play.opens()
    play.registers()
    reply = play.orders(ADD)
    name = reply.actions[0].commands[0].terminations[0]
    assert contexts(reply) == [1] and name.startswith("0x2" if coding == "binary" else "ip/1/access/")
    assert contexts(play.orders(CONTEXTS)) == [1]
    play.does_nothing()


def test_controllers_in_their_order():
    """A controller that does not answer is given up after 25 s; the next one gets Restart as well (§11.2)."""
    play = Controlled(controller=(MGC, SECOND))
    play.hears()
    play.later(24.9)
    assert {command.remote for command in play.take()} == {MGC}
    play.later(0.2).registers(SECOND)
    assert service_change.error_of(play.orders(AUDIT, SECOND)) is None
    play.says(h248.Request(7, (AUDIT,)))
    assert play.hears(MGC).error.code == 504


def test_failover_keeps_contexts():
    """The controller dies: Disconnected to it, then Failover 909 to the next one, and the contexts are still there."""
    play = Controlled(controller=(MGC, SECOND)).registers()
    play.orders(ADD)
    events = h248.Events(5, (h248.Event("it/ito", parameters=(h248.Property("mit", ("1000",)),)),))
    play.orders(h248.Action(h248.NULL, (h248.Command(h248.Kind.MODIFY, (h248.ROOT,), (events,)),)))
    play.later(10.1)
    notify = play.hears()
    assert notify.actions[0].commands[0].kind is h248.Kind.NOTIFY
    play.later(25 + 5 + 25.5)
    sent = [(command.remote, decode(command.data, "pretty").body[0]) for command in play.take()]
    changes = [(remote, service_change.on_root(one.actions).method) for remote, one in sent
               if service_change.on_root(one.actions) is not None]
    assert list(dict.fromkeys(changes)) == [(MGC, "Disconnected"), (SECOND, "Failover")]
    play.says(h248.Reply(sent[-1][1].id, service_change.answer(h248.Services(version=2))), to=SECOND)
    assert contexts(play.orders(CONTEXTS, SECOND)) == [1]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_hand_off(transport):
    """HandOff with MgcIdToTry: HandOff 903 at the new controller, which then is obeyed; contexts stay."""
    play = Controlled(transport=transport)
    if transport == "tcp":
        play.opens()
    play.registers()
    play.orders(ADD)
    assert play.changes("HandOff").code == 472
    assert play.changes("HandOff", mgc_id="<nobody.example.net>").code == 449
    assert play.changes("HandOff", mgc_id=f"[{SECOND.host}]:2944") is None
    if transport == "tcp":
        play.opens(SECOND)
    play.registers(SECOND, "HandOff", 903)
    if transport == "tcp":
        play.does(EndStream(Stream(MG, MGC)))
    assert contexts(play.orders(CONTEXTS, SECOND)) == [1]


def test_a_hand_off_that_fails():
    """The former controller is obeyed meanwhile, and afterwards gets Disconnected."""
    play = Controlled().registers()
    assert play.changes("HandOff", mgc_id=f"[{SECOND.host}]:2944") is None
    play.hears(SECOND)
    assert service_change.error_of(play.orders(AUDIT)) is None
    play.later(25.1)
    play.open = [command for command in play.take() if command.remote == MGC]
    play.registers(MGC, "Disconnected", 900)
    assert service_change.error_of(play.orders(AUDIT)) is None


def test_redirection():
    """MgcIdToTry in the reply: the gateway registers there instead."""
    play = Controlled().registers(mgc_id=f"[{SECOND.host}]:2944")
    play.registers(SECOND)
    assert service_change.error_of(play.orders(AUDIT, SECOND)) is None


def test_leaving():
    """Graceful with its delay, taken back with 918; then Forced: contexts are over, requests get 503; then back."""
    play = Controlled().registers()
    play.orders(ADD)
    play._did(play.node.leave(play.now, 30))
    services = service_change.on_root(play.hears().actions)
    assert (services.method, services.delay) == ("Graceful", 30)
    play._did(play.node.stay(play.now))
    services = service_change.on_root(play.hears().actions)
    assert (services.method, service_change.reason_code(services)) == ("Restart", 918)
    assert contexts(play.orders(CONTEXTS)) == [1]
    play._did(play.node.leave(play.now))
    forced = next(command for command in play.take() if isinstance(command, SendDatagram))
    assert service_change.on_root(decode(forced.data, "pretty").body[0].actions).method == "Forced"
    play.says(h248.Request(9000, (AUDIT,)))
    assert play.hears().error.code == 503
    play._did(play.node.stay(play.now))
    play.registers()
    assert contexts(play.orders(CONTEXTS)) == []


def test_restart_avalanche():
    """With a maximum waiting delay the first ServiceChange leaves some time within it, the same for the same seed."""
    def first() -> float:
        play = Controlled(waiting_delay=20.0).does_nothing()
        moment = play.node.next_wakeup()
        play.later(20.0)
        assert isinstance(play.open[0], SendDatagram)
        return moment

    assert 0.0 < first() < 20.0 and first() == first()


# TCP

def test_a_connection_that_breaks():
    """The gateway opens it again after a pause and says Disconnected; contexts stay."""
    play = Controlled(transport="tcp").opens().registers()
    play.orders(ADD)
    play.sees(StreamClosed(Stream(MG, MGC), Failure.RESET)).does_nothing()
    play.later(5.0).opens().registers(method="Disconnected", reason=900)
    assert contexts(play.orders(CONTEXTS)) == [1]
    play.sees(StreamEnded(Stream(MG, MGC))).does(EndStream(Stream(MG, MGC)))
    play.later(5.0).opens().registers(method="Disconnected", reason=900)


def test_a_connection_that_is_refused():
    """It is tried again and again, in good order, and nothing else is done."""
    play = Controlled(transport="tcp")
    for _ in range(3):
        play.does(OpenStream(Stream(MG, MGC))).sees(StreamFailed(Stream(MG, MGC), Failure.REFUSED)).does_nothing()
        play.later(5.0)
    play.opens().registers()


def test_lost_framing():
    """Octets that are no TPKT: what came before them counts, then the connection is given up and opened anew."""
    play = Controlled(transport="tcp").opens().registers()
    good = Tpkt.frame(encode(h248.Message(2, "[192.0.2.10]:2944", (h248.Request(77, (AUDIT,)),)), "pretty"))
    play.sees(StreamData(Stream(MG, MGC), good[:9]))
    play.sees(StreamData(Stream(MG, MGC), good[9:] + b"GET / HTTP/1.1\r\n"))
    abort = next(command for command in play.open if isinstance(command, AbortStream))
    assert "framing is lost" in abort.why and "TPKT version 71" in abort.why
    play.take()
    play.later(5.0).opens().registers(method="Disconnected", reason=900)


def test_a_controller_that_does_not_read():
    """While the connection is full messages wait; too many of them end it."""
    play = Controlled("compact", "tcp").opens().registers()
    play.sees(StreamFull(Stream(MG, MGC)))
    for number in range(3):
        play.says(h248.Request(100 + number, (AUDIT,))).does_nothing()
    play.sees(StreamWritable(Stream(MG, MGC)))
    assert [play.hears().id for _ in range(3)] == [100, 101, 102]
    play.sees(StreamFull(Stream(MG, MGC)))
    asked = h248.Command(h248.Kind.AUDIT_VALUE, (h248.ROOT,), (h248.Audit((h248.AuditItem("Packages"),)),))
    for number in range(10_000):
        play.says(h248.Request(1000 + number, (h248.Action(h248.NULL, (asked,)),)))
        if play.open:
            break
    play.does(AbortStream(Stream(MG, MGC))).does_nothing()


def test_long_replies_in_version_3():
    """A reply longer than a datagram leaves in segments where version 3 was agreed on; in version 2 it is error 533."""
    answers = {}
    for version in (2, 3):
        play = Controlled("compact", version=version, ports=(20_000, 29_998)).registers(version=version)
        for _ in range(1500):
            play.orders(ADD)
        self_audit = h248.Command(h248.Kind.AUDIT_VALUE, ("*",), (h248.Audit((h248.AuditItem("Media"),)),))
        play.says(h248.Request(99_999, (h248.Action(h248.ALL, (self_audit,)),)))
        answers[version] = [decode(command.data, "compact").body[0] for command in play.take()]
    assert [one.error.code for one in answers[2]] == [533]
    assert [one.segment for one in answers[3]] == list(range(1, len(answers[3]) + 1)) and answers[3][-1].last


def test_provisioned_timers():
    """root/MGCProvisionalResponseTimerValue set on ROOT: after Pending a Notify is repeated so often."""
    play = Controlled(controller=(MGC, SECOND)).registers()
    state = h248.TerminationState(properties=(h248.Property("root/MGCProvisionalResponseTimerValue", ("1500",)),))
    events = h248.Events(5, (h248.Event("it/ito", parameters=(h248.Property("mit", ("1000",)),)),))
    reply = play.orders(h248.Action(h248.NULL, (h248.Command(
        h248.Kind.MODIFY, (h248.ROOT,), (h248.Media((), state), events)),)))
    assert service_change.error_of(reply) is None
    play.later(10.1)
    notify = play.hears()
    play.says(h248.Pending(notify.id)).later(1.4).does_nothing().later(0.2)
    assert play.hears() == notify
    assert play.node._association.transactions.timers.provisional == 1.5
