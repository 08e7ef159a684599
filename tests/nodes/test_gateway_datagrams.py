"""Datagram endpoints of a gateway: who is let in, what passes, and DTLS in front of it (D1 to D3 without the ALG)."""

from __future__ import annotations

import agw_stage
import pytest
from agw_stage import (
    AGW_IDENTITY,
    AGW_PRINT,
    EVENTS,
    MGC,
    OTHER_IDENTITY,
    PEER,
    UE,
    UE_IDENTITY,
    UE_PRINT,
    A,
    C,
    add,
    error,
    given,
    local,
    modify,
    remote,
    stream,
)

from workbench.net.values import (
    BindDatagrams,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    SendDatagram,
    UnbindDatagrams,
    Woke,
)
from workbench.protocols.h248 import message as h248
from workbench.protocols.t38 import udptl
from workbench.protocols.t38.messages import UdptlPacket
from workbench.security import dtls
from workbench.security.identities import Identity

UE_SOURCE = Endpoint(UE.host, 5555)
STRANGER = Endpoint("198.18.0.66", 9)
LATCH = "Signals { ipnapt/latch { Stream = 1, napt = latch } }"
ESTABLISH = "Signals { tlsbsc/EstBNC { Stream = 1 } }"
FAX = udptl.encode(UdptlPacket(1, bytes.fromhex("0600"), (bytes.fromhex("0600"),)))
BACK = udptl.encode(UdptlPacket(0x16FE, bytes.fromhex("06c0"), ()))
TLS = "UDP/TLS/UDPTL"


class Stage(agw_stage.Stage):
    """A stage on which endpoints are bound and unbound without being claimed; `all` has it."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self._ignoring += (BindDatagrams, UnbindDatagrams)

    def orders(self, actions: str) -> h248.Reply:
        """A request; its reply, which may come behind a last datagram of an endpoint that is given up."""
        self.number += 1
        self.tells(f"Transaction = {self.number} {{ {actions} }}")
        at = next(i for i, c in enumerate(self.open) if isinstance(c, SendDatagram) and c.remote == MGC)
        self.open.insert(0, self.open.pop(at))
        reply = self.hears().body[0]
        assert isinstance(reply, h248.Reply)
        return reply

    def notified(self) -> tuple[str, str, dict[str, str]]:
        """The next Notify; datagrams of media stay open."""
        media = [c for c in self.open if not (isinstance(c, SendDatagram) and c.remote == MGC)]
        self.open = [c for c in self.open if c not in media]
        told = super().notified()
        self.open = media + self.open
        return told


class FaxPeer:
    """A UE with DTLS over the stage's datagrams."""

    def __init__(self, stage: Stage, gateway: Endpoint, *, client: bool = True, where: Endpoint = UE_SOURCE,
                 identity: Identity = UE_IDENTITY) -> None:
        self.stage, self.gateway, self.where = stage, gateway, where
        self.session = dtls.DtlsSession(identity, client, announced=[AGW_IDENTITY.fingerprint()])
        self.events: list[dtls.Event] = []
        self.heard: list[bytes] = []
        self.sent = 0

    def starts(self) -> FaxPeer:
        self._does(self.session.start(self.stage.now))
        return self

    def sends(self, payload: bytes) -> FaxPeer:
        self._does(self.session.send(payload))
        return self

    def reads(self) -> FaxPeer:
        """Take what the gateway has sent here, until nothing more comes."""
        while (at := next((i for i, c in enumerate(self.stage.open) if self._is_mine(c)), None)) is not None:
            command = self.stage.open.pop(at)
            assert isinstance(command, SendDatagram)
            self._does(self.session.receive_datagram(command.data, self.stage.now))
        return self

    def _is_mine(self, command: object) -> bool:
        return isinstance(command, SendDatagram) and (command.local, command.remote) == (self.gateway, self.where)

    def _does(self, events: list[dtls.Event]) -> None:
        for event in events:
            match event:
                case dtls.Transmit(octets=octets):
                    self.sent += 1
                    arrives(self.stage, self.gateway, self.where, octets)
                case dtls.Data(octets=octets):
                    self.heard.append(octets)
                case _:
                    self.events.append(event)


def arrives(stage: Stage, at: Endpoint, source: Endpoint, data: bytes) -> Stage:
    """A datagram; what is open stays open."""
    kept, stage.open = stage.open, []
    stage.sees(DatagramReceived(at, source, data))
    stage.open = kept + stage.open
    return stage


def dropped(stage: Stage) -> str:
    """The only open command is a Drop; its reason."""
    (command,) = stage.take()
    assert isinstance(command, Drop), command
    return command.reason


def legs(stage: Stage, access: tuple[str, ...], *signals: str) -> tuple[Endpoint, Endpoint]:
    """ip/1/access/1 as given and ip/1/core/2 in clear; where they receive."""
    near = given(stage.orders(add("access", stream(*access, realm=A), EVENTS.format(1), *signals)))
    waiting, stage.open = stage.open, []
    far = given(stage.orders(add(
        "core", stream(local("udptl", None), remote("udptl", None, PEER), realm=C), EVENTS.format(2), context=1)))
    assert stage.all.count(BindDatagrams(near)) == stage.all.count(BindDatagrams(far)) == 1
    stage.open = waiting + stage.open
    return near, far


def secured(setup: str, peer: str, print_: str | None = UE_PRINT) -> tuple[str, str]:
    lines = () if print_ is None else (f"a=fingerprint:{print_}",)
    return local(TLS, setup, "a=fingerprint:SHA-256 $"), remote(TLS, peer, UE_SOURCE, *lines)


def up(stage: Stage, *, client: bool = True) -> tuple[FaxPeer, Endpoint, Endpoint]:
    """DTLS is up on the access side; the UE, and where the gateway receives."""
    near, far = legs(stage, secured("passive" if client else "active", "active" if client else "passive"))
    ue = FaxPeer(stage, near, client=client).starts().reads()
    assert [type(event) for event in ue.events] == [dtls.Established, dtls.Verified]
    assert stage.open == []
    return ue, near, far


def clear(stage: Stage, *signals: str) -> tuple[Endpoint, Endpoint]:
    return legs(stage, (local("udptl", None), remote("udptl", None, UE)), *signals)


# In clear

def test_udptl_passes_both_ways_as_it_is():
    """Datagrams of the peers pass both ways, octet for octet, to where Remote says."""
    stage = Stage()
    near, far = clear(stage)
    arrives(stage, near, UE, FAX).does(SendDatagram(far, PEER, FAX))
    arrives(stage, far, PEER, BACK).does(SendDatagram(near, UE, BACK))


def test_the_endpoint_is_bound_before_the_reply_leaves():
    """Who reads the address in the reply can use it at once."""
    stage = Stage()
    reply = stage.orders(add("access", stream(local("udptl", None), realm=A)))
    where = given(reply)
    at = [i for i, c in enumerate(stage.all) if c == BindDatagrams(where)]
    said = [i for i, c in enumerate(stage.all) if isinstance(c, SendDatagram) and b"Reply" in c.data]
    assert at
    assert at[0] < said[-1]


def test_a_stranger_is_not_let_in():
    """Without latching only Remote's address is the peer's; what comes from elsewhere is dropped."""
    stage = Stage()
    near, _ = clear(stage)
    arrives(stage, near, STRANGER, FAX)
    assert "not from 10.20.30.40" in dropped(stage)


def test_latching_takes_the_first_source_and_no_other():
    """The first source is the peer: answers go there, the controller may hear of it, and a later one is dropped."""
    stage = Stage()
    near, far = clear(stage, LATCH)
    arrives(stage, far, PEER, BACK)
    assert "not known" in dropped(stage)
    nat = Endpoint("198.51.100.99", 6666)
    arrives(stage, near, nat, FAX).does(SendDatagram(far, PEER, FAX))
    arrives(stage, near, STRANGER, FAX)
    assert "which is the peer" in dropped(stage)
    arrives(stage, far, PEER, BACK).does(SendDatagram(near, nat, BACK))
    stage.orders(modify("ip/1/access/1", LATCH))
    arrives(stage, near, STRANGER, FAX).does(SendDatagram(far, PEER, FAX))


def test_modes_stop_datagrams():
    """ReceiveOnly at the access side: nothing goes out there; what comes in still passes."""
    stage = Stage()
    near, far = clear(stage)
    stage.orders(modify("ip/1/access/1", "Media { Stream = 1 { LocalControl { Mode = ReceiveOnly } } }"))
    arrives(stage, far, PEER, BACK)
    assert "at ip/1/access/1" in dropped(stage)
    arrives(stage, near, UE, FAX).does(SendDatagram(far, PEER, FAX))


def test_subtract_unbinds_and_tells_what_has_passed():
    """Statistics count octets of payload; after Subtract nothing is received there."""
    stage = Stage()
    near, far = clear(stage)
    arrives(stage, near, UE, FAX).take()
    reply = stage.orders("Context = 1 { Subtract = ip/1/access/1 { Audit { Statistics } } }")
    counted = reply.actions[0].commands[0].descriptor(h248.Statistics)
    assert counted is not None
    assert {one.name: one.value for one in counted.items}["nt/or"] == str(len(FAX))
    assert UnbindDatagrams(near) in stage.all
    arrives(stage, far, PEER, BACK)
    assert "no other endpoint" in dropped(stage)


def test_streams_and_datagrams_are_not_joined():
    """A TCP endpoint and a datagram endpoint in one stream have nothing to do with each other."""
    stage = Stage()
    near, _ = clear(stage)
    stage.orders("Context = 1 { Subtract = ip/1/core/2 }")
    stage.take()
    stage.orders(add("core", stream(local("TCP", "passive"), realm=C), context=1))
    arrives(stage, near, UE, FAX)
    assert "no other endpoint" in dropped(stage)


@pytest.mark.parametrize(("order", "code"), [
    (modify("ip/1/access/1", "Signals { tcpbcc/EstBNC { Stream = 1 } }"), 513),
    (modify("ip/1/access/1", "Signals { tlsbsc/EstBNC { Stream = 1 } }"), 513),
    (modify("ip/1/access/1", stream(local("TCP", "passive"))), 501),
])
def test_what_a_datagram_endpoint_cant_do_is_refused(order, code):
    """No TCP, no DTLS in front of `udptl`, and no change from datagrams to a connection."""
    stage = Stage()
    clear(stage)
    found = error(stage.orders(order))
    assert found is not None
    assert found[0] == code


def test_icmp_for_media_is_no_news_of_the_controller():
    """A datagram to the peer that did not arrive is noted for its termination; nothing follows."""
    stage = Stage()
    near, _ = clear(stage)
    assert stage.sees(DatagramFailed(near, UE, "port unreachable")).take() == []
    assert not any("controller can't" in str(command) for command in stage.all)


# DTLS

@pytest.mark.parametrize("client", [True, False], ids=["gateway is server", "gateway is client"])
def test_one_udptl_packet_is_one_record(client):
    """UE active: the gateway is DTLS server; UE passive: it is client. Then packets pass in DTLS here, in clear there.

    R-6.2.10.4-3, R-6.2.10.4-6."""
    stage = Stage()
    ue, _, far = up(stage, client=client)
    ue.sends(FAX)
    stage.does(SendDatagram(far, PEER, FAX))
    arrives(stage, far, PEER, BACK)
    (command,) = stage.open
    assert isinstance(command, SendDatagram)
    assert command.data[0] == 23
    assert FAX not in command.data
    ue.reads()
    assert ue.heard == [BACK]


def test_establish_signal_makes_the_gateway_client():
    """actpass on both sides: the signal decides."""
    stage = Stage()
    near, _ = legs(stage, secured("actpass", "actpass"), ESTABLISH)
    ue = FaxPeer(stage, near, client=False).starts().reads()
    assert [type(event) for event in ue.events] == [dtls.Established, dtls.Verified]


def test_the_reply_has_the_fingerprint():
    """Local certificate fingerprint Request is answered (R-6.2.10.4-1)."""
    stage = Stage()
    reply = stage.orders(add("access", stream(local(TLS, "actpass", "a=fingerprint:SHA-256 $"), realm=A)))
    media = reply.actions[0].commands[0].descriptor(h248.Media)
    assert media is not None
    assert media.streams[0].local[0].media[0].attribute("fingerprint") == AGW_PRINT


def test_clear_udptl_on_a_dtls_leg_is_dropped():
    """Before, during and after the handshake; also where its sequence number looks like a record's type."""
    stage = Stage()
    near, far = legs(stage, secured("passive", "active"))
    for packet in (FAX, BACK):
        arrives(stage, near, UE_SOURCE, packet)
        assert "in clear nothing passes" in dropped(stage)
    ue = FaxPeer(stage, near).starts().reads()
    for packet in (FAX, BACK):
        arrives(stage, near, UE_SOURCE, packet)
        assert "in clear nothing passes" in dropped(stage)
    ue.sends(FAX)
    stage.does(SendDatagram(far, PEER, FAX))


def test_nothing_from_the_core_leaves_before_dtls_is_up():
    """What can't be protected is dropped, not sent in clear."""
    stage = Stage()
    _, far = legs(stage, secured("passive", "active"))
    arrives(stage, far, PEER, BACK)
    assert "DTLS is not up" in dropped(stage)


@pytest.mark.parametrize("client", [True, False], ids=["gateway is server", "gateway is client"])
def test_another_certificate_is_refused_and_notified(client):
    """The fingerprint does not match: alert, Notify, and nothing ever reaches the core."""
    stage = Stage()
    near, _ = legs(stage, secured("passive" if client else "active", "active" if client else "passive"))
    ue = FaxPeer(stage, near, client=client, identity=OTHER_IDENTITY).starts().reads()
    assert stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
    ue.reads()
    assert any(isinstance(event, dtls.Failed) and not event.ours for event in ue.events)
    assert stage.take() == []
    arrives(stage, near, UE_SOURCE, FAX)
    assert "DTLS is over" in dropped(stage)


def test_a_fingerprint_that_comes_later_lets_payload_out():
    """The UE may be faster than its answer: what it sends is held, and comes out when the fingerprint fits."""
    stage = Stage()
    near, far = legs(stage, secured("passive", "active", None))
    ue = FaxPeer(stage, near).starts().reads().sends(FAX)
    assert stage.take() == []
    stage.orders(modify("ip/1/access/1", stream(secured("passive", "active")[1])))
    stage.does(SendDatagram(far, PEER, FAX))
    assert ue.events[-1] == dtls.Verified()


def test_nothing_is_kept_before_a_cookie_returns():
    """A ClientHello from a thousand forged sources: an answer each, no session, and the UE still gets in."""
    stage = Stage()
    near, far = legs(stage, (*secured("passive", "active"),), LATCH)
    hello = next(one.octets for one in dtls.DtlsSession(UE_IDENTITY, True).start(0.0) if isinstance(one, dtls.Transmit))
    bearer = stage.node._control.bearers[near]
    for number in range(1000):
        forged = Endpoint(f"10.1.{number // 256}.{number % 256}", 4000)
        arrives(stage, near, forged, hello)
        (answer,) = stage.take()
        assert isinstance(answer, SendDatagram)
        assert answer.remote == forged
        assert len(answer.data) < len(hello)
        assert bearer._association is bearer.source is None
        assert len(bearer._candidates) == 0
    FaxPeer(stage, near).starts().reads().sends(FAX)
    stage.does(SendDatagram(far, PEER, FAX))


def test_no_stranger_after_the_peer_is_known():
    """With latching, who has finished the cookie exchange is the peer; others are not heard any more."""
    stage = Stage()
    near, _ = legs(stage, (*secured("passive", "active"),), LATCH)
    FaxPeer(stage, near).starts().reads()
    other = FaxPeer(stage, near, where=STRANGER)
    other.starts()
    assert "which is the peer" in dropped(stage)


def test_a_peer_that_moves_is_followed_when_latching_is_ordered_again():
    """Relatch: the source whose record the association believes is the peer; a stranger's datagram is not enough."""
    stage = Stage()
    near, far = legs(stage, (*secured("passive", "active"),), LATCH)
    ue = FaxPeer(stage, near).starts().reads()
    stage.orders(modify("ip/1/access/1", LATCH))
    arrives(stage, near, STRANGER, bytes([23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 32]) + bytes(32))
    assert "in clear nothing passes" in dropped(stage)
    ue.where = Endpoint(UE.host, 7777)
    ue.sends(FAX)
    stage.does(SendDatagram(far, PEER, FAX))
    arrives(stage, far, PEER, BACK)
    assert ue.reads().heard == [BACK]


def test_a_client_that_latches_begins_when_the_peer_is_heard():
    """R-6.2.10.4-11: behind a NAT the address is not known before; what made it known is not believed."""
    stage = Stage()
    near, _ = legs(stage, (*secured("active", "passive"),), LATCH)
    assert stage.open == []
    nat = Endpoint("198.51.100.99", 6666)
    arrives(stage, near, nat, FAX)
    hello, drop = stage.take()
    assert isinstance(hello, SendDatagram)
    assert hello.remote == nat
    assert isinstance(drop, Drop)


def test_flights_are_repeated_and_the_guard_ends_waiting():
    """A ClientHello that is not answered is repeated after 1, 2 and 4 s; after `tls_guard` the controller is told."""
    stage = Stage(tls_guard=5.0)
    legs(stage, secured("active", "passive"))
    stage.take()
    sent = []
    while True:
        moment = stage.node.next_wakeup()
        assert moment is not None
        if moment > 5.0:
            break
        stage.now = moment
        kept = stage.sees(Woke()).open
        sent += [stage.now for c in kept if isinstance(c, SendDatagram) and c.data[0] == 22]
        stage.open = [c for c in kept if not (isinstance(c, SendDatagram) and c.data[0] == 22)]
        if stage.now == 5.0:
            assert stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
    assert sent == [1.0, 3.0]


def test_no_client_hello_is_told():
    """A server whose client does not come: Failed, once."""
    stage = Stage(tls_guard=5.0)
    near, _ = legs(stage, secured("passive", "active"))
    stage.now = 5.0
    stage.sees(Woke())
    assert stage.notified() == ("ip/1/access/1", "tlsbsc/BNCChange", {"Type": "Fail"})
    assert stage.take() == []
    FaxPeer(stage, near).starts()
    assert "DTLS is over" in dropped(stage)


def test_release_says_close_notify():
    """Subtract ends the association in order before the endpoint is given up."""
    stage = Stage()
    ue, near, _ = up(stage)
    stage.orders("Context = 1 { Subtract = ip/1/access/1 }")
    last = next(i for i, c in enumerate(stage.all) if c == stage.open[0])
    assert last < stage.all.index(UnbindDatagrams(near))
    ue.reads()
    assert isinstance(ue.events[-1], dtls.PeerClosed)
    assert stage.node._control.bearers.keys().isdisjoint({near})


def test_what_is_too_long_for_a_record_is_dropped():
    """16 385 octets do not fit; the association goes on."""
    stage = Stage()
    ue, _, far = up(stage)
    arrives(stage, far, PEER, bytes(16_385))
    assert "more than a record" in dropped(stage)
    arrives(stage, far, PEER, BACK)
    assert ue.reads().heard == [BACK]


def test_garbage_is_dropped_one_by_one():
    """Cut and changed datagrams of an association: each is dropped with a reason, and the next good one passes."""
    stage = Stage()
    ue, near, far = up(stage)
    (sealed,) = [one.octets for one in ue.session.send(FAX) if isinstance(one, dtls.Transmit)]
    for at in range(len(sealed)):
        arrives(stage, near, UE_SOURCE, sealed[:at])
        assert dropped(stage)
        arrives(stage, near, UE_SOURCE, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
        assert dropped(stage)
    arrives(stage, near, UE_SOURCE, sealed).does(SendDatagram(far, PEER, FAX))
    arrives(stage, near, UE_SOURCE, sealed)
    assert dropped(stage)
