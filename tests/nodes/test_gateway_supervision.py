"""Supervision, service states, filters, statistics, audits of everything, and what a profile says.

Source: H.248.36 (hanging terminations), H.248.40 (inactivity), H.248.41 (realms), H.248.43 (filters), H.248.1 §7.2.
"""

from __future__ import annotations

import pytest
from agw_stage import ACCESS, CORE, EVENTS, UE, A, C, Peer, Stage, add, error, given, local, plain_up, remote, stream
from gateway_stage import FULL, PASSIVE, Full, codes, command

from workbench.errors import ScenarioError
from workbench.net.values import (
    AbortStream,
    Drop,
    Endpoint,
    Note,
    OpenStream,
    RefuseStream,
    Stream,
    StreamOffered,
    Unlisten,
)
from workbench.nodes.gateway import profiles
from workbench.nodes.gateway.addresses import Addresses
from workbench.nodes.gateway.contexts import Shared
from workbench.nodes.gateway.names import BinaryNames
from workbench.nodes.gateway.settings import Limits, Refused
from workbench.nodes.ims_agw import iq_profile
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248.message import Form
from workbench.protocols.h248.packages import registry

T1 = "ip/1/access/1"


# Hanging terminations

@pytest.mark.parametrize(("code", "released"), [
    ("410", True), ("411", True), ("430", True), ("435", True), ("500", False)])
def test_a_termination_that_the_controller_does_not_know(code, released):
    """A heartbeat answered with 410, 411, 430 or 435: the termination hangs and is released (H.248.36 §7)."""
    stage = Stage()
    where = given(stage.orders(add("access", stream(PASSIVE, realm=A), "Events = 1 { hangterm/thb { timerx = 60 } }")))
    stage.later(60.1)
    stage.confirms(stage.hears(), error=code)
    found = error(stage.orders("Context = 1 { AuditValue = * { Audit { } } }"))
    assert found == ((411, "unknown ContextID") if released else None)
    assert (Unlisten(where) in stage.all) is released


def test_only_a_heartbeat_proves_that():
    """430 for another event says nothing of the kind."""
    stage = Stage()
    where = given(stage.orders(add(
        "access", stream(PASSIVE, realm=A), "Events = 1 { tcpbcc/BNCChange { Type = Est } }")))
    Peer(stage, Stream(where, UE)).connects().up()
    stage.confirms(stage.hears(), error="430")
    assert error(stage.orders("Context = 1 { AuditValue = * { Audit { } } }")) is None


# Inactivity

@pytest.mark.parametrize(("direction", "kept_awake_by"), [
    ("IN", "ue"), ("OUT", "peer"), ("BOTH", "ue"), ("BOTH", "peer")])
def test_no_payload_for_a_while(direction, kept_awake_by):
    """adid/ipstop: nothing in that direction for `dt` seconds is told once; payload puts it off."""
    stage = Stage()
    ends = dict(zip(("ue", "peer"), plain_up(stage), strict=True))
    stage.orders(f"Context = 1 {{ Modify = {T1} {{ Events = 9 {{ adid/ipstop {{ dt = 10, dir = {direction} }} }} }} }}")
    for _ in range(3):
        stage.later(8.0)
        ends[kept_awake_by].sends(b"x")
        for end in ends.values():
            end.reads()
    stage.later(9.9).does_nothing().later(0.2)
    assert stage.notified() == (T1, "adid/ipstop", {})
    stage.later(100.0).does_nothing()
    ends[kept_awake_by].sends(b"x")
    for end in ends.values():
        end.reads()
    stage.later(10.1)
    assert stage.notified() == (T1, "adid/ipstop", {})


def test_the_other_direction_does_not_count():
    """dir = IN does not care for what goes out."""
    stage = Stage()
    ue, peer = plain_up(stage)
    stage.orders(f"Context = 1 {{ Modify = {T1} {{ Events = 9 {{ adid/ipstop {{ dt = 10, dir = IN }} }} }} }}")
    stage.later(8.0)
    peer.sends(b"x")
    ue.reads()
    stage.later(2.1)
    assert stage.notified() == (T1, "adid/ipstop", {})


# Addresses

def test_the_source_is_told_where_it_is_another():
    """adr/rsac: a latched endpoint's peer is not where Remote says."""
    stage = Stage()
    where = given(stage.orders(add(
        "access", stream(PASSIVE, remote("TCP", "active", UE), realm=A), "Events = 9 { adr/rsac }",
        "Signals { ipnapt/latch { Stream = 1, napt = LATCH } }")))
    Peer(stage, Stream(where, Endpoint("192.0.2.200", 7777))).connects().up()
    assert stage.notified() == (T1, "adr/rsac", {"nrsa": "[192.0.2.200]", "nrsp": "7777"})


GATES = {  # LocalControl, source, whether it is let in
    "address of Remote": ("gm/saf = ON", UE, True),
    "another address": ("gm/saf = ON", Endpoint("10.9.9.9", UE.port), False),
    "in the network": ('gm/saf = ON, gm/sam = "10.20.0.0/16"', Endpoint(UE.host, 9), True),
    "not in the network": ('gm/saf = ON, gm/sam = "10.21.0.0/16"', UE, False),
    "network without the switch": ('gm/saf = OFF, gm/sam = "10.21.0.0/16"', UE, True),
    "port of Remote": ("gm/spf = ON", UE, True),
    "another port": ("gm/spf = ON", Endpoint(UE.host, UE.port + 1), False),
    "in the range": ("gm/spf = ON, gm/spr = [2800:2900]", Endpoint(UE.host, 2801), True),
    "not in the range": ("gm/spf = ON, gm/spr = [2800:2900]", Endpoint(UE.host, 2901), False),
    "one port": ('gm/spf = ON, gm/spr = "2801"', Endpoint(UE.host, 2802), False),
}


@pytest.mark.parametrize("what", GATES)
def test_source_filters(what):
    """gm/saf, sam, spf, spr decide on connections that come in (H.248.43)."""
    properties, source, let_in = GATES[what]
    stage = Stage()
    media = (f'Media {{ Stream = 1 {{ LocalControl {{ Mode = SendReceive, ipdc/realm = "{A}", {properties} }}, '
             f"{PASSIVE}, {remote('TCP', 'active', UE)} }} }}")
    where = given(stage.orders(add("access", media)))
    offered = StreamOffered(Stream(where, source))
    if let_in:
        Peer(stage, offered.stream).connects()
    else:
        stage.sees(offered).does(RefuseStream(offered.stream), Drop)


def test_a_filter_also_holds_for_a_latched_endpoint():
    """Latching takes any source that the filter lets in, and no other."""
    stage = Stage()
    media = (f'Media {{ Stream = 1 {{ LocalControl {{ Mode = SendReceive, ipdc/realm = "{A}", gm/saf = ON, '
             f'gm/sam = "10.20.0.0/16" }}, {PASSIVE}, {remote("TCP", "active", UE)} }} }}')
    where = given(stage.orders(add("access", media, "Signals { ipnapt/latch { Stream = 1 } }")))
    stranger = Stream(where, Endpoint("10.99.0.1", 4))
    stage.sees(StreamOffered(stranger)).does(RefuseStream(stranger), Drop)
    Peer(stage, Stream(where, Endpoint("10.20.7.7", 4))).connects()


@pytest.mark.parametrize("value", [
    'gm/sam = "moon"', 'gm/spr = "2:1"', "gm/spr = x", "gm/saf = MAYBE", "rtcph/rsb = ON"])
def test_filters_that_can_not_be(value):
    """A value that makes no sense is refused: 449, or 473 for RTCP beside TCP."""
    stage = Stage()
    control = f'LocalControl {{ ipdc/realm = "{A}", {value} }}'
    reply = stage.orders(add("access", f"Media {{ Stream = 1 {{ {control}, {PASSIVE} }} }}"))
    assert codes(reply) == [473 if "rsb" in value else 449]


def test_several_addresses_in_a_realm():
    """When the ports of one address are used up, the next one's are given."""
    stage = Stage(addresses={A: [ACCESS, "198.51.100.30"], C: CORE}, ports=(40_000, 40_003), port_step=1)
    found = [given(stage.orders(add("access", stream(PASSIVE, realm=A)))) for _ in range(8)]
    assert len(set(found)) == 8
    assert {one.host for one in found} == {ACCESS, "198.51.100.30"}
    assert error(stage.orders(add("access", stream(PASSIVE, realm=A)))) == (510, f"no free port at {ACCESS}")


def test_a_realm_with_both_ip_versions():
    """Local says which one; the gateway's address of that version is given."""
    stage = Stage(addresses={A: [ACCESS, "2001:db8::20"], C: CORE})
    six = PASSIVE.replace("c=IN IP4 $", "c=IN IP6 $")
    assert given(stage.orders(add("access", stream(six, realm=A)))).host == "2001:db8::20"
    assert given(stage.orders(add("access", stream(PASSIVE, realm=A)))).host == ACCESS


def test_fifty_thousand_ports():
    """Each port is given once; those that came back are given again; a port asked for by name is not given twice."""
    addresses = Addresses({"access": ACCESS}, (10_000, 60_000), step=1)
    one = addresses.endpoint(Endpoint("", 12_345), "access", 4)
    given_ = [addresses.endpoint(Endpoint("", 0), "access", 4).port for _ in range(50_000)]
    assert len({*given_, one.port}) == 50_001
    with pytest.raises(Refused):
        addresses.endpoint(Endpoint("", 0), "access", 4)
    for port in (20_000, 30_000):
        addresses.give_back(Endpoint(ACCESS, port))
    assert {addresses.endpoint(Endpoint("", 0), "access", 4).port for _ in range(2)} == {20_000, 30_000}
    with pytest.raises(Refused):
        addresses.endpoint(Endpoint("", 0), "access", 4)


def test_a_port_claimed_again_and_again_leaves_nothing_behind():
    """A controller that takes and leaves one port by name makes the pool hold nothing."""
    addresses = Addresses({"access": ACCESS}, (40_000, 40_010))
    for _ in range(20):
        addresses.endpoint(Endpoint("", 0), "access", 4) if _ < 3 else None
    for _ in range(1_000):
        addresses.give_back(Endpoint(ACCESS, 40_000))
        addresses.endpoint(Endpoint("", 40_000), "access", 4)
    assert len(addresses._by_host[ACCESS]._back) <= 6


# Realms and ROOT

def test_a_realm_that_goes_is_told():
    """ipra/arc with what is no longer available, and ipra/ar without it; Adds there are refused (H.248.41)."""
    stage = Full()
    stage.orders("Context = - { Modify = ROOT { Events = 3 { ipra/arc } } }")
    stage.open += stage.node.realm_available(C, False, stage.now)
    (seen,) = stage.heard()
    assert (seen.request_id, seen.events[0].name) == (3, "ipra/arc")
    assert [(one.name, one.values) for one in seen.events[0].parameters] == [("nur", (C,))]
    audit = "Context = - { AuditValue = ROOT { Audit { Media { TerminationState { ipra/ar } } } } }"
    assert command(stage.orders(audit)).descriptor(h248.Media).termination_state.property("ipra/ar").values == (A,)
    assert codes(stage.orders(add("core", stream(PASSIVE, realm=C)))) == [510]
    stage.open += stage.node.realm_available(C, True, stage.now)
    (seen,) = stage.heard()
    assert [(one.name, one.values) for one in seen.events[0].parameters] == [("nar", (C,))]
    assert codes(stage.orders(add("core", stream(PASSIVE, realm=C)))) == []


def test_properties_of_root():
    """What can be written is kept and told; what cannot is 534."""
    stage = Full()
    stage.orders("Context = - { Modify = ROOT { Media { TerminationState { root/normalMGExecutionTime = 700, "
                 "root/MGOriginatedPendingLimit = 3 } } } }")
    (answer,) = stage.orders("Context = - { AuditValue = ROOT { Audit { Media } } }").actions[0].commands
    state = answer.descriptor(h248.Media).termination_state
    assert {item.name: item.value for item in state.properties if item.form is Form.ONE} == {
        "root/maxNumberOfContexts": "10000", "root/maxTerminationsPerContext": "6",
        "root/normalMGExecutionTime": "700", "root/MGOriginatedPendingLimit": "3"}
    for name in ("root/maxNumberOfContexts = 5", "ipra/ar = [a]"):
        order = f"Context = - {{ Modify = ROOT {{ Media {{ TerminationState {{ {name} }} }} }} }}"
        assert codes(stage.orders(order)) == [534]
    assert codes(stage.orders(
        "Context = - { Modify = ROOT { Media { TerminationState { root/normalMGExecutionTime = soon } } } }")) == [449]
    assert codes(stage.orders("Context = - { Modify = ROOT { Signals { cg/dt { Stream = 1 } } } }")) == [449]
    assert codes(stage.orders("Context = - { Modify = ROOT { Events = 1 { g/cause } } }")) == [512]


def test_congestion_is_told():
    """chp/MGCon with the share to be blocked when contexts run out, and 0 when there is room again; ocp/mg_overload."""
    stage = Full(limits=Limits(contexts=10))
    stage.orders("Context = - { Modify = ROOT { Events = 3 { chp/MGCon, ocp/mg_overload } } }")
    told: list[tuple[int, list[object]]] = []
    for number in range(1, 11):
        stage.orders(add("access", stream(PASSIVE, realm=A)))
        told += [(number, [one.events[0].name, *(item.value for item in one.events[0].parameters)])
                 for one in stage.heard()]
    for number in range(1, 11):
        stage.orders(f"Context = {number} {{ W-Subtract = * {{ Audit {{ }} }} }}")
        told += [(-number, [one.events[0].name, *(item.value for item in one.events[0].parameters)])
                 for one in stage.heard()]
    assert told == [
        (9, ["chp/MGCon", "50"]), (9, ["ocp/mg_overload"]), (10, ["chp/MGCon", "100"]), (10, ["ocp/mg_overload"]),
        (-1, ["chp/MGCon", "50"]), (-3, ["chp/MGCon", "0"])]


# ServiceChange

def change(name: str, method: str, more: str = "", context: object = 1) -> str:
    services = f"Services {{ Method = {method}, Reason = 905{more} }}"
    return f"Context = {context} {{ ServiceChange = {name} {{ {services} }} }}"


def state_of(stage: Full, name: str = T1) -> str:
    return stage.value("Media", name).termination_state.service_state


def test_forced_takes_a_termination_out_of_service():
    """Its connections go at once; it stays until it is subtracted, and comes back with Restart."""
    stage = Full()
    ue, _ = plain_up(stage)
    stage.orders(change(T1, "Forced"))
    ue.reads()
    assert ue.ended and state_of(stage) == "OutOfService"
    stage.take()
    stage.orders(change(T1, "Restart"))
    stage.does(AbortStream(ue.stream))
    assert state_of(stage) == "InService"
    Peer(stage, Stream(ue.stream.local, Endpoint(UE.host, 6_666))).connects()


def test_graceful_waits():
    """Graceful with a Delay: out of service when it is over; connections go on until then."""
    stage = Full()
    ue, peer = plain_up(stage)
    stage.orders(change(T1, "Graceful", ", Delay = 30"))
    stage.later(29.0).does_nothing()
    ue.sends(b"still here")
    peer.reads()
    assert peer.heard == b"still here" and state_of(stage) == "InService"
    stage.later(2.0)
    ue.reads()
    assert ue.ended and state_of(stage) == "OutOfService"


def test_graceful_of_the_gateway():
    """No new terminations meanwhile; 918 takes it back; without that everything goes when the delay is over."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    stage.orders(change("ROOT", "Graceful", ", Delay = 30", "-"))
    assert codes(stage.orders(add("access", stream(PASSIVE, realm=A)))) == [521]
    stage.orders(change("ROOT", "Restart", context="-").replace("905", '"918 Cancel Graceful"'))
    assert codes(stage.orders(add("access", stream(PASSIVE, realm=A)))) == []
    stage.orders(change("ROOT", "Graceful", ", Delay = 30", "-"))
    stage.later(31.0)
    assert codes(stage.orders("Context = 1 { AuditValue = * { Audit { } } }")) == [411]
    assert codes(stage.orders(add("access", stream(PASSIVE, realm=A)))) == [503]


def test_graceful_of_the_gateway_without_a_delay():
    """It goes out of service when the last context is gone, however long that takes."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    stage.orders(change("ROOT", "Graceful", context="-"))
    stage.later(100_000.0).does_nothing()
    assert codes(stage.orders(add("access", stream(PASSIVE, realm=A)))) == [521]
    assert stage.value("Media", "ROOT", "-").termination_state.service_state == "InService"
    stage.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    assert stage.value("Media", "ROOT", "-").termination_state.service_state == "OutOfService"


def test_service_states_by_modify():
    """Where the profile has it, ServiceStates in Modify does the same; Test is not there."""
    stage = Full()
    ue, _ = plain_up(stage)
    order = f"Context = 1 {{ Modify = {T1} {{ Media {{ TerminationState {{ ServiceStates = OutOfService }} }} }} }}"
    stage.orders(order)
    ue.reads()
    assert ue.ended and state_of(stage) == "OutOfService"
    stage.take()
    assert codes(stage.orders(order.replace("OutOfService", "Test"))) == [501]


# Statistics

def test_statistics_per_stream_and_reset():
    """Version 3: a stream's statistics by an audit; an explicit Statistics descriptor counts anew."""
    stage = Full()
    ue, peer = plain_up(stage)
    ue.sends(b"12345")
    peer.reads()
    asked = "Media { Stream = 1 { Statistics { nt/or } } }"
    assert stage.value(asked, T1).streams[0].statistics == h248.Statistics((h248.Property("nt/or", ("5",)),))
    stage.later(3.0)
    stage.orders(f"Context = 1 {{ Modify = {T1} {{ Statistics }} }}")
    assert [item.value for item in stage.value("Statistics", T1).items] == ["0", "0", "0"]
    ue.sends(b"123")
    peer.reads()
    assert [item.value for item in stage.value("Statistics", T1).items] == ["0", "3", "0"]
    stage.orders(f"Context = 1 {{ Modify = {T1} {{ Statistics {{ nt/or }} }} }}")
    assert stage.value("Statistics", T1) == h248.Statistics((h248.Property("nt/or", ("0",)),))


# Audits

def test_individual_audits():
    """From version 2: only what is named; 532 for what is not there."""
    stage = Full()
    plain_up(stage)
    media = stage.value("Media { Stream = 1 { LocalControl { Mode, ipdc/realm } } }", T1)
    control = media.streams[0].local_control
    assert (control.mode, [one.name for one in control.properties]) == ("SendReceive", ["ipdc/realm"])
    assert media.streams[0].local is None and media.termination_state is None
    events = stage.value("Events = 1 { hangterm/thb }", T1)
    assert [(one.name, one.parameter("timerx").value) for one in events.events] == [("hangterm/thb", "600")]
    assert [one.name for one in stage.value("Statistics { nt/os }", T1).items] == ["nt/os"]
    assert stage.value("Packages { g-1 }", T1) == h248.Packages((h248.PackageVersion("g", 1),))
    for what in ("Events = 1 { it/ito }", "Signals { cg/dt }", "Media { Stream = 2 { LocalControl { Mode } } }",
                 "Media { Stream = 1 { LocalControl { ds/dscp } } }", "Events = 99 { g/cause }"):
        assert codes(stage.orders(f"Context = 1 {{ AuditValue = {T1} {{ Audit {{ {what} }} }} }}")) == [532], what


def test_lines_of_local_and_remote():
    """Version 3: an audit may name the kinds of SDP lines that it wants."""
    stage = Full()
    plain_up(stage)
    media = stage.value("Media { Stream = 1 { Local {\nv=\nm=\n}, Remote {\nv=\nc=\n} } }", T1)
    local_, remote_ = media.streams[0].local[0], media.streams[0].remote[0]
    assert local_.media[0].port == 40_000 and not local_.media[0].lines and [one.type for one in local_.lines] == ["v"]
    assert not remote_.media and [one.type for one in remote_.lines] == ["v", "c"]


def test_empty_descriptors_are_bare_tokens():
    """What is there and empty is answered by its name alone."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    (answer,) = stage.audit("Events, Signals, EventBuffer, ObservedEvents, DigitMap", T1)
    names = [one.name if isinstance(one, h248.Token) else type(one).__name__ for one in answer.descriptors]
    assert names == ["Events", "Signals", "EventBuffer", "ObservedEvents", "DigitMap"]


def test_capabilities():
    """AuditCapability: what could be: transports, values of properties, events, signals, statistics, packages."""
    stage = Full()
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    (answer,) = stage.orders(
        f"Context = 1 {{ AuditCapability = {T1} {{ Audit {{ Media, Events, Signals, Statistics, Packages }} }} }}"
    ).actions[0].commands
    media = answer.descriptor(h248.Media)
    assert [one.media[0].proto for one in media.streams[0].local] == [
        "TCP", "TCP/MSRP", "TCP/BFCP", "TCP/TLS", "TCP/TLS/MSRP", "TCP/TLS/BFCP", "udp", "udptl", "UDP/TLS/UDPTL"]
    realm = media.streams[0].local_control.property("ipdc/realm")
    assert (realm.values, realm.form) == ((A, C), Form.ANY_OF)
    assert media.streams[0].local_control.property("gm/saf").values == ("ON", "OFF")
    events = {one.name for one in answer.descriptor(h248.Events).events}
    assert {"g/cause", "hangterm/thb", "tcpbcc/BNCChange"} <= events and "it/ito" not in events
    cause = next(one for one in answer.descriptor(h248.Events).events if one.name == "g/cause")
    assert cause.parameter("Generalcause").values == ("NR", "UR", "FT", "FP", "IW", "UN")
    assert {one.name for one in answer.descriptor(h248.Signals).items} >= {"ipnapt/latch", "tlsbsc/EstBNC", "cg/rt"}
    assert {one.name for one in answer.descriptor(h248.Statistics).items} == {"nt/dur", "nt/or", "nt/os"}
    (answer,) = stage.orders("Context = - { AuditCapability = ROOT { Audit { Media, Events } } }").actions[0].commands
    assert {"it/ito", "ipra/arc"} <= {one.name for one in answer.descriptor(h248.Events).events}
    assert not answer.descriptor(h248.Media).streams


# Choice

CHOICES = {  # what the controller leaves open, and what the gateway takes
    'ipdc/realm = {"moon.example.net", "core.example.net"}': ("ipdc/realm", C),
    'ipdc/realm # "access.example.net"': ("ipdc/realm", C),
    "gm/saf = $": ("gm/saf", "OFF"),
    "gm/saf = {MAYBE, ON}": ("gm/saf", "ON"),
    "tman/sdr = [100:200]": ("tman/sdr", "100"),
    "tman/sdr > 100": ("tman/sdr", "101"),
    "tman/sdr < 100": ("tman/sdr", "99"),
    "tman/sdr # 100": ("tman/sdr", "101"),
}


@pytest.mark.parametrize("asked", CHOICES)
def test_what_is_left_open_is_chosen_and_told(asked):
    """Alternatives, ranges, relations and `$`: the reply shows what was chosen, and so does an audit (Annex B)."""
    stage = Full()
    name, value = CHOICES[asked]
    realm = "" if "realm" in asked else f', ipdc/realm = "{C}"'
    media = f"Media {{ Stream = 1 {{ LocalControl {{ {asked}{realm} }}, {PASSIVE} }} }}"
    reply = stage.orders(f"Context = $ {{ Add = $ {{ {media} }} }}")
    control = command(reply).descriptor(h248.Media).streams[0].local_control
    assert [(one.name, one.value, one.form) for one in control.properties] == [(name, value, Form.ONE)]
    shown = stage.value(f"Media {{ Stream = 1 {{ LocalControl {{ {name} }} }} }}", command(reply).terminations[0])
    assert shown.streams[0].local_control.property(name).value == value


def test_what_leaves_nothing_to_choose_from():
    """No alternative that would do: 449; no SDP group that would do: 510."""
    stage = Full()
    for asked in ('ipdc/realm = {"moon", "mars"}', "gm/saf = {MAYBE, PERHAPS}", "ds/dscp = $"):
        media = f"Media {{ Stream = 1 {{ LocalControl {{ {asked} }}, {PASSIVE} }} }}"
        assert codes(stage.orders(add("access", media))) == [449], asked
    groups = "Local {\nv=0\nc=IN IP4 $\nm=message $ DCCP *\nv=0\nc=IN IP4 $\nm=message $ SCTP *\n}"
    assert codes(stage.orders(add("access", stream(groups, realm=A)))) == [510]


GROUPS = ("Local {\nv=0\nc=IN IP4 $\nm=message $ DCCP *\nv=0\nc=IN IP4 $\nm=message $ TCP *\na=setup:passive\n"
          "v=0\nc=IN IP4 $\nm=message $ TCP/MSRP *\na=setup:passive\n}")


def test_reserved_groups_are_all_kept():
    """ReservedGroup: all alternatives that can be had are kept; Remote's transport decides which one is carried out."""
    stage = Full()
    media = f'Media {{ Stream = 1 {{ LocalControl {{ ReservedGroup = ON, ipdc/realm = "{A}" }}, {GROUPS} }} }}'
    reply = stage.orders(add("access", media))
    groups = command(reply).descriptor(h248.Media).streams[0].local
    assert [one.media[0].proto for one in groups] == ["TCP", "TCP/MSRP"]
    assert len({one.media[0].port for one in groups}) == 1
    whole = f'Media {{ Stream = 1 {{ {GROUPS}, {remote("TCP/MSRP", "active", UE)} }} }}'
    reply = stage.orders(f"Context = 1 {{ Modify = {T1} {{ {whole} }} }}")
    assert [one.media[0].proto for one in command(reply).descriptor(h248.Media).streams[0].local] == ["TCP/MSRP", "TCP"]
    assert stage.value("Media", T1).streams[0].local_control.reserved_group is True


def test_the_first_remote_that_can_be_had():
    """Alternatives in Remote: the first one that makes sense; none: 510."""
    stage = Full()
    two = ("Remote {\nv=0\nc=IN IP4 host.example\nm=message 9 TCP *\nv=0\nc=IN IP4 10.20.30.40\nm=message 2855 TCP *\n"
           "a=setup:passive\n}")
    where = given(stage.orders(add("access", stream(local("TCP", "active"), two, realm=A),
                                   "Signals { tcpbcc/EstBNC { Stream = 1 } }")))
    stage.does(OpenStream(Stream(where, UE)))
    broken = two.replace("10.20.30.40", "other.example")
    assert codes(stage.orders(add("access", stream(local("TCP", "active"), broken, realm=A)))) == [510]


# Profiles as data

def test_a_profile_is_a_file():
    """Iq from its file; a user's file is laid over it."""
    iq = iq_profile(registry())
    assert (iq.terminations_per_context, iq.embedded, "DigitMap" in iq.descriptors) == (2, False, False)
    full = profiles.load("iq", registry(), FULL)
    assert (full.terminations_per_context, full.embedded, full.signals["cg/rt"]) == (6, True, 3.0)
    assert full.transports == iq.transports


def test_names_are_the_profile_s(tmp_path):
    """How terminations are named is data: other levels in text, another number of octets in binary."""
    path = tmp_path / "mine.toml"
    path.write_text('text_names = "tgw/{interface}/{slot=7}/{number}"\nbinary_names = "0xC0000000000000/40"\n')
    stage = Full(profile_file=path)
    (answer,) = stage.orders(f"Context = $ {{ Add = tgw/access/$ {{ {stream(PASSIVE)} }} }}").actions[0].commands
    assert answer.terminations == ("tgw/access/7/1",)
    reply = stage.orders(f"Context = $ {{ Add = tgw/core/9/$ {{ {stream(PASSIVE)} }} }}")
    assert command(reply).terminations[0].startswith("tgw/core/9/") and given(reply).host == CORE
    for name in ("ip/core/9/$", "tgw/moon/9/$", "tgw/core/9/8/$", "tgw/$/9/$"):
        assert codes(stage.orders(f"Context = $ {{ Add = {name} {{ {stream(PASSIVE, realm=C)} }} }}")) == [430], name
    binary = BinaryNames(profiles.load("iq", registry(), path).binary_names)
    assert binary.name("", "", 0x1_00_0000_0001) == "0xc0000000000001"


@pytest.mark.parametrize("text", [
    "text_names = 'ip/{number}'", "text_names = 'ip/{interface}/x y/{number}'", "binary_names = '0x2'",
    "binary_names = '0x20/8'", "moon = 1", "packages = 3", "[commands]\nFly = []", "[events]\nroles = ['moon']", "x"])
def test_a_profile_that_can_not_be(tmp_path, text):
    """What a profile has no place for is said, with the file's name."""
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=r"mine\.toml"):
        profiles.load("iq", registry(), path)
    with pytest.raises(ScenarioError, match="absent"):
        profiles.load("iq", registry(), tmp_path / "absent.toml")


def test_what_is_not_enforced_is_said():
    """A property that is only kept is noted where it is set, and told in audits; the profile's file lists them all."""
    stage = Full()
    control = f'LocalControl {{ ds/dscp = 2E, ipdc/realm = "{A}" }}'
    stage.orders(add("access", f"Media {{ Stream = 1 {{ {control}, {PASSIVE} }} }}"))
    notes = [one.text for one in stage.all if isinstance(one, Note)]
    assert "ds/dscp = 2E is kept; this gateway does not act on it" in notes
    assert stage.value("Media", T1).streams[0].local_control.property("ds/dscp").value == "2E"


def test_opaque_data_of_the_controller():
    """mgcinfo/db in TerminationState is kept and told (H.248.45)."""
    stage = Full()
    stage.orders(add("access", f'Media {{ TerminationState {{ mgcinfo/db = 0A0B }}, Stream = 1 {{ '
                     f'LocalControl {{ ipdc/realm = "{A}" }}, {PASSIVE} }} }}'))
    assert stage.value("Media { TerminationState { mgcinfo/db } }", T1).termination_state.property(
        "mgcinfo/db").value == "0A0B"


def test_the_events_of_many_calls_are_one_value():
    """Events descriptors that differ in their id alone share their events, properties likewise."""
    stage = Full()
    for number in (1, 2):
        stage.orders(add("access", stream(PASSIVE, realm=A), EVENTS.format(number)))
    one, two = (stage.node._control.contexts.find(f"ip/1/access/{number}")[1] for number in (1, 2))
    assert one.request_id != two.request_id and one.events is two.events
    assert one.streams[0].properties is two.streams[0].properties and one.streams[0]._local is two.streams[0]._local


def test_what_is_shared_is_bounded():
    """However many different values a controller sends, few are kept for sharing, and no long text is."""
    shared = Shared(most=10)
    for number in range(1_000):
        assert shared.one((number,)) == (number,)
    assert len(shared._known) <= 10
    assert shared.one(b"x" * 5_000) == b"x" * 5_000 and b"x" * 5_000 not in shared._known
