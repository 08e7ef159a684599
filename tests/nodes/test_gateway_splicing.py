"""Plain payload is handed down to the network, and taken back before anything else is done with it."""

from __future__ import annotations

import pytest
from agw_stage import PEER, UE, A, C, Peer, Stage, add, established, given, local, modify, plain, remote, settle, stream
from gateway_stage import Full, several

from workbench.net.values import (
    AbortStream,
    Command,
    Endpoint,
    EndStream,
    Failure,
    OpenStream,
    SendDatagram,
    SendStream,
    Splice,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFull,
    StreamOpened,
    StreamWritable,
    Unsplice,
)
from workbench.protocols.h248 import message as h248

UE_SOURCE = Endpoint(UE.host, 5555)


def is_splice(command: Command) -> bool:
    return isinstance(command, Splice)


class Call:
    """A plain call: ip/1/access/1 is passive, ip/1/core/2 active; both connections are up unless told otherwise."""

    def __init__(self, mode: str = "SendReceive", *, early: bytes = b"", up: bool = True, **settings: object) -> None:
        settings.setdefault("splices", True)
        self.stage = Stage(**settings)
        inside, outside = plain(self.stage, mode)
        self.access, self.core = Stream(inside, UE_SOURCE), Stream(outside, PEER)
        self.ue = Peer(self.stage, self.access).connects()
        self.stage.does(OpenStream(self.core))
        self.ue.up()
        if early:
            self.stage.sees(StreamData(self.access, early))
        if up:
            self.stage.sees(StreamOpened(self.core))

    def spliced(self) -> Splice:
        """The next command is the splice of this call's two streams."""
        command = self.stage.open.pop(0)
        assert isinstance(command, Splice), command
        assert {command.a, command.b} == {self.access, self.core}
        return command

    def parts(self, splice: Splice) -> Call:
        """The next command takes it back."""
        self.stage.does(Unsplice(splice.a))
        return self

    def orders(self, actions: str) -> h248.Reply:
        """A request and its reply; the rest of what it causes stays."""
        return self.stage.orders(actions)

    def counted(self, name: str) -> dict[str, int]:
        """Octets by an audit of this termination."""
        reply = self.orders(f"Context = 1 {{ AuditValue = {name} {{ Audit {{ Statistics }} }} }}")
        return statistics(reply)


def statistics(reply: h248.Reply, number: int = 0) -> dict[str, int]:
    found = reply.actions[0].commands[number].descriptor(h248.Statistics)
    assert found is not None
    return {item.name: int(item.value) for item in found.items if item.name in ("nt/os", "nt/or")}


def turned(splice: Splice, call: Call, came: int, went: int) -> None:
    """The network has carried so many octets from the UE, and so many from the peer."""
    assert splice.meter is not None
    splice.meter.count(*((came, went) if splice.a == call.access else (went, came)))


def test_two_plain_connections_are_spliced_once_both_are_up():
    """As soon as the second connection is up the network is ordered to join the two, and nothing else is ordered."""
    call = Call()
    call.spliced()
    call.stage.does_nothing()


def test_a_network_that_cannot_is_not_asked():
    """`splices` is the network's capability: without it payload passes through the gateway."""
    call = Call(splices=False)
    call.stage.does_nothing()
    call.stage.sees(StreamData(call.access, b"hello")).does(SendStream(call.core, b"hello"))


def test_early_payload_goes_first():
    """What came before the other side was up (R-5.16.2.3-9) is sent before the splice is ordered, never behind it."""
    call = Call(early=b"early")
    call.stage.does(SendStream(call.core, b"early"), is_splice).does_nothing()


def test_payload_that_has_to_wait_puts_the_splice_off():
    """With the other side's queue full nothing is spliced; once all that waits is sent, it is."""
    call = Call(early=b"first", up=False)
    call.stage.sees(StreamOpened(call.core)).does(SendStream(call.core, b"first"), is_splice).does_nothing()
    call = Call("Inactive")
    call.stage.sees(StreamFull(call.core)).sees(StreamData(call.access, b"second")).does_nothing()
    call.orders(modify("ip/1/access/1", stream()))
    call.stage.does_nothing()
    call.stage.sees(StreamWritable(call.core)).does(SendStream(call.core, b"second"), is_splice).does_nothing()


@pytest.mark.parametrize("name", ["ip/1/access/1", "ip/1/core/2"])
@pytest.mark.parametrize("mode", ["Inactive", "SendOnly", "ReceiveOnly"])
def test_a_mode_that_lets_less_pass_ends_the_splice(name, mode):
    """The gate is closed one way or both: the splice is taken back; when it is open again, they are joined again."""
    call = Call()
    splice = call.spliced()
    call.orders(modify(name, stream(mode=mode)))
    call.parts(splice).stage.does_nothing()
    call.orders(modify(name, stream()))
    assert call.spliced().meter is not splice.meter
    call.stage.does_nothing()


@pytest.mark.parametrize("mode", ["Inactive", "SendOnly", "ReceiveOnly"])
def test_one_way_is_not_spliced(mode):
    """A stream that may pass one way only, or none, passes through the gateway, which keeps the other way closed."""
    Call(mode).stage.does_nothing()


def test_payload_comes_to_the_gateway_again_after_the_splice():
    """What arrives behind the end of a splice passes as before it."""
    call = Call()
    splice = call.spliced()
    call.orders(modify("ip/1/access/1", stream(mode="ReceiveOnly")))
    call.parts(splice).stage.does_nothing()
    call.stage.sees(StreamData(call.access, b"on")).does(SendStream(call.core, b"on"))
    call.stage.sees(StreamData(call.core, b"held")).does_nothing()
    call.orders(modify("ip/1/access/1", stream()))
    call.stage.does(SendStream(call.access, b"held"), is_splice).does_nothing()


def test_what_the_network_carries_is_counted():
    """nt/os and nt/or are exact at an audit and in the reply to Subtract, whoever carried the octets."""
    call = Call(early=b"early")
    call.stage.does(SendStream)
    splice = call.spliced()
    turned(splice, call, 1_000_000, 250)
    assert call.counted("ip/1/access/1") == {"nt/os": 250, "nt/or": 1_000_005}
    assert call.counted("ip/1/core/2") == {"nt/os": 1_000_005, "nt/or": 250}
    turned(splice, call, 1, 2)
    reply = call.orders("Context = 1 { Subtract = ip/1/access/1, Subtract = ip/1/core/2 }")
    assert statistics(reply) == {"nt/os": 252, "nt/or": 1_000_006}
    assert statistics(reply, 1) == {"nt/os": 1_000_006, "nt/or": 252}


def test_one_splice_after_the_other_is_counted_together():
    """Octets of a splice that has ended stay counted, and are counted once."""
    call = Call()
    turned(call.spliced(), call, 7, 11)
    call.orders(modify("ip/1/access/1", stream(mode="Inactive")))
    call.stage.does(Unsplice)
    call.orders(modify("ip/1/access/1", stream()))
    turned(call.spliced(), call, 100, 1000)
    assert call.counted("ip/1/access/1") == {"nt/os": 1011, "nt/or": 107}


def test_octets_that_were_under_way_are_counted_later():
    """What the network still puts across when a splice has been taken back counts as well; however many there were."""
    call = Call()
    splices = [call.spliced()]
    for _ in range(10):
        call.orders(modify("ip/1/access/1", stream(mode="Inactive")))
        call.stage.does(Unsplice)
        turned(splices[-1], call, 3, 2)
        call.orders(modify("ip/1/access/1", stream()))
        splices.append(call.spliced())
    assert call.counted("ip/1/access/1") == {"nt/os": 20, "nt/or": 30}
    assert len(call.stage.node._control.bearers[call.access.local].meters) <= 4


def test_subtract_takes_the_splice_back_first():
    """Both connections are ended by FIN, behind the end of the splice."""
    call = Call()
    splice = call.spliced()
    call.orders("Context = 1 { Subtract = * { Audit { } } }")
    call.parts(splice).stage.does(EndStream, EndStream).does_nothing()


def test_a_fin_is_passed_on_and_the_other_direction_goes_on():
    """Half-close: the splice stays for what is left, and ends with the connections; the controller hears the same."""
    call = Call()
    splice = call.spliced()
    call.stage.sees(StreamEnded(call.access))
    assert call.stage.notified()[:2] == ("ip/1/access/1", "g/cause")
    call.stage.does(EndStream(call.core)).does_nothing()
    turned(splice, call, 0, 5)
    call.stage.sees(StreamEnded(call.core)).does(EndStream(call.access)).does_nothing()
    call.stage.sees(StreamClosed(call.access)).does(Unsplice(splice.a)).sees(StreamClosed(call.core)).does_nothing()
    assert call.counted("ip/1/access/1") == {"nt/os": 5, "nt/or": 0}


def test_a_reset_is_mirrored():
    """F9: RST at one end is told, and the other one is reset."""
    call = Call()
    call.spliced()
    call.stage.sees(StreamClosed(call.core, Failure.RESET))
    name, event, parameters = call.stage.notified()
    assert (name, event, parameters["Generalcause"]) == ("ip/1/core/2", "g/cause", "FT")
    call.stage.does(Unsplice, AbortStream(call.access)).does_nothing()


def test_a_stream_that_has_ended_is_not_spliced():
    """A FIN before the second connection is up: what there was goes across, and then the end; there is no splice."""
    call = Call(early=b"all", up=False)
    call.stage.sees(StreamEnded(call.access))
    call.stage.notified()
    call.stage.sees(StreamOpened(call.core)).does(SendStream(call.core, b"all"), EndStream(call.core)).does_nothing()


def test_out_of_service_ends_the_splice_first():
    """ServiceChange Forced from the controller: back from the network, then FIN."""
    call = Call()
    splice = call.spliced()
    call.orders("Context = 1 { ServiceChange = ip/1/access/1 { Services { Method = Forced, Reason = 905 } } }")
    call.parts(splice).stage.does(EndStream(call.access)).does_nothing()


def test_a_new_connection_is_spliced_anew():
    """a=connection:new: the splice is back before the old connection is reset; the new one is joined when it is up."""
    call = Call()
    splice = call.spliced()
    call.orders(modify("ip/1/access/1", stream(
        local("TCP", "passive", "a=connection:new", host=call.access.local.host, port=call.access.local.port),
        remote("TCP", "active", UE))))
    call.parts(splice).stage.does(AbortStream(call.access)).does_nothing()


def test_application_awareness_ends_the_splice():
    """An MSRP path for one side: payload has to be looked at, so it comes to the gateway from here on."""
    stage = Stage(splices=True)
    first = given(stage.orders(add(
        "access", stream(local("TCP/MSRP", "passive"), remote("TCP/MSRP", "active", UE), realm=A))))
    second = given(stage.orders(add(
        "core", stream(local("TCP/MSRP", "active"), remote("TCP/MSRP", "passive", PEER), realm=C), context=1)))
    Peer(stage, Stream(first, UE_SOURCE)).connects().up()
    stage.does(OpenStream)
    stage.sees(StreamOpened(Stream(second, PEER))).does(is_splice)
    path = f"a=path:msrp://{UE.host}:{UE.port}/abc;tcp"
    stage.orders(modify("ip/1/access/1", stream(remote("TCP/MSRP", "active", UE, path))))
    stage.does(Unsplice).does_nothing()


def test_tls_is_not_spliced():
    """Payload that is protected at one end passes through the gateway."""
    stage = Stage(splices=True)
    ue, peer = established(stage)
    ue.sends(b"secret")
    settle(ue, peer)
    assert peer.heard == b"secret"
    assert not any(isinstance(command, Splice) for command in stage.all)


def test_inactivity_is_watched_octet_by_octet():
    """adid/ipstop needs every octet: the stream is spliced only as long as nobody asks for it."""
    stage = Full(splices=True)
    several(stage, 2)
    (splice,) = stage.take()
    assert isinstance(splice, Splice)
    stage.orders(modify("ip/1/access/1", "Events = 1 { adid/ipstop { dt = 10 } }"))
    stage.does(Unsplice(splice.a)).does_nothing()
    stage.later(9.0).sees(StreamData(splice.a, b"x")).does(SendStream(splice.b, b"x")).later(9.0)
    stage.later(1.5)
    assert stage.events() == [(1, "adid/ipstop")]
    stage.orders(modify("ip/1/access/1", "Events"))
    stage.does(is_splice).does_nothing()


def test_a_third_termination_ends_the_splice():
    """Three ends: what comes in at one goes out at two, so the gateway copies; two are left: joined again."""
    stage = Full(splices=True)
    several(stage, 2)
    (splice,) = stage.take()
    assert isinstance(splice, Splice)
    stage.orders(add("access", stream(local("TCP", "passive"), remote("TCP", "active", PEER), realm=A), context=1))
    stage.does(Unsplice(splice.a)).does_nothing()
    stage.sees(StreamData(splice.a, b"x")).does(SendStream(splice.b, b"x"))
    stage.orders("Context = 1 { Subtract = ip/1/access/3 }")
    stage.does(is_splice).does_nothing()


@pytest.mark.parametrize("direction", ["Isolate", "Oneway"])
def test_topology_ends_the_splice(direction):
    """A pair that does not hear each other both ways is not joined; Bothway joins it again."""
    stage = Full(splices=True)
    several(stage, 2)
    (splice,) = stage.take()
    assert isinstance(splice, Splice)
    stage.orders(f"Context = 1 {{ Topology {{ ip/1/access/1, ip/1/access/2, {direction} }} }}")
    stage.does(Unsplice(splice.a)).does_nothing()
    stage.orders("Context = 1 { Topology { ip/1/access/1, ip/1/access/2, Bothway } }")
    stage.does(is_splice).does_nothing()


def test_a_termination_that_moves_away_takes_no_splice_along():
    """Move: the two are no longer of one context; the splice ends with that."""
    stage = Full(splices=True)
    several(stage, 2)
    (splice,) = stage.take()
    assert isinstance(splice, Splice)
    stage.orders("Context = $ { Move = ip/1/access/2 }")
    assert stage.open[0] == Unsplice(splice.a)
    assert not any(isinstance(command, Splice | SendDatagram) for command in stage.take())


def test_a_mode_that_is_set_and_reset_in_one_request_keeps_its_order():
    """Open and closed in two actions of one request: the last word counts."""
    call = Call("Inactive")
    call.stage.does_nothing()
    call.orders(f"{modify('ip/1/access/1', stream())}, {modify('ip/1/access/1', stream(mode='Inactive'))}")
    call.stage.does(is_splice, Unsplice).does_nothing()
