"""Both ends of control associations: registration, loss, failover, handoff, leaving, and every transition."""

from __future__ import annotations

import itertools

import pytest
from test_h248_machine import AUDIT, DONE

from workbench.errors import LocalProtocolError
from workbench.protocols.h248 import association as mg_side
from workbench.protocols.h248 import machine, service_change
from workbench.protocols.h248 import message as m
from workbench.protocols.h248 import supervision as mgc_side
from workbench.protocols.h248.association import Association, Connect, ControlLost, Disconnect, Registered
from workbench.protocols.h248.coding import decode, encode
from workbench.protocols.h248.machine import PeerViolation, RequestReceived, TimedOut, Transactions, Transmit
from workbench.protocols.h248.supervision import Changed, Heard, Meaning, Supervision

GATEWAY = ("192.0.2.20", 2944)
FIRST, SECOND, THIRD = ("192.0.2.10", 2944), ("192.0.2.11", 2944), ("192.0.2.12", 2944)
MID = "[192.0.2.20]:2944"


def mid(address):
    return f"[{address[0]}]:{address[1]}"


class World:
    """One gateway and some controllers on a network without delay. What nobody listens to is lost."""

    def __init__(self, *controllers, gateway=None, **how):
        how.setdefault("jitter", lambda: 1.0)
        self.coding = how.get("coding", "pretty")
        self.reliable = how.get("reliable", False)
        self.now = 0.0
        self.gateway = Association(MID, controllers, **(gateway or {}), **how)
        self.controllers = {}
        self.down = set()
        self.seen = []
        self.heard = {address: [] for address in (FIRST, SECOND, THIRD)}
        self.wire = []

    def has(self, address, **how):
        how.setdefault("coding", self.coding)
        how.setdefault("reliable", self.reliable)
        self.controllers[address] = Supervision(mid(address), **how)
        return self.controllers[address]

    def at_gateway(self, events):
        for event in events:
            match event:
                case Transmit(octets=octets, to=to):
                    self.wire.append(("up", to, octets))
                    if to in self.controllers and to not in self.down:
                        self.at_controller(to, self.controllers[to].receive_data(octets, GATEWAY, self.now))
                case Connect(to=to):
                    self.seen.append(event)
                    if to in self.controllers and to not in self.down:
                        self.at_gateway(self.gateway.connected(to, self.now))
                    else:
                        self.at_gateway(self.gateway.disconnected(to, "refused", self.now))
                case Disconnect(to=to):
                    self.seen.append(event)
                    if to in self.controllers:
                        self.at_controller(to, self.controllers[to].disconnected(GATEWAY, "closed"))
                case _:
                    self.seen.append(event)

    def at_controller(self, address, events):
        for event in events:
            if isinstance(event, Transmit):
                self.wire.append(("down", address, event.octets))
                assert event.to == GATEWAY
                if address not in self.down:
                    self.at_gateway(self.gateway.receive_data(event.octets, address, self.now))
            else:
                self.heard[address].append(event)

    def starts(self):
        self.at_gateway(self.gateway.start(self.now))
        return self

    def runs(self, until):
        while True:
            ends = [self.gateway, *(end for address, end in self.controllers.items() if address not in self.down)]
            times = [at for end in ends if (at := end.next_wakeup()) is not None]
            if not times or min(times) > until:
                self.now = until
                return self
            self.now = max(self.now, min(times))
            self.at_gateway(self.gateway.wake(self.now))
            for address, end in list(self.controllers.items()):
                if address not in self.down:
                    self.at_controller(address, end.wake(self.now))

    def services(self, direction="up", to=None):
        """Method and reason of each ServiceChange that left, without repetitions."""
        found = []
        for which, address, octets in self.wire:
            for one in decode(octets, self.coding).body:
                if isinstance(one, m.Request) and which == direction and (to is None or address == to):
                    services = service_change.on_root(one.actions)
                    if services is not None and (one.id, address) not in [key for key, *_ in found]:
                        found.append(((one.id, address), str(services.method), service_change.reason_code(services)))
        return [(method, reason) for _, method, reason in found]

    def meanings(self, address=FIRST):
        return [event.meaning for event in self.heard[address] if isinstance(event, Changed)]


# Registration

def test_registration_on_the_wire():
    """ServiceChange Restart 901 on ROOT with version and profile; the reply gives what was agreed on."""
    world = World(FIRST, gateway={"profile": "etsi_bgf/2"})
    world.has(FIRST, profiles=["etsi_bgf/1", "threegagw/1"], stamp=lambda now: "20260301T10153200")
    world.starts()
    (_, _, asked), (_, _, answered) = world.wire
    assert asked == (
        b'MEGACO/2 [192.0.2.20]:2944\nTransaction = 1 {\n  Context = - {\n    ServiceChange = ROOT {\n'
        b'      Services { Method = Restart, Reason = "901 Cold Boot", Profile = etsi_bgf/2, Version = 2 }\n'
        b'    }\n  }\n}\n') or decode(asked, "pretty").body[0].actions[0].commands[0].descriptors == (
        m.Services(method="Restart", reason=m.Quoted("901 Cold Boot"), version=2, profile="etsi_bgf/2"),)
    services = service_change.of_reply(decode(answered, "pretty").body[0])
    assert services == m.Services(version=2, profile="etsi_bgf/1", time="20260301T10153200")


def test_agreed():
    """Both ends report the association; the gateway then takes requests, and the controller uses that version."""
    world = World(FIRST, version=3, gateway={"profile": "a/2", "other_profiles": ["a/1"]})
    alg = world.has(FIRST, profiles=["a/1"], versions=(1, 2))
    world.starts()
    assert world.seen == [Registered(FIRST, "Restart", 2, "a/1")]
    (changed,) = world.heard[FIRST]
    assert changed.meaning is Meaning.BEGUN and changed.gateway.version == 2 and str(changed.gateway.profile) == "a/1"
    assert world.gateway.transactions.version == 2
    number, events = alg.request(MID, (AUDIT,), 1.0)
    world.at_controller(FIRST, events)
    assert world.wire[-1][2].startswith(b"MEGACO/2")
    assert world.seen[-1] == RequestReceived(number, (AUDIT,), mid(FIRST), FIRST)
    world.at_gateway(world.gateway.reply(number, DONE, 1.0))
    assert world.heard[FIRST][-1].event == machine.ReplyReceived(number, m.Reply(number, DONE))


def test_version_is_negotiated_down():
    """A controller of version 1 answers 1 and gets it; one that only knows older ones says 406 and is asked again."""
    world = World(FIRST, version=3)
    world.has(FIRST, versions=(1, 1))
    world.starts()
    assert world.seen == [Registered(FIRST, "Restart", 1, None)]
    gateway = Association(MID, [FIRST], version=3)
    (asked,) = gateway.start(0.0)
    refusal = encode(m.Message(1, mid(FIRST), (), m.ErrorDescriptor(406, "x")), "pretty")
    *_, again = gateway.receive_data(refusal, FIRST, 0.1)
    assert asked.octets.startswith(b"MEGACO/3") and again.octets.startswith(b"MEGACO/2")
    reply = m.Reply(2, service_change.answer(m.ErrorDescriptor(406, "x")))
    *_, again = gateway.receive_data(encode(m.Message(1, mid(FIRST), (reply,)), "pretty"), FIRST, 0.2)
    assert again.octets.startswith(b"MEGACO/1")
    events = gateway.receive_data(refusal, FIRST, 0.3)
    assert isinstance(events[1], mg_side.RegistrationRefused) and gateway.state == mg_side.State.WAITING


def test_a_version_that_was_not_offered():
    """A reply with a newer version than was offered is refused and reported."""
    gateway = Association(MID, [FIRST])
    gateway.start(0.0)
    reply = m.Reply(1, service_change.answer(m.Services(version=3)))
    events = gateway.receive_data(encode(m.Message(2, mid(FIRST), (reply,)), "pretty"), FIRST, 0.1)
    assert [type(event) for event in events] == [PeerViolation, mg_side.RegistrationRefused]


def test_an_unknown_profile():
    """459, and the gateway turns to the next controller."""
    world = World(FIRST, SECOND, gateway={"profile": "mine/1"})
    world.has(FIRST, profiles=["other/1"])
    world.has(SECOND, profiles=["mine/3"])
    world.starts()
    assert world.seen == [mg_side.RegistrationRefused(FIRST, m.ErrorDescriptor(459, "profile mine/1")),
                          Registered(SECOND, "Restart", 2, "mine/1")]


def test_redirection():
    """MgcIdToTry: the gateway goes there with the method that it came with (§7.2.8)."""
    world = World(FIRST)
    world.has(FIRST, mgc_id=mid(THIRD))
    world.has(THIRD)
    world.starts()
    assert world.seen == [Registered(THIRD, "Restart", 2, None)] and world.gateway.controller == THIRD
    assert world.meanings(FIRST) == [] and world.meanings(THIRD) == [Meaning.BEGUN]


def test_redirections_come_to_an_end():
    """Two controllers that send a gateway to each other are given up after five times; later it begins again."""
    world = World(FIRST)
    world.has(FIRST, mgc_id=mid(SECOND))
    world.has(SECOND, mgc_id=mid(FIRST))
    world.starts()
    assert "without end" in world.seen[-1].error.text and len(world.wire) == 12
    world.controllers[SECOND].mgc_id = None
    world.runs(5.0)
    assert world.gateway.controller == SECOND


def test_an_address_that_nobody_knows():
    """A domain name is only followed where its address was given."""
    world = World(FIRST, gateway={"names": {"mgc.example.net": SECOND}})
    world.has(FIRST, mgc_id="<mgc.example.net>:2944")
    world.has(SECOND)
    assert world.starts().gateway.controller == SECOND
    world = World(FIRST)
    world.has(FIRST, mgc_id="<mgc.example.net>:2944")
    world.starts()
    assert world.gateway.state == mg_side.State.WAITING and "no address" in world.seen[-1].error.text


def test_service_change_address():
    """Each side says where it wants to be addressed: a port alone, or a message identifier (§7.2.8)."""
    gateway = Association(MID, [FIRST], address="2950", stamp=lambda now: "20260301T10153200")
    (asked,) = gateway.start(0.0)
    services = service_change.on_root(decode(asked.octets, "pretty").body[0].actions)
    assert (services.address, services.time) == ("2950", "20260301T10153200")
    alg = Supervision(mid(FIRST), address="[192.0.2.77]:2999")
    answer, changed = alg.receive_data(asked.octets, GATEWAY, 0.0)
    assert answer.to == GATEWAY and changed.gateway.address == ("192.0.2.20", 2950)
    gateway.receive_data(answer.octets, FIRST, 0.0)
    _, (request,) = gateway.request((AUDIT,), 1.0)
    assert request.to == ("192.0.2.77", 2999)
    _, (request,) = alg.request(MID, (AUDIT,), 1.0)
    assert request.to == ("192.0.2.20", 2950)
    assert isinstance(gateway.receive_data(request.octets, ("192.0.2.77", 2999), 1.0)[0], RequestReceived)
    (reply,) = gateway.reply(1, DONE, 1.0)
    assert reply.to == ("192.0.2.77", 2999), "a reply goes back to where the request came from"


def test_requests_before_registration():
    """505 at the gateway until the reply is in, and at the controller from a gateway that has not registered."""
    gateway = Association(MID, [FIRST])
    gateway.start(0.0)
    early = encode(m.Message(2, mid(FIRST), (m.Request(9, (AUDIT,)),)), "pretty")
    (refused,) = gateway.receive_data(early, FIRST, 0.1)
    assert decode(refused.octets, "pretty").body[0].error.code == 505
    alg = Supervision(mid(FIRST))
    notify = encode(m.Message(2, MID, (m.Request(9, (AUDIT,)),)), "pretty")
    (refused,) = alg.receive_data(notify, GATEWAY, 0.1)
    assert decode(refused.octets, "pretty").body[0].error.code == 505 and alg.state(MID) == "unknown"
    with pytest.raises(LocalProtocolError):
        alg.request(MID, (AUDIT,), 0.2)
    with pytest.raises(LocalProtocolError):
        gateway.request((AUDIT,), 0.2)


def test_one_controller_at_a_time():
    """A request of anybody else gets 504 and changes nothing; garbage and answers get none."""
    world = World(FIRST, SECOND)
    world.has(FIRST)
    world.starts()
    foreign = encode(m.Message(2, mid(SECOND), (m.Request(5, (AUDIT,)), m.Pending(3))), "pretty")
    violation, refused = world.gateway.receive_data(foreign, SECOND, 1.0)
    assert isinstance(violation, PeerViolation) and refused.to == SECOND
    assert decode(refused.octets, "pretty").body == (m.Reply(5, error=m.ErrorDescriptor(
        504, "this gateway has another controller")),)
    for other in (b"garbage", b"x" * 9_000, encode(m.Message(2, mid(SECOND), (m.Pending(3),)), "pretty")):
        assert len(world.gateway.receive_data(other, SECOND, 1.0)) == 1


def test_restart_avalanche():
    """A random part of the maximum waiting delay passes before the first ServiceChange (§9.2)."""
    for share in (0.0, 0.25, 1.0):
        gateway = Association(MID, [FIRST], waiting_delay=8.0, jitter=lambda share=share: share)
        events = gateway.start(100.0)
        if share:
            assert events == [] and gateway.next_wakeup() == 100.0 + 8.0 * share
            events = gateway.wake(100.0 + 8.0 * share)
        assert service_change.on_root(decode(events[0].octets, "pretty").body[0].actions).method == "Restart"


# Loss, failover

def test_a_lost_controller_comes_back():
    """Disconnected 900 to the one that was lost; contexts stay at both ends (§11.5)."""
    world = World(FIRST)
    world.has(FIRST)
    world.starts()
    world.down = {FIRST}
    number, events = world.gateway.request((AUDIT,), 0.0)
    world.at_gateway(events)
    world.runs(25.0)
    assert world.seen[-2:] == [TimedOut(number), ControlLost(FIRST, "no answer")]
    assert world.gateway.state == mg_side.State.WAITING
    with pytest.raises(LocalProtocolError):
        world.gateway.request((AUDIT,), 26.0)
    world.down = set()
    world.runs(31.0)
    assert world.services()[1:] == [("Disconnected", 900)] and world.meanings() == [Meaning.BEGUN, Meaning.BACK]
    assert world.seen[-1] == Registered(FIRST, "Disconnected", 2, None)


def test_failover_over_a_list():
    """The lost one again (Disconnected), then the others in order (Failover 909), then a pause, and all over again."""
    world = World(FIRST, SECOND, THIRD)
    world.has(FIRST)
    world.starts()
    world.down = {FIRST}
    world.at_gateway(world.gateway.lost("supervision", 10.0))
    world.runs(10.0 + 5 + 75 + 5 + 75 - 1)
    assert [(method, reason) for method, reason in world.services()[1:]] == [
        ("Disconnected", 900), ("Failover", 909), ("Failover", 909)] * 2
    up = [to for which, to, octets in world.wire if which == "up"][1:]
    assert [to for to, _ in itertools.groupby(up)] == [FIRST, SECOND, THIRD] * 2
    world.has(SECOND)
    world.runs(10.0 + 5 + 75 + 5 + 75 + 40)
    assert world.gateway.controller == SECOND and world.meanings(SECOND) == [Meaning.TAKEN_OVER]


def test_a_controller_that_forgot():
    """A controller that began anew without a word says 505 to a Notify: the gateway registers with Disconnected."""
    world = World(FIRST)
    world.has(FIRST)
    world.starts()
    world.has(FIRST)
    world.at_gateway(world.gateway.request((AUDIT,), 1.0)[1])
    assert world.seen[-1] == ControlLost(FIRST, "505: the controller does not know this gateway")
    world.runs(6.0)
    assert world.services()[1:] == [("Disconnected", 900)] and world.meanings()[-1] is Meaning.BACK


def test_out_of_service_means_silence():
    """After Forced the gateway asks for nothing."""
    world = World(FIRST)
    world.has(FIRST)
    world.starts()
    world.at_gateway(world.gateway.leave_now(1.0))
    with pytest.raises(LocalProtocolError, match="out of service"):
        world.gateway.request((AUDIT,), 2.0)


def test_too_many_pendings_is_no_loss():
    """A controller that says Pending too often is alive: the request is over, the association stands."""
    world = World(FIRST, pending_limit=0)
    world.has(FIRST)
    world.starts()
    number, _ = world.gateway.request((AUDIT,), 0.0)
    pending = encode(m.Message(2, mid(FIRST), (m.Pending(number),)), "pretty")
    assert world.gateway.receive_data(pending, FIRST, 1.0) == [TimedOut(number, "more than 0 Pendings")]
    assert world.gateway.state == mg_side.State.REGISTERED


def test_the_controller_restarts():
    """Its order of Restart on ROOT: the gateway registers anew, and what was known of it is over (§11.3)."""
    world = World(FIRST)
    alg = world.has(FIRST)
    world.starts()
    world.at_controller(FIRST, alg.restart(MID, 1.0))
    order = world.seen[-1]
    assert service_change.on_root(order.actions).method == "Restart"
    world.at_gateway(world.gateway.reply(order.id, service_change.answer(None), 1.0))
    world.at_gateway(world.gateway.restart(1.0))
    assert world.services()[1:] == [("Restart", 903)] and world.meanings() == [Meaning.BEGUN, Meaning.BEGUN]


def test_supervision():
    """A silent gateway is asked with an empty AuditValue on ROOT; without an answer it is lost (TS 29.334 §5.12)."""
    world = World(FIRST)
    alg = world.has(FIRST, audit_interval=30.0)
    world.starts().runs(30.0)
    order = world.seen[-1]
    assert order.actions == (m.Action(0, (m.Command(m.Kind.AUDIT_VALUE, ("ROOT",), (m.Audit(),)),)),)
    world.at_gateway(world.gateway.reply(order.id, DONE, 30.0))
    assert alg.next_wakeup() == 60.0 and world.meanings() == [Meaning.BEGUN]
    world.gateway.receive_data = lambda *message: []  # it hears nothing any more
    world.runs(60.0)
    number, _ = alg.request(MID, (AUDIT,), 60.5)
    world.runs(95.0)
    assert world.meanings() == [Meaning.BEGUN, Meaning.LOST] and alg.gateways == ()
    told = [event.event for event in world.heard[FIRST] if isinstance(event, Heard)]
    assert told[-1].id == number and isinstance(told[-1], TimedOut), "requests that wait are told"
    assert world.gateway.state == mg_side.State.REGISTERED and alg.next_wakeup() is None


def test_a_gateway_that_restarts():
    """Restart clears what is known, and requests that wait are given up; the gateway may speak from elsewhere now."""
    world = World(FIRST)
    alg = world.has(FIRST)
    world.starts()
    number, _ = alg.request(MID, (AUDIT,), 0.5)
    anew = Association(MID, [FIRST], first_id=500)
    (asked,) = anew.start(1.0)
    answer, *events = alg.receive_data(asked.octets, ("192.0.2.20", 40_000), 1.0)
    assert answer.to == ("192.0.2.20", 40_000)
    assert [event.meaning for event in events if isinstance(event, Changed)] == [Meaning.BEGUN]
    assert Heard(alg.gateways[0], TimedOut(number, "given up")) in events
    assert alg.gateways[0].address == ("192.0.2.20", 40_000)


# HandOff

def handed_off(**how):
    world = World(FIRST, **how)
    alg = world.has(FIRST)
    world.starts()
    return world, alg


def orders_away(world, alg, to):
    world.at_controller(FIRST, alg.hand_off(MID, mid(to), world.now))
    order = next(event for event in reversed(world.seen) if isinstance(event, RequestReceived))
    services = service_change.on_root(order.actions)
    assert (services.method, services.mgc_id) == ("HandOff", mid(to))
    world.at_gateway(world.gateway.reply(order.id, service_change.answer(None), world.now))
    world.at_gateway(world.gateway.hand_off(services.mgc_id, world.now))


@pytest.mark.parametrize("reliable", [False, True])
def test_hand_off(reliable):
    """The ordering controller names another one; the gateway registers there with HandOff 903, contexts stay."""
    world, alg = handed_off(reliable=reliable)
    world.has(SECOND)
    orders_away(world, alg, SECOND)
    assert world.services(to=SECOND) == [("HandOff", 903)] and world.gateway.controller == SECOND
    assert world.meanings(FIRST) == [Meaning.BEGUN, Meaning.HANDED_OFF]
    assert world.meanings(SECOND) == [Meaning.TAKEN_OVER]
    assert (Disconnect(FIRST, orderly=True) in world.seen) == reliable
    late = encode(m.Message(2, mid(FIRST), (m.Request(99, (AUDIT,)),)), "pretty")
    events = world.gateway.receive_data(late, FIRST, 1.0)
    assert decode(events[-1].octets, "pretty").body[0].error.code == 504


def test_while_handing_off_the_former_is_obeyed():
    """Until the new controller has accepted, requests of the former one are executed and its answers count."""
    world, alg = handed_off()
    orders_away(world, alg, SECOND)  # nobody there
    assert world.gateway.state == mg_side.State.HANDING_OFF and world.gateway.controller == FIRST
    request = encode(m.Message(2, mid(FIRST), (m.Request(99, (AUDIT,)),)), "pretty")
    assert isinstance(world.gateway.receive_data(request, FIRST, 1.0)[0], RequestReceived)
    assert world.gateway.reply(99, DONE, 1.0)[0].to == FIRST


def test_a_hand_off_that_fails():
    """The new controller does not answer: back to the former one with Disconnected."""
    world, alg = handed_off()
    orders_away(world, alg, SECOND)
    world.runs(26.0)
    assert any(isinstance(event, mg_side.HandOffFailed) for event in world.seen)
    assert world.gateway.controller == FIRST and world.meanings(FIRST)[-1] is Meaning.BACK


def test_an_order_that_is_refused():
    """The gateway answers HandOff with an error: it stays."""
    world, alg = handed_off()
    world.at_controller(FIRST, alg.hand_off(MID, "[192.0.2.11]", 0.0))
    with pytest.raises(LocalProtocolError):
        alg.hand_off(MID, "[192.0.2.11]", 0.0)
    world.at_gateway(world.gateway.reply(
        world.seen[-1].id, service_change.answer(m.ErrorDescriptor(501, "HandOff")), 0.0))
    assert alg.state(MID) == "registered" and world.meanings() == [Meaning.BEGUN]


# Leaving

def test_graceful():
    """Graceful with a delay; requests are still executed; then Forced, and requests get 503."""
    world = World(FIRST)
    alg = world.has(FIRST)
    world.starts()
    world.at_gateway(world.gateway.leave(20, 1.0))
    assert alg.state(MID) == "leaving"
    assert world.heard[FIRST][-1] == Changed(
        Meaning.LEAVING, alg.gateways[0], service_change.OUT_OF_SERVICE, 20)
    number, events = alg.request(MID, (AUDIT,), 2.0)
    world.at_controller(FIRST, events)
    assert world.seen[-1].id == number
    world.at_gateway(world.gateway.reply(number, DONE, 2.0))
    world.runs(21.0)
    assert world.services()[1:] == [("Graceful", 905), ("Forced", 905)]
    assert world.meanings()[-1] is Meaning.LEFT and isinstance(world.seen[-1], mg_side.OutOfService)
    request = encode(m.Message(2, mid(FIRST), (m.Request(99, (AUDIT,)),)), "pretty")
    (refused,) = world.gateway.receive_data(request, FIRST, 22.0)
    assert decode(refused.octets, "pretty").body[0].error.code == 503


def test_graceful_taken_back():
    """Restart with reason 918 cancels Graceful; nothing is lost, and no delay runs any more."""
    world = World(FIRST)
    alg = world.has(FIRST)
    world.starts()
    world.at_gateway(world.gateway.leave(20, 1.0))
    world.at_gateway(world.gateway.stay(2.0))
    assert world.services()[1:] == [("Graceful", 905), ("Restart", 918)]
    assert world.meanings() == [Meaning.BEGUN, Meaning.LEAVING, Meaning.STAYS]
    assert alg.state(MID) == "registered" and world.runs(50.0).gateway.state == mg_side.State.REGISTERED


def test_forced_and_back():
    """Forced at once, and a start brings the gateway back with Restart."""
    world = World(FIRST)
    world.has(FIRST)
    world.starts()
    world.at_gateway(world.gateway.leave_now(1.0))
    assert world.meanings() == [Meaning.BEGUN, Meaning.LEFT]
    world.starts()
    assert world.meanings() == [Meaning.BEGUN, Meaning.LEFT, Meaning.BEGUN]


def test_changed_packages_are_no_restart():
    """Restart with reason 916 or 917 tells of changes; contexts stay."""
    world = World(FIRST)
    alg = world.has(FIRST)
    world.starts()
    services = service_change.order(m.Method.RESTART, "916 Packages Change")
    world.at_gateway(world.gateway.request((service_change.action(services),), 1.0)[1])
    assert world.meanings() == [Meaning.BEGUN, Meaning.CHANGED] and alg.state(MID) == "registered"


# TCP

def test_a_connection_that_breaks():
    """Over TCP control is lost with the connection; it is opened again, and Disconnected goes over the new one."""
    world = World(FIRST, reliable=True)
    alg = world.has(FIRST)
    world.starts()
    assert world.seen == [Connect(FIRST), Registered(FIRST, "Restart", 2, None)]
    number, _ = world.gateway.request((AUDIT,), 1.0)
    order, _ = alg.request(MID, (AUDIT,), 1.0)
    world.at_controller(FIRST, alg.disconnected(GATEWAY, "reset"))
    world.at_gateway(world.gateway.disconnected(FIRST, "reset", 1.0))
    assert world.seen[2:] == [ControlLost(FIRST, "reset")]
    world.runs(6.0)
    assert world.services()[1:] == [("Disconnected", 900)]
    assert world.meanings() == [Meaning.BEGUN, Meaning.LOST, Meaning.BACK]
    asked = [event for event in world.seen if isinstance(event, RequestReceived)]
    assert [one.id for one in asked] == [order], "what was under way is repeated once, behind the ServiceChange"
    heard = [event.event for event in world.heard[FIRST] if isinstance(event, Heard)]
    assert [one.id for one in heard if isinstance(one, RequestReceived)] == [number]
    world.at_controller(FIRST, alg.reply(MID, number, DONE, 6.0))
    world.at_gateway(world.gateway.reply(order, DONE, 6.0))
    assert machine.ReplyReceived(number, m.Reply(number, DONE)) in world.seen
    assert world.heard[FIRST][-1].event == machine.ReplyReceived(order, m.Reply(order, DONE))
    repeated = [octets for _, _, octets in world.wire if b"AuditValue" in octets and b"Transaction" in octets]
    assert len(repeated) == 2


def test_requests_that_wait_for_a_connection():
    """If another controller takes over they are given up, and so they are when they waited too long."""
    world = World(FIRST, SECOND, reliable=True)
    world.has(FIRST)
    world.starts()
    number, _ = world.gateway.request((AUDIT,), 1.0)
    world.down = {FIRST}
    world.has(SECOND)
    world.at_gateway(world.gateway.disconnected(FIRST, "reset", 1.0))
    world.runs(7.0)
    assert world.gateway.controller == SECOND and TimedOut(number, "given up") in world.seen
    world = World(FIRST, reliable=True)
    alg = world.has(FIRST)
    world.starts()
    number, _ = world.gateway.request((AUDIT,), 0.5)
    order, _ = alg.request(MID, (AUDIT,), 0.5)
    world.at_controller(FIRST, alg.disconnected(GATEWAY, "reset"))
    del world.controllers[FIRST]
    world.at_gateway(world.gateway.disconnected(FIRST, "reset", 1.0))
    world.runs(26.0)
    world.at_controller(FIRST, alg.wake(26.0))
    told = [event.event for event in world.heard[FIRST] if isinstance(event, Heard)]
    assert TimedOut(number) in world.seen and TimedOut(order) in told
    assert world.meanings() == [Meaning.BEGUN, Meaning.LOST]


def test_a_connection_that_can_not_be_opened():
    """The next controller is tried at once; when none is left, after a pause."""
    world = World(FIRST, SECOND, reliable=True)
    world.starts()
    assert world.seen == [Connect(FIRST), Connect(SECOND)] and world.gateway.next_wakeup() == 5.0
    world.has(SECOND)
    world.runs(5.0)
    assert world.gateway.controller == SECOND


# Tables

def test_every_transition_of_the_gateway():
    """Each pair of the table is driven through the machine; each other pair leaves the state as it was."""
    for state, stimulus in itertools.product(mg_side.State, mg_side.Stimulus):
        gateway = Association(MID, [FIRST, SECOND], waiting_delay=1.0, reliable=True)
        _brought_to(gateway, state)
        assert gateway.state is state
        gateway._named = THIRD
        gateway._delay = 3
        events = gateway._step(stimulus, 50.0)
        expected = mg_side.TRANSITIONS.get((state, stimulus))
        if expected is None:
            assert gateway.state is state and events == [], (state, stimulus)
        elif expected[1] is mg_side.Effect.NEXT:
            assert gateway.state is mg_side.State.CONNECTING, "the second controller is tried without a pause"
        elif expected[1] is mg_side.Effect.RETURN:
            assert gateway.state is mg_side.State.REGISTERING, "the former connection stands"
        else:
            assert gateway.state is expected[0], (state, stimulus)


def _brought_to(gateway, state):
    states = mg_side.State
    if state is states.IDLE:
        return
    gateway.start(0.0)
    if state is states.WAITING:
        return
    gateway.wake(1.0)
    if state is states.CONNECTING:
        return
    gateway.connected(FIRST, 1.0)
    if state is states.REGISTERING:
        return
    reply = m.Reply(1, service_change.answer(m.Services(version=2)))
    gateway.receive_data(encode(m.Message(2, mid(FIRST), (reply,)), "pretty"), FIRST, 1.0)
    if state is states.HANDING_OFF:
        gateway.hand_off(mid(SECOND), 2.0)
        gateway.connected(SECOND, 2.0)
    elif state is states.LEAVING:
        gateway.leave(1000, 2.0)
    elif state is states.OUT_OF_SERVICE:
        gateway.leave_now(2.0)


def test_every_state_of_the_gateway_has_a_way_out_and_effects_are_known():
    """No state is a trap, every effect is used and has its code."""
    assert {state for state, _ in mg_side.TRANSITIONS} == set(mg_side.State)
    assert {effect for _, effect in mg_side.TRANSITIONS.values()} == set(mg_side.Effect) == set(Association._effects)


@pytest.mark.parametrize(("state", "stimulus"), list(itertools.product(mgc_side.State, mgc_side.Stimulus)))
def test_every_transition_of_the_controller(state, stimulus):
    """Each pair gives the state of the table and its meaning; each other pair changes nothing."""
    alg = Supervision(mid(FIRST))
    Association(MID, [FIRST])
    alg.receive_data(Association(MID, [FIRST]).start(0.0)[0].octets, GATEWAY, 0.0)
    peer = alg._peers[MID]
    peer.state = state
    events = alg._step(peer, stimulus, "why")
    expected = mgc_side.TRANSITIONS.get((state, stimulus), (state, Meaning.NOTHING))
    assert peer.state is expected[0]
    assert [event.meaning for event in events] == ([] if expected[1] is Meaning.NOTHING else [expected[1]])


def test_a_service_change_that_does_not_fit_the_state():
    """Graceful from a gateway that never registered: 505. Without Method: 472; an extension: 501."""
    alg = Supervision(mid(FIRST))
    codes = []
    for number, services in enumerate((
            service_change.order("Graceful", "905"), service_change.order("X-Foo", "901"),
            m.Services(reason="901")), 1):
        request = m.Request(number, (service_change.action(services),))
        (answer,) = alg.receive_data(encode(m.Message(2, MID, (request,)), "pretty"), GATEWAY, 0.0)
        codes.append(service_change.error_of(decode(answer.octets, "pretty").body[0]).code)
    assert codes == [505, 501, 472] and alg.state(MID) == "unknown"


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_controller_that_was_started_again_finds_its_gateway(version):
    """It asks; a gateway that obeys it answers, is registered from then on, in its version, and is to be audited."""
    alg = Supervision(mid(FIRST), versions=(1, 3))
    (asked,) = alg.look_for(GATEWAY, 0.0)
    request = decode(asked.octets, "pretty")
    assert asked.to == GATEWAY and request.version == 1 and alg.gateways == ()
    reply = m.Reply(request.body[0].id, (m.ActionReply(m.NULL, (m.CommandReply(m.Kind.AUDIT_VALUE, (m.ROOT,)),)),))
    events = alg.receive_data(encode(m.Message(version, MID, (reply,)), "pretty"), GATEWAY, 1.0)
    assert [event.meaning for event in events if isinstance(event, Changed)] == [Meaning.TAKEN_OVER]
    assert alg.gateways[0].mid == MID and alg.transactions(MID).version == version
    assert alg.look_for(GATEWAY, 2.0) == []


def test_a_gateway_that_is_looked_for_registers_by_itself():
    """One that obeys nobody refuses with 505; whether it is there or not, its registration is taken as ever."""
    alg = Supervision(mid(FIRST), max_gateways=1)
    (asked,) = alg.look_for(GATEWAY, 0.0)
    number = decode(asked.octets, "pretty").body[0].id
    refusal = m.Reply(number, error=m.ErrorDescriptor(505, "not yet"))
    assert alg.receive_data(encode(m.Message(2, MID, (refusal,)), "pretty"), GATEWAY, 1.0) == []
    assert alg.gateways == ()
    events = alg.receive_data(Association(MID, [FIRST]).start(0.0)[0].octets, GATEWAY, 2.0)
    assert [event.meaning for event in events if isinstance(event, Changed)] == [Meaning.BEGUN]
    silent = Supervision(mid(FIRST), max_gateways=1)
    silent.look_for(GATEWAY, 0.0)
    while (moment := silent.next_wakeup()) is not None:
        silent.wake(moment)
    assert silent.gateways == ()
    assert silent.receive_data(Association(MID, [FIRST]).start(0.0)[0].octets, GATEWAY, 99.0)
    assert len(silent.gateways) == 1


# Hostile peers

def test_many_gateways_that_never_were():
    """Message identifiers without end: the books stay bounded, and those that are registered stay in them."""
    alg = Supervision(mid(FIRST), max_gateways=20)
    alg.receive_data(Association(MID, [FIRST]).start(0.0)[0].octets, GATEWAY, 0.0)
    for number in range(500):
        request = encode(m.Message(2, f"gw{number}", (m.Request(1, (AUDIT,)),)), "pretty")
        alg.receive_data(request, (f"10.0.{number >> 8}.{number & 255}", 2944), 1.0 + number)
    assert len(alg._peers) == 20 and len(alg._sources) <= 80 and alg.state(MID) == "registered"
    for port in range(100):
        notify = encode(m.Message(2, MID, (m.Pending(1),)), "pretty")
        alg.receive_data(notify, ("192.0.2.20", 3000 + port), 600.0)
    assert len(alg._sources) <= 80


def test_the_gateway_forgets_controllers_that_it_left():
    """Redirections to ever new addresses do not pile up."""
    gateway = Association(MID, [FIRST])
    gateway.start(0.0)
    for number in range(1, 200):
        for peer in list(gateway._peers.values()):
            if peer.registration is not None:
                reply = m.Reply(peer.registration, service_change.answer(m.Services(mgc_id=f"[10.0.0.{number}]:2944")))
                gateway.receive_data(encode(m.Message(2, "x", (reply,)), "pretty"), peer.controller, float(number))
                gateway.wake(float(number))
    assert len(gateway._peers) <= 3


def test_garbage_is_never_answered_into_a_loop():
    """Unreadable messages of strangers make no gateway and no noise."""
    alg = Supervision(mid(FIRST))
    for data in (b"", b"x", b"MEGACO/2 ", b"\x00" * 100):
        assert alg.receive_data(data, GATEWAY, 0.0) == []
    assert alg._peers == {} and Transactions("x").receive_data(b"", 0.0) != []
