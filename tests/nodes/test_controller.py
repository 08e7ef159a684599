"""The controller's association and engine: registration, indications and their replies, procedures, both transports."""

from __future__ import annotations

import pytest
from play import play

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Asked,
    BindDatagrams,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    EndStream,
    Failure,
    Listen,
    Note,
    RefuseStream,
    SendDatagram,
    SendStream,
    Started,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
)
from workbench.nodes.controller.association import Said, Stray
from workbench.nodes.controller.core import Controller
from workbench.nodes.controller.elements import ConnectionPoint, GatewayWatch
from workbench.nodes.controller.indications import TerminationHeartbeat, ends_bearer
from workbench.nodes.controller.readings import Audited, Done, Refused, Reserved, Unanswered
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.protocols.h248.supervision import Changed, Meaning
from workbench.protocols.h248.transport import Tpkt
from workbench.protocols.sdp import decode as decode_sdp

CONTROL, GATEWAY = Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944)
STRANGER = Endpoint("192.0.2.66", 2944)
POINT = ConnectionPoint("access", "access.example.net", "message", "TCP", setup="passive")
LOCAL = decode_sdp(b"v=0\nc=IN IP4 198.51.100.1\nm=message 40000 TCP *\n")


class Bench:
    """A controller, and a gateway played by the test."""

    def __init__(self, **settings):
        self.heard = []
        self.results = []
        self.node = Controller("mgc", control=CONTROL, hear=self.heard.append, **{"gateway": GATEWAY, **settings})
        self.play = play(self.node)
        self.play.sees(Started()).does(BindDatagrams(CONTROL))
        self.number = 0

    def receives(self, *transactions, source=GATEWAY, version=2):
        """A message of the gateway's; the messages that answer it."""
        octets = text.encode(h248.Message(version, f"[{source.host}]:{source.port}", transactions))
        self.play.sees(DatagramReceived(CONTROL, source, octets))
        return self.sent()

    def sent(self):
        return [text.decode(command.data).body[0] for command in self.play.take() if isinstance(command, SendDatagram)]

    def asks(self, context, *commands, **more):
        """A request of the gateway's; the controller's command replies."""
        self.number += 1
        (reply,) = [one for one in self.receives(
            h248.Request(self.number, (h248.Action(context, commands),)), **more) if isinstance(one, h248.Reply)]
        assert reply.id == self.number
        return reply.actions[0].commands

    def service_change(
        self, method="Restart", reason="901 Cold Boot", termination="ROOT", context=0, source=GATEWAY, **more
    ):
        services = h248.Services(method=method, reason=reason, **{"version": 2, "profile": "p/1", **more})
        return self.asks(context, h248.Command(
            h248.Kind.SERVICE_CHANGE, (termination,), (services,)), source=source)[0]

    def up(self):
        assert self.service_change().error is None
        return self

    def notifies(self, event="hangterm/thb", termination="ip/1/access/1", context=55):
        observed = h248.ObservedEvents(2001, (h248.ObservedEvent(event),))
        (answer,) = self.asks(context, h248.Command(h248.Kind.NOTIFY, (termination,), (observed,)))
        return answer.error.code if answer.error else 0

    def runs(self, procedure):
        """Ask for a procedure; its first request. What it gives back ends up in `results`."""
        def steps(engine):
            self.results.append((yield from procedure(engine)))

        self.play.sees(Asked(steps))
        sent = self.sent()
        return sent[0] if sent else None

    def answers(self, request, *commands, context=None, error=None):
        where = request.actions[0].context if context is None else context
        self.receives(h248.Reply(request.id, (h248.ActionReply(where, commands),)) if error is None
                      else h248.Reply(request.id, error=error))

    def has_reserved(self, context=55, termination="ip/1/access/1"):
        request = self.runs(lambda engine: engine.reserve(h248.CHOOSE, POINT))
        media = h248.Media((h248.StreamDescriptor(1, local=(LOCAL,)),))
        self.answers(request, h248.CommandReply(h248.Kind.ADD, (termination,), (media,)), context=context)
        return self.results[-1]


# Registration

def test_a_gateway_comes_into_service():
    """Restart is answered with version and profile; then orders go out (H.248.1 §7.2.8)."""
    bench = Bench()
    answer = bench.service_change()
    assert answer.descriptor(h248.Services) == h248.Services(version=2, profile="p/1")
    assert [(type(one), one.meaning, one.reason) for one in bench.heard] == [(Changed, Meaning.BEGUN, "901 Cold Boot")]
    assert bench.node.engine.in_service


def test_a_newer_version_is_not_agreed_to():
    """The reply carries the highest version that both know."""
    answer = Bench().service_change(version=7)
    assert answer.descriptor(h248.Services).version == 3


def test_a_gateway_comes_back_with_its_contexts():
    """Disconnected keeps them, Restart does not (H.248.1 §7.2.8)."""
    bench = Bench().up()
    bench.has_reserved()
    bench.service_change("Disconnected", "900 Service Restored")
    assert bench.heard[-1].meaning is Meaning.BACK
    assert bench.notifies() == 0
    bench.service_change()
    assert bench.notifies() == 411


@pytest.mark.parametrize("method", ["Failover", "HandOff"])
def test_a_gateway_comes_from_another_controller(method):
    """Its contexts are unknown here: they are asked for, and until then nothing is called unknown (H.248.1 §11.5)."""
    bench = Bench()
    bench.number += 1
    services = h248.Services(method=method, reason="909 MGC Impending Failure", version=2, profile="p/1")
    reply, audit = bench.receives(h248.Request(bench.number, (h248.Action(0, (
        h248.Command(h248.Kind.SERVICE_CHANGE, ("ROOT",), (services,)),)),)))
    assert isinstance(reply, h248.Reply)
    assert audit.actions == (h248.Action(h248.ALL, (
        h248.Command(h248.Kind.AUDIT_VALUE, ("*",), (h248.Audit(),)),)),)
    assert bench.notifies(context=7, termination="ip/1/old/1") == 0
    found = h248.CommandReply(h248.Kind.AUDIT_VALUE, ("ip/1/old/1",))
    bench.answers(audit, found, context=7)
    assert bench.notifies(context=7, termination="ip/1/old/1") == 0
    assert bench.notifies(context=7, termination="ip/1/old/2") == 430
    assert bench.notifies(context=8, termination="ip/1/old/1") == 411


def test_a_termination_may_speak_before_the_reply_to_its_add():
    """Over UDP a Notify may pass a reply that was lost: it is taken, in that context alone; then the book decides."""
    bench = Bench().up()
    bench.has_reserved()
    request = bench.runs(lambda engine: engine.reserve(55, POINT))
    assert bench.notifies("g/cause", "ip/1/core/2", 55) == 0
    assert bench.notifies("g/cause", "ip/1/core/2", 56) == 411
    media = h248.Media((h248.StreamDescriptor(1, local=(LOCAL,)),))
    bench.answers(request, h248.CommandReply(h248.Kind.ADD, ("ip/1/core/2",), (media,)))
    assert bench.notifies("g/cause", "ip/1/core/2", 55) == 0
    assert bench.notifies("g/cause", "ip/1/core/3", 55) == 430


@pytest.mark.parametrize(("method", "meaning"), [("Forced", Meaning.LEFT), ("Graceful", Meaning.LEAVING)])
def test_a_gateway_goes(method, meaning):
    """Out of service: the node hears why, and makes no new contexts there."""
    bench = Bench().up()
    bench.service_change(method, "908 MG Impending Failure")
    assert (bench.heard[-1].meaning, bench.heard[-1].reason) == (meaning, "908 MG Impending Failure")
    assert not bench.node.engine.in_service


def test_a_termination_that_is_forced_out_is_gone():
    """ServiceChange of a termination: said, and no longer in the book."""
    bench = Bench().up()
    bench.has_reserved()
    assert bench.service_change("Forced", "904 Termination Malfunctioning", "ip/1/access/1", 55).error is None
    (said,) = [one.indication for one in bench.heard if isinstance(one, Said)]
    assert (said.context, said.termination, said.code) == (55, "ip/1/access/1", 904)
    assert ends_bearer(said)
    assert bench.node.engine.association.book.terminations(55) == frozenset()


def test_a_profile_that_is_not_accepted():
    """Error 459; the gateway does not come into service."""
    bench = Bench(profiles=["other/1"])
    assert bench.service_change().error.code == 459
    assert not bench.node.engine.in_service


def test_what_a_gateway_may_not_say():
    """A ServiceChange without method, an extension method, a command for gateways: 472, 501, 443."""
    bench = Bench()
    bench.up()
    (nothing,) = bench.asks(0, h248.Command(
        h248.Kind.SERVICE_CHANGE, ("ROOT",), (h248.Services(reason="901", version=2),)))
    assert nothing.error.code == 472
    assert bench.service_change("X-Odd").error.code == 501
    (add,) = bench.asks(5, h248.Command(h248.Kind.ADD, ("$",)))
    assert add.error.code == 443


def test_only_our_gateway_speaks():
    """Others are dropped with the reason; without a given gateway the first one that registers is ours."""
    bench = Bench()
    octets = text.encode(h248.Message(2, "[192.0.2.66]:2944", (h248.Pending(1),)))
    bench.play.sees(DatagramReceived(CONTROL, STRANGER, octets)).does(Drop)
    anyone = Bench(gateway=None)
    anyone.service_change(source=STRANGER)
    assert anyone.node.engine.association.gateway.address == (STRANGER.host, STRANGER.port)
    services = h248.Services(method="Restart", reason="901", version=2)
    second = h248.Request(9, (h248.Action(0, (h248.Command(h248.Kind.SERVICE_CHANGE, ("ROOT",), (services,)),)),))
    assert anyone.receives(second, source=GATEWAY) == []


@pytest.mark.parametrize(("address", "where"), [
    ("2950", Endpoint("192.0.2.20", 2950)), ("[192.0.2.21]:2951", Endpoint("192.0.2.21", 2951)),
    ("[192.0.2.21]", Endpoint("192.0.2.21", 2944))])
def test_a_gateway_says_where_it_wants_to_be_addressed(address, where):
    """ServiceChangeAddress: a port, or a message identifier (H.248.1 §7.2.8)."""
    bench = Bench()
    bench.service_change(address=address)
    audit = h248.Action(0, (h248.Command(h248.Kind.AUDIT_VALUE, ("ROOT",)),))
    bench.play.sees(Asked(lambda engine: engine.order(audit)))
    (sent,) = [command for command in bench.play.take() if isinstance(command, SendDatagram)]
    assert sent.remote == where


# Indications

def test_a_heartbeat_is_answered_by_what_we_know():
    """Known: accepted. Otherwise 430, 435 or 411: the termination hangs (H.248.36), unless it is only elsewhere."""
    bench = Bench().up()
    bench.has_reserved(55, "ip/1/access/1")
    bench.has_reserved(56, "ip/1/core/2")
    assert bench.notifies(termination="IP/1/Access/1") == 0
    assert isinstance(bench.heard[-1].indication, TerminationHeartbeat)
    count = len(bench.heard)
    assert bench.notifies(termination="ip/1/access/9") == 430
    assert bench.notifies(termination="ip/1/core/2") == 435
    assert bench.notifies(context=77) == 411
    assert bench.heard[count:] == [Stray(55, "ip/1/access/9"), Stray(77, "ip/1/access/1")]


def test_what_crossed_a_release_is_still_known():
    """A Notify that was under way when its context was released is answered as known, and later no more."""
    bench = Bench().up()
    bench.has_reserved()
    request = bench.runs(lambda engine: engine.release(55))
    assert bench.notifies() == 0
    bench.answers(request, h248.CommandReply(h248.Kind.SUBTRACT, ("*",)))
    assert bench.results[-1] == Done(55, ("*",))
    assert bench.notifies() == 0
    bench.play.later(31.0)
    bench.sent()
    assert bench.notifies() == 411


def test_the_gateway_s_own_events():
    """Events of ROOT need no context."""
    bench = Bench().up()
    assert bench.notifies("it/ito", "ROOT", 0) == 0
    assert bench.notifies("x/unknown", "ROOT", 0) == 0


def test_a_notify_of_an_error():
    """A Notify that carries an Error descriptor instead of events is acknowledged."""
    bench = Bench().up()
    (answer,) = bench.asks(0, h248.Command(h248.Kind.NOTIFY, ("ROOT",), (h248.ErrorDescriptor(518, "full"),)))
    assert answer.error is None


# Procedures

def test_procedures_give_back_what_the_gateway_said():
    """Reserve, configure, through-connection, flow, TCP, TLS, release: values, and refusals as values."""
    bench = Bench().up()
    given = bench.has_reserved()
    assert isinstance(given, Reserved) and (given.context, given.termination) == (55, "ip/1/access/1")
    modify = h248.CommandReply(h248.Kind.MODIFY, (given.termination,))
    triple = h248.Topology(given.termination, "ip/1/core/2", h248.TopologyDirection.ISOLATE)
    for procedure in (
        lambda engine: engine.configure(given, POINT),
        lambda engine: engine.change_through_connection(given, h248.Mode.SEND_RECEIVE),
        lambda engine: engine.start_tcp(given, POINT),
        lambda engine: engine.start_tls(given, POINT),
    ):
        bench.answers(bench.runs(procedure), modify)
        assert bench.results[-1] == Done(55, (given.termination,))
    bench.answers(bench.runs(lambda engine: engine.change_flow(55, triple)))
    assert bench.results[-1] == Done(55)
    bench.answers(bench.runs(lambda engine: engine.release_termination(55, given.termination)),
                  h248.CommandReply(h248.Kind.SUBTRACT, (given.termination,)))
    assert bench.results[-1] == Done(55, (given.termination,))
    assert len(bench.node.engine.association.book) == 0
    bench.answers(bench.runs(lambda engine: engine.release(55)), error=h248.ErrorDescriptor(411, "no"))
    assert bench.results[-1] == Refused(411, "no", "transaction")


def test_procedures_about_the_gateway():
    """Audits, realms, what is watched, handoff."""
    bench = Bench().up()
    audit = h248.CommandReply(h248.Kind.AUDIT_VALUE, ("ROOT",), (h248.Packages((h248.PackageVersion("g", 1),)),))
    bench.answers(bench.runs(lambda engine: engine.audit_value(0, "ROOT", "Packages")), audit)
    assert bench.results[-1] == (Audited(0, "ROOT", audit.descriptors),)
    bench.answers(bench.runs(lambda engine: engine.audit_capability(0, "ROOT")), audit)
    bench.answers(bench.runs(lambda engine: engine.available_realms()), audit)
    assert bench.results[-1] == ()
    watched = h248.CommandReply(h248.Kind.MODIFY, ("ROOT",))
    bench.answers(bench.runs(lambda engine: engine.watch_gateway(GatewayWatch(realms=True))), watched)
    assert bench.results[-1] == Done(0, ("ROOT",))


def test_a_gateway_is_sent_elsewhere_or_begins_anew():
    """Handoff names the controller to go to, and once the gateway agrees it has gone; Restart asks to register anew."""
    def hands_off(engine):
        yield from engine.hand_off("[192.0.2.11]:2944")

    bench = Bench().up()
    bench.play.sees(Asked(hands_off))
    (order,) = bench.sent()
    assert order.actions[0].commands[0].descriptor(h248.Services) == h248.Services(
        method="HandOff", reason="903 MGC Directed Change", mgc_id="[192.0.2.11]:2944")
    bench.answers(order, h248.CommandReply(h248.Kind.SERVICE_CHANGE, ("ROOT",)))
    assert bench.heard[-1].meaning is Meaning.HANDED_OFF

    def restarts(engine):
        yield from engine.restart()

    again = Bench().up()
    again.play.sees(Asked(restarts))
    (order,) = again.sent()
    assert order.actions[0].commands[0].descriptor(h248.Services).method == "Restart"


def test_each_events_descriptor_has_an_id_of_its_own():
    """So that a Notify that a later order made stale can be told (H.248.1 §7.1.17)."""
    bench = Bench().up()
    numbers = [bench.runs(lambda engine: engine.reserve(h248.CHOOSE, POINT)).actions[0].commands[0].descriptor(
        h248.Events).request_id for _ in range(3)]
    assert len(set(numbers)) == 3


def test_nobody_answers():
    """After the lifetime of a request its procedure goes on with `Unanswered`; without a gateway at once."""
    bench = Bench().up()
    bench.runs(lambda engine: engine.release(55))
    bench.play.later(30.0)
    bench.play.take()
    assert bench.results == [Unanswered()]
    nobody = Bench(gateway=None)
    assert nobody.runs(lambda engine: engine.release(55)) is None
    assert nobody.results == [Unanswered("no gateway has registered")]


def test_supervision():
    """Silence is followed by an empty audit of ROOT; if that stays unanswered there is no gateway any more."""
    bench = Bench(supervision=10.0).up()
    bench.play.later(10.0)
    (audit,) = bench.sent()
    assert audit.actions[0].commands[0] == h248.Command(h248.Kind.AUDIT_VALUE, ("ROOT",), (h248.Audit(),))
    bench.answers(audit, h248.CommandReply(h248.Kind.AUDIT_VALUE, ("ROOT",)))
    assert bench.node.engine.in_service
    bench.play.later(40.0)
    bench.play.take()
    assert bench.heard[-1].meaning is Meaning.LOST
    bench.service_change("Disconnected", "900 Service Restored")
    assert bench.node.engine.in_service


def test_a_procedure_of_its_own_when_a_gateway_comes():
    """`begin` runs after the reply to ServiceChange has left."""
    def begin(engine):
        bench.results.append((yield from engine.available_realms()))

    bench = Bench(begin=begin)
    bench.number += 1
    services = h248.Services(method="Restart", reason="901", version=2, profile="p/1")
    reply, audit = bench.receives(h248.Request(bench.number, (h248.Action(0, (
        h248.Command(h248.Kind.SERVICE_CHANGE, ("ROOT",), (services,)),)),)))
    assert isinstance(reply, h248.Reply) and isinstance(audit, h248.Request)


def test_what_can_not_be_read_is_remarked():
    """Broken octets and ICMP errors are notes for the trace."""
    bench = Bench().up()
    bench.play.sees(DatagramReceived(CONTROL, GATEWAY, b"MEGACO/2 [192.0.2.20]:2944 Transaction = x")).take()
    bench.play.sees(DatagramFailed(CONTROL, GATEWAY, "port unreachable")).take()
    notes = [command.text for command in bench.play.all if isinstance(command, Note)]
    assert notes[1].startswith("H.248: ") and notes[2] == "the gateway can't be reached: port unreachable"


# TCP

STREAM = Stream(CONTROL, Endpoint("192.0.2.20", 40001))
AGAIN = Stream(CONTROL, Endpoint("192.0.2.20", 40002))


def over_tcp(**settings):
    node = Controller("mgc", control=CONTROL, transport="tcp", **{"gateway": GATEWAY, **settings})
    return play(node).sees(Started()).does(Listen(CONTROL))


def registration(number=1, method="Restart"):
    services = h248.Services(method=method, reason="901 Cold Boot", version=2, profile="p/1")
    command = h248.Command(h248.Kind.SERVICE_CHANGE, ("ROOT",), (services,))
    return Tpkt.frame(text.encode(h248.Message(
        2, "[192.0.2.20]:2944", (h248.Request(number, (h248.Action(0, (command,)),)),))))


def framed(command):
    assert isinstance(command, SendStream)
    (message,) = Tpkt().receive_data(command.data)
    return text.decode(message).body[0]


def test_a_gateway_connects():
    """The gateway opens TCP; messages are TPKTs however the stream is cut (H.248.1 Annex D.2)."""
    running = over_tcp().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM)).sees(StreamOpened(STREAM))
    octets = registration()
    running.sees(StreamData(STREAM, octets[:7])).does_nothing().sees(StreamData(STREAM, octets[7:]))
    (reply,) = running.take()
    assert framed(reply).actions[0].commands[0].error is None
    assert running.node.engine.in_service


def test_another_host_may_not_connect():
    """Only the gateway that was named."""
    stranger = Stream(CONTROL, Endpoint("192.0.2.66", 1))
    over_tcp().sees(StreamOffered(stranger)).does(RefuseStream(stranger), Drop)


def test_a_lost_connection_and_a_new_one():
    """Nothing is ordered meanwhile; the gateway registers on the new connection; opening anew resets the old one."""
    running = over_tcp().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM)).sees(StreamOpened(STREAM))
    running.sees(StreamData(STREAM, registration())).take()
    running.sees(StreamClosed(STREAM, Failure.RESET)).does_nothing()
    assert not running.node.engine.in_service
    results = []

    def steps(engine):
        results.append((yield from engine.release(55)))

    running.sees(Asked(steps)).does_nothing()
    assert results == [Unanswered("no gateway has registered")]
    running.sees(StreamOffered(AGAIN)).does(AcceptStream(AGAIN)).sees(StreamOpened(AGAIN))
    running.sees(StreamData(AGAIN, registration(2, "Disconnected"))).does(SendStream)
    running.sees(Asked(steps)).does(SendStream)
    running.sees(StreamOffered(STREAM)).does(AbortStream(AGAIN), AcceptStream(STREAM))


def test_an_orderly_end_and_back_pressure():
    """FIN is answered with FIN; while the gateway does not read, nothing more is ordered."""
    running = over_tcp().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM)).sees(StreamOpened(STREAM))
    running.sees(StreamData(STREAM, registration())).take()
    results = []

    def steps(engine):
        results.append((yield from engine.release(55)))

    running.sees(StreamFull(STREAM)).sees(Asked(steps)).does_nothing()
    assert results == [Unanswered("the gateway reads more slowly than it is written to")]
    running.sees(StreamWritable(STREAM)).sees(Asked(steps)).does(SendStream)
    running.sees(StreamEnded(STREAM)).does(EndStream(STREAM)).sees(StreamClosed(STREAM))
    assert not running.node.engine.in_service


def test_lost_framing_ends_the_connection():
    """After octets that are no TPKT nothing on this connection can be read; messages before them count."""
    running = over_tcp().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM)).sees(StreamOpened(STREAM))
    running.sees(StreamData(STREAM, registration() + b"GET / HTTP/1.1\r\n"))
    reply, abort = running.take()
    assert framed(reply).id == 1
    assert abort == AbortStream(STREAM, "framing is lost")
    assert not running.node.engine.in_service
    over = over_tcp().sees(StreamOffered(STREAM)).does(AcceptStream(STREAM)).sees(StreamOpened(STREAM))
    over.sees(StreamData(STREAM, b"GET")).does(AbortStream(STREAM))
