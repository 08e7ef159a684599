"""What peers and controllers that are at fault can make the gateway hold, and for how long."""

from __future__ import annotations

import pytest
from agw_stage import (
    EVENTS,
    PEER,
    UE,
    UE_PRINT,
    A,
    C,
    Peer,
    Stage,
    add,
    established,
    given,
    local,
    modify,
    originating,
    plain,
    remote,
    settle,
    stream,
    ue_session,
)

from workbench.net.values import (
    AbortStream,
    AcceptStream,
    Drop,
    Endpoint,
    EndStream,
    OpenStream,
    PauseStream,
    RefuseStream,
    SendDatagram,
    SendStream,
    Stream,
    StreamClosed,
    StreamData,
    StreamEnded,
    StreamFull,
    StreamOffered,
    StreamOpened,
    StreamWritable,
    Unlisten,
    Woke,
)
from workbench.nodes.gateway.settings import Limits
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.security import tls

AUDIT_ALL = "Context = * { AuditValue = * { Audit { } } }"
MANY = 200


def secured(access: Endpoint, host: str = UE.host, port: int = 5555) -> Stream:
    return Stream(access, Endpoint(host, port))


def sizes(stage: Stage) -> tuple[int, ...]:
    """How much the gateway keeps: contexts, endpoints, endpoints that still end, and who wants to be woken."""
    control = stage.node._control
    return len(control.contexts), len(control.bearers), len(control.leaving)


# Peers


def test_one_syn_is_taken_of_a_crowd():
    """A termination has one connection: of a thousand SYNs the first is accepted, and nothing is kept of the rest."""
    stage = Stage()
    access, _ = plain(stage)
    before = sizes(stage)
    for number in range(1000):
        stage.sees(StreamOffered(secured(access, port=10_000 + number)))
        if number == 0:
            stage.does(AcceptStream, OpenStream)
        else:
            stage.does(RefuseStream, Drop)
    assert sizes(stage) == before


def test_only_the_announced_source_is_let_in():
    """Remote names the host: SYNs of others are refused before anything is kept, and the right one is still taken."""
    stage = Stage()
    access, _ = plain(stage)
    for number in range(1000):
        stage.sees(StreamOffered(secured(access, f"10.9.{number >> 8}.{number & 255}"))).does(RefuseStream, Drop)
    stage.sees(StreamOffered(secured(access))).does(AcceptStream, OpenStream)


def test_an_accepted_connection_that_never_comes_up_is_given_up():
    """A SYN that is answered and never acknowledged holds the endpoint for `tcp_guard` seconds; then it is reset."""
    stage = Stage(tcp_guard=30.0)
    access, core = plain(stage)
    stage.sees(StreamOffered(secured(access))).does(AcceptStream, OpenStream)
    stage.later(29.0).does_nothing().later(1.5)
    assert stage.notified()[1] == "tcpbcc/BNCChange"
    stage.does(AbortStream(secured(access)), AbortStream(Stream(core, PEER)))


def handshaking(stage: Stage, octets: bytes) -> tuple[Stream, Stream]:
    """The UE's connection is up; it has sent these octets of its ClientHello. Its stream, and the core side's."""
    access, core = originating(stage)
    ue, outside = secured(access), Stream(core, PEER)
    stage.sees(StreamOffered(ue)).does(AcceptStream, OpenStream(outside))
    stage.sees(StreamOpened(ue)).sees(StreamOpened(outside)).does_nothing()
    stage.sees(StreamData(ue, octets)).does_nothing()
    return ue, outside


def hello() -> bytes:
    (sent,) = [event for event in ue_session(True).start() if isinstance(event, tls.Transmit)]
    return sent.octets


def test_a_handshake_octet_by_octet_is_not_waited_for():
    """Slow loris: octets that trickle in put nothing off; `tls_guard` after TCP is up the connection is released."""
    stage = Stage(tls_guard=10.0)
    octets = hello()
    ue, _ = handshaking(stage, octets[:1])
    for at in range(1, 10):
        stage.later(1.0).sees(StreamData(ue, octets[at : at + 1])).does_nothing()
    stage.later(1.5)
    assert stage.notified()[1] == "tlsbsc/BNCChange"
    assert EndStream(ue) in [_bare(command) for command in stage.take()]


def _bare(command: object) -> object:
    return EndStream(command.stream) if isinstance(command, EndStream) else command


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x40\x00\x01\xff\xff\xff", b"\x16\x03\x01\x40\x00\x01\x00\xff\xff"])
def test_a_handshake_without_end_is_cut_off(first):
    """A ClientHello that announces 64 kB or 16 MB: it is refused or ended long before so much is held."""
    stage = Stage()
    ue, _ = handshaking(stage, first)
    sent = len(first)
    record = bytes(0x4000 - 4) + b"\x16\x03\x01\x40\x00"
    while not any(isinstance(command, EndStream) and command.stream == ue for command in stage.take()):
        assert sent < 300_000
        stage.sees(StreamData(ue, record))
        sent += len(record)


def test_payload_before_the_fingerprint_is_bounded():
    """Until the fingerprint is announced what a peer says is held up to `held`; then it is not read any more."""
    stage = Stage(held=65_536)
    core = given(stage.orders(add("core", stream(
        local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), EVENTS.format(1))))
    access = given(stage.orders(add("access", stream(
        local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"), remote("TCP/TLS", "active", UE), realm=A),
        EVENTS.format(2), context=1)))
    ue = Peer(stage, secured(access), ue_session(True)).connects()
    stage.does(OpenStream(Stream(core, PEER)))
    peer = Peer(stage, Stream(core, PEER)).up()
    ue.up()
    settle(ue, peer)
    sent = 0
    while not ue.paused:
        ue.sends(bytes(16_384))
        settle(ue, peer)
        sent += 16_384
        assert sent <= 65_536 + 16_384
    # One portion of the network's that was on its way is still taken.
    ue.sends(bytes(262_144))
    settle(ue, peer)
    assert peer.heard == b""
    stage.orders(modify("ip/1/access/2", stream(
        remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"))))
    settle(ue, peer)
    assert len(peer.heard) == sent + 262_144
    assert not ue.paused


@pytest.mark.parametrize("secure", [False, True], ids=["clear", "TLS"])
def test_a_peer_that_never_reads_is_bounded(secure):
    """With the reader's queue full, `held` octets wait in the gateway; then the other side is not read from."""
    stage = Stage(held=65_536)
    if secure:
        slow, fast = established(stage)
    else:
        access, core = plain(stage)
        slow = Peer(stage, secured(access)).connects()
        stage.does(OpenStream)
        fast = Peer(stage, Stream(core, PEER)).up()
        slow.up()
    settle(slow, fast)
    slow.sees(StreamFull(slow.stream))
    sent = 0
    while not fast.paused:
        fast.sends(bytes(10_000))
        fast.reads()
        sent += 10_000
        assert sent <= 65_536 + 10_000
    assert not any(isinstance(command, SendStream) for command in stage.open)
    slow.sees(StreamWritable(slow.stream))
    settle(slow, fast)
    assert not fast.paused
    assert len(slow.heard) == sent


def test_records_that_a_peer_asks_for_and_does_not_read_are_bounded(monkeypatch):
    """A peer whose octets make TLS answer again and again is not read from while our queue for it is full."""
    stage = Stage()
    ue, peer = established(stage)
    monkeypatch.setattr(tls.TlsSession, "receive_data", lambda session, data: [tls.Transmit(b"an answer")])
    stage.sees(StreamData(ue.stream, b"a question")).does(SendStream)
    stage.sees(StreamFull(ue.stream)).sees(StreamData(ue.stream, b"a question"))
    stage.does(SendStream, PauseStream(ue.stream))
    # Payload for the peer does not make it read on, room does.
    stage.sees(StreamData(peer.stream, b"waits")).does_nothing()
    stage.sees(StreamWritable(ue.stream))
    assert PauseStream(ue.stream, paused=False) in stage.take()


def test_a_connection_that_is_not_read_to_its_end_is_reset():
    """Subtract: a peer that neither reads nor closes is given `drain` seconds, then everything of it is forgotten."""
    stage = Stage(drain=60.0)
    established(stage)
    stage.orders("Context = 1 { Subtract = * { Audit { } } }")
    stage.take()
    assert sizes(stage) == (0, 0, 2)
    stage.later(60.5).does(AbortStream, AbortStream)
    assert sizes(stage) == (0, 0, 0)


# Work in portions


def test_an_order_comes_between_many_handshakes_that_time_out():
    """200 guards run out at one moment: they are seen to in portions of 32, and the gateway takes orders in between."""
    stage = Stage(limits=Limits(contexts=1000))
    ends = []
    for number in range(MANY):
        reply = stage.orders(
            f"Context = $ {{ Add = ip/1/core/$ {{ {_core()} }}, Add = ip/1/access/$ {{ {_access()} }} }}")
        access, core = (_given(reply, at) for at in (1, 0))
        ue = secured(access, port=10_000 + number)
        stage.sees(StreamOffered(ue)).take()
        stage.sees(StreamOpened(ue)).sees(StreamOpened(Stream(core, PEER))).does_nothing()
        ends.append(ue)
    stage.now += 20.0
    given_up: list[int] = []
    while (moment := stage.node.next_wakeup()) is not None and moment <= stage.now and sum(given_up) < MANY:
        stage.sees(Woke())
        done = sum(isinstance(command, EndStream) and command.stream in ends for command in stage.take())
        given_up.append(done)
        assert 0 < done <= 32
        # The loop looks for what has arrived only when no wakeup is due.
        assert stage.node.next_wakeup() > stage.now
        stage.orders("Context = 1 { AuditValue = * { Audit { } } }")
        stage.now = stage.node.next_wakeup()
    assert sum(given_up) == MANY


def _core() -> str:
    return stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C)


def _access() -> str:
    return stream(local("TCP/TLS", "passive", "a=fingerprint:SHA-256 $"),
                  remote("TCP/TLS", "active", UE, f"a=fingerprint:{UE_PRINT}"), realm=A)


def _given(reply: h248.Reply, at: int) -> Endpoint:
    media = reply.actions[0].commands[at].descriptor(h248.Media)
    assert media is not None and media.streams[0].local
    described = media.streams[0].local[0]
    connection = described.connection_of(described.media[0])
    assert connection is not None and described.media[0].port is not None
    return Endpoint(connection.address, described.media[0].port)


# Controllers


def test_a_controller_that_has_forgotten_everything_cleans_up():
    """The controller restarts: the gateway registers again with its contexts, which are audited and subtracted."""
    stage = Stage()
    ue, peer = established(stage)
    plain(stage)
    assert stage.node._control.contexts.all()
    stage.sees(StreamEnded(peer.stream))
    # Nobody answers the Notify; when it is given up the controller is lost, and asked again.
    stage.take()
    lost = stage.now
    while not any(isinstance(command, SendDatagram) and _is_registration(command) for command in stage.open):
        stage.open = []
        stage.later(1.0)
        assert stage.now < lost + 120.0
    (registration,) = [text.decode(c.data).body[0] for c in stage.take() if isinstance(c, SendDatagram)][-1:]
    services = registration.actions[0].commands[0].descriptor(h248.Services)
    assert services.method is h248.Method.DISCONNECTED
    stage.tells(
        f"Reply = {registration.id} {{ Context = - {{ ServiceChange = ROOT {{ Services {{ Version = 2 }} }} }} }}")
    stage.take()
    found = [action.context for action in stage.orders(AUDIT_ALL).actions]
    assert found == [1, 2]
    stage.orders("Context = * { W-Subtract = * { Audit { } } }")
    stage.take()
    refused = stage.orders(AUDIT_ALL).actions[0]
    assert refused.error is not None and refused.error.code == 411
    for one in (ue.stream, peer.stream):
        stage.sees(StreamClosed(one))
    assert sizes(stage) == (0, 0, 0)
    assert sum(isinstance(command, Unlisten) for command in stage.all) >= 2


def _is_registration(command: SendDatagram) -> bool:
    body = text.decode(command.data).body[0]
    return isinstance(body, h248.Request) and body.actions[0].commands[0].kind is h248.Kind.SERVICE_CHANGE


def test_what_a_new_controller_does_not_know_hangs_and_goes():
    """Heartbeats reach the controller that is there now; terminations that it denies are released, others stay."""
    stage = Stage()
    plain(stage, "Inactive")
    stage.later(300.0)
    plain(stage, "Inactive")
    stage.later(301.0)
    for message in [stage.hears() for _ in range(len(stage.open))]:
        stage.confirms(message, "430")
    assert [context.number for context in stage.node._control.contexts.all()] == [2]
    stage.later(1000.0)
    assert stage.notified()[:2] == ("ip/1/access/3", "hangterm/thb")


def test_a_dead_controller_costs_nothing_more_than_asking():
    """Hours without a controller: contexts stay, requests are few and far between, and nothing piles up."""
    stage = Stage()
    established(stage)
    stage.take()
    kept = sizes(stage)
    stage.node.control_lost("test", stage.now)
    said = 0
    for _ in range(60):
        stage.later(60.0)
        said += sum(isinstance(command, SendDatagram) for command in stage.take())
    assert sizes(stage) == kept
    assert said < 60 * 25


def test_strangers_leave_nothing_behind():
    """Orders of a thousand others are refused and forgotten; the controller's are carried out."""
    stage = Stage()
    before = sizes(stage), len(stage.node._association._peers)
    for number in range(1000):
        source = Endpoint(f"10.0.{number >> 8}.{number & 255}", 2944)
        stage.tells(f"Transaction = {number} {{ {AUDIT_ALL} }}", source).take()
    assert (sizes(stage), len(stage.node._association._peers)) == before
    assert stage.orders(AUDIT_ALL).actions[0].error is not None
