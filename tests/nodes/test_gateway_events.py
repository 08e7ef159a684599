"""Events and signals over their whole life, with signals that only take time (cg tones of the test profile).

Source: H.248.1 §7.1.9 (Events), §7.1.10 (EventBuffer), §7.1.11 (Signals), §7.1.14 (DigitMap); Annex E.1.2 (g/sc).
"""

from __future__ import annotations

import pytest
from agw_stage import PEER, UE, A, C, Peer, add, given, local, remote, stream
from gateway_stage import PASSIVE, Full, codes, command

from workbench.net.values import Endpoint, OpenStream, Stream, StreamEnded
from workbench.nodes.gateway.settings import Limits
from workbench.protocols.h248 import message as h248

T1 = "ip/1/access/1"


def with_events(*descriptors: str, **settings: object) -> tuple[Full, Endpoint]:
    """One termination with these descriptors, and where it listens."""
    stage = Full(**settings)
    reply = stage.orders(add("access", stream(PASSIVE, realm=A), *descriptors))
    return stage, given(reply)


def modify(stage: Full, *descriptors: str) -> h248.Reply:
    return stage.orders(f"Context = 1 {{ Modify = {T1} {{ {', '.join(descriptors)} }} }}")


def connects(stage: Full, where: Endpoint) -> Peer:
    return Peer(stage, Stream(where, UE)).connects().up()


def completions(stage: Full) -> list[dict[str, str]]:
    return [{item.name: item.value for item in one.events[0].parameters}
            for one in stage.heard() if one.events[0].name == "g/sc"]


def active(stage: Full) -> list[str]:
    found = stage.value("Signals", T1)
    assert isinstance(found, h248.Signals | h248.Token)
    return [item.name if isinstance(item, h248.Signal) else f"list {item.id}"
            for item in getattr(found, "items", ())]


# Events

def test_a_notify_carries_the_id_that_armed_it():
    """A new Events descriptor replaces the old one whole, and its id."""
    stage, where = with_events("Events = 7 { tcpbcc/BNCChange { Type = Est }, g/cause }")
    modify(stage, "Events = 8 { tcpbcc/BNCChange { Type = Est } }")
    ue = connects(stage, where)
    assert stage.events() == [(8, "tcpbcc/BNCChange")]
    ue.sees(StreamEnded(ue.stream))  # g/cause is not armed any more
    assert stage.events() == []


def test_an_event_for_another_stream_is_not_told():
    """The Stream parameter names the only stream that the event is for."""
    stage = Full()
    media = "Media { " + ", ".join(
        f'Stream = {number} {{ LocalControl {{ Mode = SendReceive, ipdc/realm = "{A}" }}, {PASSIVE} }}'
        for number in (1, 2)) + " }"
    reply = stage.orders(add("access", media, "Events = 7 { tcpbcc/BNCChange { Stream = 2, Type = Est } }"))
    streams = command(reply).descriptor(h248.Media).streams
    first, second = (Endpoint("198.51.100.20", one.local[0].media[0].port) for one in streams)
    Peer(stage, Stream(first, UE)).connects().up()
    assert stage.events() == []
    Peer(stage, Stream(second, UE)).connects().up()
    (seen,) = stage.heard()
    assert (seen.request_id, seen.events[0].stream) == (7, 2)


def test_an_embedded_descriptor_takes_over():
    """When the event is seen, embedded Events and Signals replace the others at once (§7.1.9)."""
    stage, where = with_events(
        "Events = 7 { tcpbcc/BNCChange { Type = Est, Embed { Signals { cg/rt }, Events = 8 { g/cause } } } }")
    ue = connects(stage, where)
    assert stage.events() == [(7, "tcpbcc/BNCChange")]
    assert active(stage) == ["cg/rt"]
    assert stage.value("Events", T1).request_id == 8
    ue.sees(StreamEnded(ue.stream))
    assert stage.events() == [(8, "g/cause")]


def test_embedded_signals_leave_the_events_as_they_are():
    """Without embedded Events the descriptor in force goes on."""
    stage, where = with_events("Events = 7 { tcpbcc/BNCChange { Type = Est, Embed { Signals { cg/dt } } }, g/cause }")
    ue = connects(stage, where)
    assert (stage.events(), active(stage)) == ([(7, "tcpbcc/BNCChange")], ["cg/dt"])
    ue.sees(StreamEnded(ue.stream))
    assert (stage.events(), active(stage)) == ([(7, "g/cause")], [])


def test_reset_events_descriptor():
    """Version 3: the descriptor that the controller sent is in force again."""
    stage, where = with_events(
        "Events = 7 { tcpbcc/BNCChange { Type = Est, Embed { Events = 8 { g/cause { ResetEventsDescriptor } } } } }")
    ue = connects(stage, where)
    ue.sees(StreamEnded(ue.stream))
    assert stage.events() == [(7, "tcpbcc/BNCChange"), (8, "g/cause")]
    assert stage.value("Events", T1).request_id == 7


@pytest.mark.parametrize(("behaviour", "told"), [("ImmediateNotify", True), ("NeverNotify", False)])
def test_notify_behaviour(behaviour, told):
    """Version 3: what is never notified still does what is embedded."""
    stage, where = with_events(
        f"Events = 7 {{ tcpbcc/BNCChange {{ Type = Est, {behaviour}, Embed {{ Signals {{ cg/rt }} }} }} }}")
    connects(stage, where)
    assert stage.events() == ([(7, "tcpbcc/BNCChange")] if told else [])
    assert active(stage) == ["cg/rt"]


def test_regulated_notify():
    """With RegulatedNotify everything is told as long as the gateway need not regulate (100 %)."""
    stage, where = with_events("Events = 7 { tcpbcc/BNCChange { Type = Est, RegulatedNotify } }")
    connects(stage, where)
    assert stage.events() == [(7, "tcpbcc/BNCChange")]


def test_what_is_regulated_away_still_has_its_effect():
    """Where the gateway tells half of them only, the others do what is embedded behind RegulatedNotify instead."""
    stage, where = with_events(
        "Events = 7 { tcpbcc/BNCChange { Type = Est, RegulatedNotify { Embed { Signals { cg/rt } } } } }")
    stage.node._control.watcher._regulation = 50
    connects(stage, where)
    assert (stage.events(), active(stage)) == ([], ["cg/rt"])


def test_an_embedded_signal_does_not_start_itself_for_ever():
    """A signal whose end is the event that starts it again: the gateway goes on living."""
    stage, _ = with_events(
        "Events = 7 { g/sc { Embed { Signals { ipnapt/latch { Stream = 1, NotifyCompletion = { TimeOut } } } } } }",
        "Signals { ipnapt/latch { Stream = 1, NotifyCompletion = { TimeOut } } }")
    assert 1 <= len(stage.events()) < 20
    assert codes(stage.orders("Context = - { AuditValue = ROOT { Audit { } } }")) == []


# EventBuffer

LOCK = "Media { TerminationState { Buffer = LockStep } }"


def test_lock_step():
    """LockStep: after a notification nothing is told until there is a new Events descriptor; then the queue goes on."""
    stage, where = with_events()
    modify(stage, LOCK, "EventBuffer { tcpbcc/BNCChange { Type = Est }, g/cause }",
           "Events = 7 { tcpbcc/BNCChange { Type = Est } }")
    ue = connects(stage, where)
    assert stage.events() == [(7, "tcpbcc/BNCChange")]
    ue.sees(StreamEnded(ue.stream))
    assert stage.events() == []
    assert [one.name for one in stage.value("ObservedEvents", T1).events] == ["g/cause"]
    assert [one.name for one in stage.value("EventBuffer", T1).events] == ["tcpbcc/BNCChange", "g/cause"]
    modify(stage, "Events = 8 { g/cause }")
    assert stage.events() == [(8, "g/cause")]
    assert stage.value("ObservedEvents", T1) == h248.Token("ObservedEvents") or not stage.value(
        "ObservedEvents", T1).events


def test_events_in_the_queue_that_nobody_armed_are_passed_over():
    """The head of the queue is matched against the Events descriptor; what does not match is gone."""
    stage, where = with_events()
    modify(stage, LOCK, "EventBuffer { tcpbcc/BNCChange { Type = Est }, g/cause }", "Events = 7 { g/cause }")
    ue = connects(stage, where)
    ue.sees(StreamEnded(ue.stream))
    assert stage.events() == [(7, "g/cause")]


def test_a_full_event_buffer_is_told():
    """518 with the next notification: events were lost."""
    stage, where = with_events(limits=Limits(buffered_events=1))
    modify(stage, LOCK, "EventBuffer { g/sc }", "Events = 7 { tcpbcc/BNCChange { Type = Est } }")
    connects(stage, where)
    stage.events()
    for tone in ("cg/dt", "cg/rt", "cg/bt"):
        modify(stage, f"Signals {{ {tone} {{ SignalType = OnOff, NotifyCompletion = {{ IntBySigDescr }} }} }}")
    modify(stage, "Events = 8 { g/sc }")
    assert stage.events() == [(8, "g/sc")]
    assert stage.notify.descriptor(h248.ErrorDescriptor).code == 518


# Signals

def test_on_off_plays_until_it_is_stopped():
    """OnOff: until a Signals descriptor without it; a bare one stops all."""
    stage, _ = with_events("Signals { cg/dt { SignalType = OnOff } }")
    stage.later(10_000.0)
    assert active(stage) == ["cg/dt"]
    modify(stage, "Signals")
    assert active(stage) == []


def test_time_out_with_a_duration():
    """TimeOut: for Duration, in units of 10 ms."""
    stage, _ = with_events("Signals { cg/dt { SignalType = TimeOut, Duration = 250 } }")
    stage.later(2.4)
    assert active(stage) == ["cg/dt"]
    stage.later(0.2)
    assert active(stage) == []


def test_time_out_without_a_duration():
    """The profile says how long a signal lasts by itself."""
    stage, _ = with_events("Signals { cg/rt }")
    stage.later(2.9)
    assert active(stage) == ["cg/rt"]
    stage.later(0.2)
    assert active(stage) == []


def test_a_brief_signal_is_over_by_itself():
    """Brief: it stops on its own."""
    stage, _ = with_events("Signals { cg/dt { SignalType = Brief } }")
    stage.later(0.02)
    assert active(stage) == []


def test_a_list_is_played_one_after_the_other():
    """SignalList: sequential; SLID says which list completed, RID which request."""
    stage, _ = with_events(
        "Events = 5 { g/sc { KeepActive } }",
        "Signals { SignalList = 3 { cg/dt { Duration = 100 }, "
        "cg/bt { Duration = 100, NotifyCompletion = { TimeOut }, SPARequestID = 77 } }, cg/ct }")
    assert active(stage) == ["list 3", "cg/ct"]
    stage.later(1.5)
    (played,) = [item for item in stage.value("Signals", T1).items if isinstance(item, h248.SignalList)]
    assert [signal.name for signal in played.signals] == ["cg/bt"]
    stage.later(0.6)
    assert completions(stage) == [{"SigID": "cg/bt", "Meth": "TO", "SLID": "3", "RID": "77"}]
    assert active(stage) == ["cg/ct"]


def test_a_pause_between_signals():
    """Version 3: Intersignal puts a pause in front of the next one of a list."""
    stage, _ = with_events("Signals { SignalList = 3 { cg/dt { Duration = 100 }, "
                           "cg/bt { Duration = 100, Intersignal = 50 } } }")
    stage.later(2.4)
    assert active(stage) == ["list 3"]
    stage.later(0.2)
    assert active(stage) == []


def test_the_same_signal_again():
    """A new Signals descriptor starts it anew; with KeepActive it goes on as it was (§7.1.11)."""
    for keep, left in (("", True), ("KeepActive, ", False)):
        stage, _ = with_events("Signals { cg/dt { Duration = 100 } }")
        stage.later(0.9)
        modify(stage, f"Signals {{ cg/dt {{ {keep}Duration = 100 }} }}")
        stage.later(0.2)
        assert bool(active(stage)) is left


COMPLETION = "NotifyCompletion = { TimeOut, IntByEvent, IntBySigDescr, OtherReason }"


def test_how_a_signal_ended():
    """g/sc with Meth: by itself, by a new descriptor, by an event, for another reason."""
    stage, where = with_events(
        "Events = 5 { g/sc { KeepActive }, tcpbcc/BNCChange { Type = Est } }",
        f"Signals {{ cg/dt {{ Duration = 100, {COMPLETION} }} }}")
    stage.later(1.1)
    assert completions(stage) == [{"SigID": "cg/dt", "Meth": "TO"}]
    modify(stage, f"Signals {{ cg/bt {{ SignalType = OnOff, {COMPLETION} }} }}")
    modify(stage, f"Signals {{ cg/dt {{ SignalType = OnOff, {COMPLETION} }} }}")
    assert completions(stage) == [{"SigID": "cg/bt", "Meth": "SD"}]
    connects(stage, where)
    assert completions(stage) == [{"SigID": "cg/dt", "Meth": "EV"}]
    modify(stage, f"Signals {{ cg/ct {{ SignalType = OnOff, {COMPLETION} }} }}")
    stage.orders(f"Context = 1 {{ ServiceChange = {T1} {{ Services {{ Method = Forced, Reason = 905 }} }} }}")
    assert completions(stage) == [{"SigID": "cg/ct", "Meth": "NC"}]


def test_only_what_was_asked_for_is_told():
    """Without a matching NotifyCompletion there is no g/sc."""
    stage, _ = with_events(
        "Events = 5 { g/sc }", "Signals { cg/dt { Duration = 100, NotifyCompletion = { IntByEvent } } }")
    stage.later(2.0)
    assert stage.events() == []


@pytest.mark.parametrize(("event", "signal", "goes_on"), [
    ("", "", False), (", KeepActive", "", True), ("", ", KeepActive", True)])
def test_an_event_stops_signals_unless_they_are_kept(event, signal, goes_on):
    """A detected event ends the signals, unless KeepActive stands at the event or at the signal."""
    stage, where = with_events(
        f"Events = 5 {{ tcpbcc/BNCChange {{ Type = Est{event} }} }}",
        f"Signals {{ cg/dt {{ SignalType = OnOff{signal} }} }}")
    connects(stage, where)
    assert stage.events() == [(5, "tcpbcc/BNCChange")]
    assert bool(active(stage)) is goes_on


def test_a_signal_that_orders_something_is_over_with_it():
    """EstBNC opens, completes at once, and is not active afterwards."""
    stage = Full()
    where = given(stage.orders(add(
        "core", stream(local("TCP", "active"), remote("TCP", "passive", PEER), realm=C), "Events = 5 { g/sc }",
        "Signals { tcpbcc/EstBNC { Stream = 1, NotifyCompletion = { TimeOut } } }")))
    assert completions(stage) == [{"SigID": "tcpbcc/EstBNC", "Meth": "TO"}]
    stage.does(OpenStream(Stream(where, PEER)))
    assert stage.value("Signals", "ip/1/core/1") == h248.Token("Signals") or not stage.value(
        "Signals", "ip/1/core/1").items


def test_an_embedded_establish_signal():
    """What is embedded may order something too: a connection that comes in opens another stream's."""
    stage = Full()
    media = ("Media { " + f'Stream = 1 {{ LocalControl {{ Mode = SendReceive, ipdc/realm = "{A}" }}, {PASSIVE} }}, '
             f"Stream = 2 {{ LocalControl {{ Mode = SendReceive }}, {local('TCP', 'active')}, "
             f"{remote('TCP', 'passive', PEER)} }} }}")
    reply = stage.orders(add("access", media, "Events = 5 { tcpbcc/BNCChange { Stream = 1, Type = Est, "
                             "Embed { Signals { tcpbcc/EstBNC { Stream = 2 } } } } }"))
    first, second = (Endpoint("198.51.100.20", one.local[0].media[0].port)
                     for one in command(reply).descriptor(h248.Media).streams)
    Peer(stage, Stream(first, UE)).connects().up()
    assert stage.events() == [(5, "tcpbcc/BNCChange")]
    stage.does(OpenStream(Stream(second, PEER)))


# Digit maps

def test_digit_maps():
    """A digit map is kept under its name, told in audits, and referred to by events."""
    stage, _ = with_events("DigitMap = plan { (0[1-9]x.) }")
    assert stage.value("DigitMap = plan", T1).pattern is not None
    assert codes(modify(stage, "Events = 5 { g/cause { DigitMap = plan } }")) == []
    assert codes(modify(stage, "Events = 5 { g/cause { DigitMap = other } }")) == [520]


# Iq has no place for some of it

@pytest.mark.parametrize(("descriptor", "code"), [
    ("DigitMap = plan { (0x.) }", 444), ("EventBuffer { g/cause }", 444), (LOCK, 501), ("Statistics { nt/os }", 447),
    ("Events = 1 { g/cause { Embed { Signals { } } } }", 501), ("Events = 1 { g/cause { DigitMap = plan } }", 444),
    ("Signals { cg/dt }", 440), ("Media { TerminationState { ServiceStates = OutOfService } }", 501)])
def test_what_iq_does_not_use(descriptor, code):
    """The profile is data: what Iq does not use is refused there, although the engine could (TS 29.334 §5.7)."""
    stage, _ = with_events(profile_file=None)
    assert codes(modify(stage, descriptor)) == [code]
