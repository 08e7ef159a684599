"""Orders over H.248: registration, commands, errors, events, limits at an IMS-AGW."""

from __future__ import annotations

import re

import pytest
from agw_stage import (
    ACCESS,
    AGW_PRINT,
    CORE,
    EVENTS,
    MG,
    MGC,
    PEER,
    STRANGER,
    UE,
    UE_PRINT,
    A,
    C,
    Peer,
    Stage,
    add,
    error,
    established,
    gateway,
    given,
    local,
    modify,
    plain,
    plain_up,
    remote,
    stream,
)
from hypothesis import example, settings
from hypothesis import given as having
from hypothesis import strategies as st
from play import play

from workbench.net.values import (
    BindDatagrams,
    DatagramFailed,
    DatagramReceived,
    Drop,
    Endpoint,
    Listen,
    Note,
    OpenStream,
    SendDatagram,
    Started,
    Stream,
    Unlisten,
)
from workbench.nodes.gateway.settings import Limits
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.protocols.sdp import encode

TLS_LOCAL = local("TCP/TLS/MSRP", "actpass", "a=fingerprint:SHA-256 $")


def command(reply: h248.Reply, action: int = 0, number: int = 0) -> h248.CommandReply:
    return reply.actions[action].commands[number]


# Registration

def test_the_gateway_registers():
    """Worked message 6.1: ServiceChange Restart on ROOT, with version and profile from configuration."""
    stage = Stage(registered=False, profile="example/3")
    services = stage.messages[0].body[0].actions[0].commands[0].descriptor(h248.Services)
    assert (services.method, services.reason, services.version, services.profile) == (
        "Restart", "901 Cold Boot", 2, "example/3")
    assert stage.messages[0].mid == "[192.0.2.20]:2944"


def test_requests_before_the_reply_are_refused():
    """505 until the controller has answered."""
    stage = Stage(registered=False)
    assert error(stage.orders(add("access", stream(TLS_LOCAL)))) == (505, "request before the reply to ServiceChange")
    stage.tells("Reply = 1 { Context = - { ServiceChange = ROOT { Services { Version = 2 } } } }")
    assert error(stage.orders("Context = - { AuditValue = ROOT { Audit { } } }")) is None


def test_a_refused_registration_is_tried_again():
    """The controller says no; after a while the gateway asks again."""
    stage = Stage(registered=False)
    stage.tells('Reply = 1 { Context = - { Error = 502 { "not ready" } } }').does_nothing()
    stage.later(5.0)
    assert stage.hears().body[0].actions[0].commands[0].kind is h248.Kind.SERVICE_CHANGE


def test_a_silent_controller_is_asked_again():
    """Repetitions, then a new ServiceChange; nothing else is sent."""
    stage = Stage(registered=False)
    stage.later(35.0)
    kinds = {message.body[0].id for message in (text.decode(c.data) for c in stage.take())}
    assert len(kinds) > 1


def test_a_lost_controller_gets_disconnected():
    """A Notify that nobody answers starts the procedure for a lost controller; contexts stay."""
    stage = Stage()
    stage.orders(add("access", stream(TLS_LOCAL, realm=A), "Events = 7 { hangterm/thb { timerx = 10 } }"))
    stage.later(50.0)
    sent = [text.decode(c.data).body[0].actions[0].commands[0] for c in stage.take()]
    assert sent[0].kind is h248.Kind.NOTIFY
    services = [one.descriptor(h248.Services) for one in sent if one.kind is h248.Kind.SERVICE_CHANGE]
    assert services[0].method == "Disconnected"


def test_only_the_controller_is_obeyed():
    """A request of anybody else is dropped with its reason and answered 504; garbage is dropped only."""
    stage = Stage()
    order = DatagramReceived(MG, STRANGER, (
        f"MEGACO/1 [{STRANGER.host}]:2944 Transaction = 5 {{ {add('access', stream(TLS_LOCAL))} }}").encode())
    stage.sees(order).does(Drop(order, f"{STRANGER} is not the controller"))
    reply = stage.hears(STRANGER).body[0]
    assert (reply.id, reply.error.code) == (5, 504)
    for data in (b"", b"garbage", b"MEGACO/1 [192.0.2.66] Reply = 5 { Context = - { } }", b"x" * 70_000):
        happened = DatagramReceived(MG, STRANGER, data)
        stage.sees(happened).does(Drop(happened, f"{STRANGER} is not the controller")).does_nothing()


def test_other_ports_take_no_datagrams():
    """A datagram elsewhere is dropped."""
    stage = Stage()
    happened = DatagramReceived(Endpoint(ACCESS, 40_000), UE, b"x")
    stage.sees(happened).does(Drop(happened, "no termination here takes datagrams"))
    stage.sees(DatagramFailed(MG, MGC, "port unreachable")).does_nothing()


# The worked messages of the stage-3 digest

def test_worked_message_6_2_and_6_3():
    """Reserve: address, port and fingerprint come back in a full Local, all other lines as they were."""
    stage = Stage()
    reply = stage.orders("""Context = $ {
        Add = ip/1/access/$ {
          Media { Stream = 1 {
              LocalControl { Mode = Inactive, ipdc/realm = "access.example.net", ds/dscp = 2E },
              Local {
v=0
c=IN IP4 $
m=message $ TCP/TLS/MSRP *
a=setup:actpass
a=fingerprint:SHA-256 $
              } } },
          Events = 2001 { g/cause, hangterm/thb { timerx = 600 }, tcpbcc/BNCChange { Stream = 1 },
            tlsbsc/BNCChange { Stream = 1 } } } }""")
    assert (reply.actions[0].context, command(reply).terminations) == (1, ("ip/1/access/1",))
    media = command(reply).descriptor(h248.Media)
    assert media.streams[0].local_control is None and media.streams[0].remote is None
    assert [line.strip() for line in encode(media.streams[0].local[0]).decode().splitlines() if line.strip()] == [
        "v=0", f"c=IN IP4 {ACCESS}", "m=message 40000 TCP/TLS/MSRP *", "a=setup:actpass", f"a=fingerprint:{AGW_PRINT}"]
    reply = stage.orders("""Context = 1 {
        Add = ip/1/core/$ {
          Media { Stream = 1 {
              LocalControl { Mode = Inactive, ipdc/realm = "core.example.net" },
              Local {
v=0
c=IN IP4 $
m=message $ TCP/MSRP *
a=setup:passive
              },
              Remote {
v=0
c=IN IP4 203.0.113.7
m=message 7394 TCP/MSRP *
a=setup:active
              } } },
          Events = 2002 { g/cause, hangterm/thb { timerx = 600 }, tcpbcc/BNCChange { Stream = 1 } } } }""")
    assert command(reply).terminations == ("ip/1/core/2",)
    assert given(reply) == Endpoint(CORE, 40_002)
    assert [c.local for c in stage.all if isinstance(c, Listen)] == [Endpoint(ACCESS, 40_000), Endpoint(CORE, 40_002)]


def test_worked_message_6_4():
    """Configure: what was fully specified is not echoed; both signals act on the active endpoint."""
    stage = Stage()
    access = given(stage.orders(add("access", stream(TLS_LOCAL, mode="Inactive", realm=A), EVENTS.format(1))))
    stage.orders(add("core", stream(local("TCP/MSRP", "passive"), remote("TCP/MSRP", "active", PEER), realm=C,
                                    mode="Inactive"), context=1))
    reply = stage.orders(f"""Context = 1 {{
        Modify = ip/1/access/1 {{ {stream(
            local("TCP/TLS/MSRP", "active", f"a=fingerprint:{AGW_PRINT}", host=access.host, port=access.port),
            remote("TCP/TLS/MSRP", "passive", UE, f"a=fingerprint:{UE_PRINT}"))},
          Signals {{ tcpbcc/EstBNC {{ Stream = 1 }}, tlsbsc/EstBNC {{ Stream = 1 }} }} }},
        Modify = ip/1/core/2 {{ Media {{ Stream = 1 {{ LocalControl {{ Mode = SendReceive }} }} }} }} }}""")
    assert [(one.terminations, one.descriptors) for one in reply.actions[0].commands] == [
        (("ip/1/access/1",), ()), (("ip/1/core/2",), ())]
    assert Unlisten(access) in stage.all
    stage.does(OpenStream(Stream(access, UE)))


def test_worked_message_6_9_with_ipv6():
    """Two endpoints of bare TCP over IPv6 in one action: both Adds are answered."""
    stage = Stage(addresses={"access": "2001:db8::20", "core": "2001:db8:1::21"})
    lines = local("TCP", "passive").replace("c=IN IP4 $", "c=IN IP6 $")
    reply = stage.orders(f"""Context = $ {{
        Add = ip/1/access/$ {{ {stream(lines, realm=A)} }},
        Add = ip/1/core/$ {{ {stream(lines.replace("passive", "active"), realm=C)} }} }}""")
    assert reply.actions[0].context == 1
    assert [one.terminations for one in reply.actions[0].commands] == [("ip/1/access/1",), ("ip/1/core/2",)]
    assert given(reply) == Endpoint("2001:db8::20", 40_000)


def test_worked_messages_6_11():
    """Release: an empty Audit suppresses statistics; W-Subtract has one reply for all."""
    stage = Stage()
    plain(stage)
    reply = stage.orders("Context = 1 { Subtract = ip/1/access/1 { Audit { } } }")
    assert (command(reply).terminations, command(reply).descriptors) == (("ip/1/access/1",), ())
    plain(stage)
    reply = stage.orders("Context = 2 { W-Subtract = * { Audit { } } }")
    assert [(one.terminations, one.descriptors) for one in reply.actions[0].commands] == [(("*",), ())]
    assert error(stage.orders("Context = 2 { W-Subtract = * { Audit { } } }")) == (411, "unknown ContextID")


def test_statistics_unless_suppressed():
    """Subtract without Audit returns octets and time (package nt)."""
    stage = Stage()
    ue, peer = plain_up(stage)
    ue.sends(b"12345")
    peer.reads()
    peer.sends(b"123")
    ue.reads()
    stage.later(2.0)
    reply = stage.orders("Context = 1 { Subtract = * }")
    counted = [{one.name: one.value for one in answer.descriptor(h248.Statistics).items}
               for answer in reply.actions[0].commands]
    assert counted == [{"nt/os": "3", "nt/or": "5", "nt/dur": "2000"}, {"nt/os": "5", "nt/or": "3", "nt/dur": "2000"}]


def test_short_tokens_work_alike():
    """Worked message 6.13: the controller may use short tokens, and the gateway may be set to them."""
    stage = Stage(coding="compact")
    stage.orders(add("access", stream(TLS_LOCAL, realm=A)))
    stage.sees(DatagramReceived(MG, MGC, (
        b"!/2 [192.0.2.10]:2944 T=1004{C=1{MF=ip/1/access/1{E=2003{g/cause,hangterm/thb{timerx=600},"
        b"tlsbsc/BNCChange{ST=1}},SG{tlsbsc/EstBNC{ST=1}}}}}")))
    sent = stage.open[0]
    assert isinstance(sent, SendDatagram) and sent.data.startswith(b"!/2")
    assert error(stage.hears().body[0]) is None


# Fingerprint CHOOSE

@pytest.mark.parametrize(("asked", "hash_name"), [("SHA-256 $", "SHA-256"), ("$", "SHA-256"), ("$ $", "SHA-256"),
                                                  ("sha-512 $", "sha-512"), ("SHA-1 $", "SHA-1")])
def test_three_ways_to_ask_for_the_fingerprint(asked, hash_name):
    """Stage-3 2.3: the reply always has a concrete hash and upper-case pairs."""
    stage = Stage()
    reply = stage.orders(add("access", stream(local("TCP/TLS", "passive", f"a=fingerprint:{asked}"), realm=A)))
    value = command(reply).descriptor(h248.Media).streams[0].local[0].media[0].attribute("fingerprint")
    assert re.fullmatch(rf"{hash_name} [0-9A-F]{{2}}(:[0-9A-F]{{2}})*", value)


# Errors: code, text, and nothing done

def _add_access(*descriptors: str) -> str:
    return add("access", *descriptors)


PASSIVE = local("TCP", "passive")
REFUSALS = {
    "unknown context": (add("access", stream(PASSIVE), context=77), 411),
    "unknown termination": (modify("ip/1/access/99", stream()), 430),
    "another context's termination": (modify("ip/1/access/3", stream()), 435),
    "ROOT in a context": (modify("ROOT", stream()), 435),
    "CHOOSE in Modify": (modify("ip/1/access/$", stream()), 410),
    "ALL in Add": ("Context = $ { Add = ip/1/access/* }", 410),
    "Add of ROOT": ("Context = $ { Add = ROOT }", 542),
    "Add of an unknown interface": (f"Context = $ {{ Add = ip/1/moon/$ {{ {stream(PASSIVE, realm=A)} }} }}", 430),
    "Add of an existing termination": (f"Context = $ {{ Add = ip/1/access/1 {{ {stream(PASSIVE)} }} }}", 433),
    "Add of a name that the gateway did not choose": (
        f"Context = $ {{ Add = ip/1/access/9 {{ {stream(PASSIVE)} }} }}", 430),
    "Add in the null context": (f"Context = - {{ Add = ip/1/access/$ {{ {stream(PASSIVE)} }} }}", 421),
    "nothing matches": ("Context = 1 { AuditValue = ip/9/* }", 431),
    "third termination": (add("core", stream(PASSIVE, realm=C), context=1), 434),
    "unknown realm": (_add_access(stream(PASSIVE, realm="moon.example.net")), 449),
    "no realm": (f"Context = $ {{ Add = $ {{ {stream(PASSIVE)} }} }}", 472),
    "unknown package in a property": (_add_access(
        'Media { Stream = 1 { LocalControl { nosuch/thing = 1 } } }'), 440),
    "package of another profile": (_add_access("Events = 1 { rtp/pltrans }"), 440),
    "unknown property": (_add_access('Media { Stream = 1 { LocalControl { ipdc/moon = 1 } } }'), 450),
    "unknown event": (_add_access("Events = 1 { g/moon }"), 451),
    "unknown signal": (_add_access(stream(PASSIVE, realm=A), "Signals { tcpbcc/Moon { Stream = 1 } }"), 452),
    "event that is not detected": (_add_access("Events = 1 { nt/netfail }"), 512),
    "TLS signal without TLS": (_add_access(stream(PASSIVE, realm=A), "Signals { tlsbsc/EstBNC { Stream = 1 } }"), 513),
    "signal of no stream": (_add_access(stream(PASSIVE, realm=A), "Signals { tcpbcc/RelBNC { Stream = 9 } }"), 449),
    "transport": (_add_access(stream(local("UDP/DTLS", "passive"), realm=A)), 515),
    "no setup role": (modify("ip/1/access/1", stream(local("TCP", "either"))), 449),
    "unknown role": (_add_access(stream(local("TCP", "later"), realm=A)), 449),
    "hash function": (_add_access(stream(local("TCP/TLS", "passive", "a=fingerprint:MD5 $"), realm=A)), 449),
    "somebody else's fingerprint": (
        _add_access(stream(local("TCP/TLS", "passive", f"a=fingerprint:{UE_PRINT}"), realm=A)), 449),
    "fingerprint without TLS": (_add_access(stream(local("TCP", "passive", "a=fingerprint:SHA-256 $"), realm=A)), 473),
    "broken fingerprint in Remote": (
        modify("ip/1/access/1", stream(remote("TCP", "passive", UE, "a=fingerprint:SHA-256 12"))), 449),
    "no c= line": (_add_access(stream("Local {\nv=0\nm=message $ TCP *\n}", realm=A)), 441),
    "no m= line": (_add_access(stream("Local {\nv=0\nc=IN IP4 $\n}", realm=A)), 441),
    "two m= lines": (_add_access(stream(
        "Local {\nv=0\nc=IN IP4 $\nm=message $ TCP *\nm=message $ TCP *\n}", realm=A)), 449),
    "host name": (modify("ip/1/access/1", stream(remote("TCP", "active", Endpoint("ue.example.net", 9)))), 449),
    "port 0": (modify("ip/1/access/1", stream(remote("TCP", "active", Endpoint(UE.host, 0)))), 449),
    "no Local": (_add_access(stream(realm=A)), 441),
    "both active": (_add_access(stream(local("TCP", "active"), remote("TCP", "active", UE), realm=A)), 473),
    "both passive": (modify("ip/1/access/1", stream(remote("TCP", "passive", UE))), 473),
    "establish without Remote": (_add_access(
        stream(local("TCP", "active"), realm=A), "Signals { tcpbcc/EstBNC { Stream = 1 } }"), 441),
    "establish while passive": (
        'Context = 1 { Modify = ip/1/access/1 { Signals { tcpbcc/EstBNC { Stream = 1 } } } }', 473),
    "latch value": (
        'Context = 1 { Modify = ip/1/access/1 { Signals { ipnapt/latch { Stream = 1, napt = MAYBE } } } }', 454),
    "IPv6 in an IPv4 realm": (_add_access(stream(
        "Local {\nv=0\nc=IN IP6 $\nm=message $ TCP *\n}", realm=A)), 449),
    "IPv6 peer of an IPv4 endpoint": (modify("ip/1/access/1", stream(
        "Remote {\nv=0\nc=IN IP6 2001:db8::1\nm=message 9 TCP *\n}")), 473),
    "foreign local address": (_add_access(stream(local("TCP", "passive", host="192.0.2.99"), realm=A)), 449),
    "local port in use": (_add_access(stream(local("TCP", "passive", port=40_000), realm=A)), 510),
    "realm of a running stream": (modify("ip/1/access/1", stream(realm=C)), 473),
    "loop back": (modify("ip/1/access/1", stream(mode="Loopback")), 517),
    "Move into a full context": ("Context = 1 { Move = ip/1/access/3 }", 434),
    "capability of a termination elsewhere": ("Context = 1 { AuditCapability = ip/1/access/3 { Audit { } } }", 435),
    "Notify": ("Context = 1 { Notify = ip/1/access/1 { ObservedEvents = 1 { g/cause } } }", 443),
    "descriptor that belongs nowhere": (_add_access("DigitMap = dm { (0x.) }"), 444),
    "descriptor twice": ("Context = 1 { Modify = ip/1/access/1 { Events, Events } }", 448),
    "topology of one": ("Context = 1 { Topology { ip/1/access/1, ip/1/access/1, Oneway }, AuditValue = * }", 522),
    "ServiceChange method": (
        "Context = - { ServiceChange = ROOT { Services { Method = HandOff, Reason = 903 } } }", 472),
    "timer value": (_add_access("Events = 1 { hangterm/thb { timerx = soon } }"), 449),
    "embedded events": (_add_access("Events = 1 { g/cause { Embed { Signals { } } } }"), 501),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    """Each refusal has its code, a text that names the value, and leaves everything as it was."""
    actions, code = REFUSALS[name]
    stage = Stage()
    plain(stage)
    plain(stage)
    before = len(stage.all)
    reply = stage.orders(actions)
    found = error(reply)
    assert found is not None and found[0] == code, found
    assert found[1]
    left = [c for c in stage.all[before:] if not isinstance(c, (SendDatagram, Note))]
    assert left == []
    for context in (1, 2):
        audit = stage.orders(f"Context = {context} {{ AuditValue = * {{ Audit {{ Media }} }} }}")
        modes = [one.descriptor(h248.Media).streams[0].local_control.mode for one in audit.actions[0].commands]
        assert modes == ["SendReceive", "SendReceive"]


def test_the_bad_value_is_quoted():
    """449 names the value (TS 29.334 §5.17.1), as in the worked message 6.12."""
    stage = Stage()
    plain(stage)
    reply = stage.orders(modify("ip/1/access/1", stream(local("TCP", "either"))))
    assert error(reply) == (449, "a=setup:either")
    assert command(reply).terminations == ("ip/1/access/1",)


@pytest.mark.parametrize("value", ['act"ive', "\u00e9\x01", "x" * 5_000, "a\\}b", "{"])
def test_a_hostile_value_is_quoted_safely(value):
    """Whatever the value is made of, the reply can be read."""
    stage = Stage()
    stage.number += 1
    body = f"Transaction = {stage.number} {{ {add('access', stream(local('TCP', value), realm=A))} }}"
    stage.sees(DatagramReceived(MG, MGC, f"MEGACO/2 [192.0.2.10]:2944\n{body}".encode()))
    message = stage.hears()
    assert message.error is not None or error(message.body[0])[0] == 449


def test_a_failing_command_ends_the_transaction():
    """Partial failure: what came before stays, the failing one has the error, what follows is not carried out."""
    stage = Stage()
    reply = stage.orders(f"""Context = $ {{
        Add = ip/1/access/$ {{ {stream(PASSIVE, realm=A)} }},
        Add = ip/1/core/$ {{ {stream(local("SCTP", None), realm=C)} }},
        Add = ip/1/core/$ {{ {stream(PASSIVE, realm=C)} }} }},
        Context = - {{ AuditValue = ROOT {{ Audit {{ }} }} }}""")
    assert len(reply.actions) == 1
    assert [one.error.code if one.error else None for one in reply.actions[0].commands] == [None, 515]
    assert reply.actions[0].context == 1
    assert len(stage.orders("Context = 1 { AuditValue = * }").actions[0].commands) == 1


def test_an_optional_command_may_fail():
    """`O-`: the transaction goes on."""
    stage = Stage()
    reply = stage.orders(f"""Context = $ {{
        O-Add = ip/1/access/$ {{ {stream(local("SCTP", None), realm=A)} }},
        Add = ip/1/core/$ {{ {stream(PASSIVE, realm=C)} }} }}""")
    assert [one.error.code if one.error else None for one in reply.actions[0].commands] == [515, None]
    assert reply.actions[0].context == 1


def test_alternatives_in_local():
    """The first alternative that the gateway can do is picked and returned."""
    stage = Stage()
    both = "Local {\nv=0\nc=IN IP4 $\nm=message $ SCTP *\nv=0\nc=IN IP4 $\nm=message $ TCP *\na=setup:passive\n}"
    reply = stage.orders(add("access", stream(both, realm=A)))
    media = command(reply).descriptor(h248.Media)
    assert [described.media[0].proto for described in media.streams[0].local] == ["TCP"]


def test_an_implicit_stream_is_answered_in_kind():
    """A single stream may stand in Media itself; the reply has the same form."""
    stage = Stage()
    reply = stage.orders(add("access", f'Media {{ LocalControl {{ ipdc/realm = "{A}" }}, {PASSIVE} }}'))
    assert command(reply).descriptor(h248.Media).implicit_stream
    assert given(reply).port == 40_000


# Audit, ServiceChange, contexts

def test_audit_of_a_termination():
    """Current values of Media, Events, Signals, Packages; empty descriptors as bare tokens."""
    stage = Stage()
    plain(stage)
    reply = stage.orders("Context = 1 { AuditValue = ip/1/core/2 { Audit { Media, Events, Signals, Packages } } }")
    found = command(reply)
    media = found.descriptor(h248.Media)
    assert media.streams[0].local_control.mode == "SendReceive"
    assert media.streams[0].remote[0].media[0].port == PEER.port
    assert found.descriptor(h248.Events).request_id == 2
    assert found.descriptors[2] in (h248.Token("Signals"), h248.Signals())
    assert h248.PackageVersion("tlsbsc", 1) in found.descriptor(h248.Packages).items


def test_audit_of_root():
    """Empty audit as supervision; realms as `ipra/ar` (worked messages 6.12)."""
    stage = Stage()
    assert command(stage.orders("Context = - { AuditValue = ROOT { Audit { } } }")).descriptors == ()
    reply = stage.orders("Context = - { AuditValue = ROOT { Audit { Media { TerminationState { ipra/ar } } } } }")
    state = command(reply).descriptor(h248.Media).termination_state
    assert state.property("ipra/ar").values == (A, C)


def test_all_contexts():
    """`Context = *` is carried out in each of them."""
    stage = Stage()
    plain(stage)
    plain(stage)
    reply = stage.orders("Context = * { W-Subtract = * { Audit { } } }")
    assert [action.context for action in reply.actions] == [1, 2]
    assert error(stage.orders("Context = * { W-Subtract = * { Audit { } } }")) == (411, "no context")


def test_forced_and_restart_of_the_controller():
    """Forced takes everything out; Restart makes the gateway register again."""
    stage = Stage()
    plain(stage)
    forced = "Context = - { ServiceChange = ROOT { Services { Method = Forced, Reason = 905 } } }"
    assert error(stage.orders(forced)) is None
    assert error(stage.orders("Context = 1 { AuditValue = * }")) == (411, "unknown ContextID")
    stage.orders("Context = - { ServiceChange = ROOT { Services { Method = Restart, Reason = 903 } } }")
    services = stage.hears().body[0].actions[0].commands[0].descriptor(h248.Services)
    assert services.reason == "903 MGC Directed Change"


# Events

def test_a_heartbeat_after_silence():
    """hangterm/thb with the request id that armed it and a time stamp; any message about it puts it off."""
    stage = Stage()
    stage.orders(add("access", stream(TLS_LOCAL, realm=A), "Events = 2001 { hangterm/thb { timerx = 600 } }"))
    stage.later(500.0)
    stage.orders("Context = 1 { AuditValue = ip/1/access/1 { Audit { } } }")
    stage.later(599.0).does_nothing().later(1.5)
    message = stage.hears()
    observed = message.body[0].actions[0].commands[0].descriptor(h248.ObservedEvents)
    assert (observed.request_id, observed.events[0].name, observed.events[0].time) == (
        2001, "hangterm/thb", "20260301T10335200")
    stage.confirms(message, error="430").later(590.0).does_nothing()


def test_events_that_nobody_armed_are_silent():
    """No Events descriptor, or a bare one: nothing is notified."""
    stage = Stage()
    inside = given(stage.orders(add("access", stream(PASSIVE, remote("TCP", "active", UE), realm=A), EVENTS.format(1))))
    stage.orders("Context = 1 { Modify = ip/1/access/1 { Events } }")
    ue = Peer(stage, Stream(inside, Endpoint(UE.host, 5555))).connects().up()
    ue.closes()
    stage.does_nothing()


def test_an_event_may_ask_for_other_types():
    """`Type = Est` in the Events descriptor asks for establishment; without Type failures are reported."""
    stage = Stage()
    inside = given(stage.orders(add(
        "access", stream(PASSIVE, remote("TCP", "active", UE), realm=A),
        "Events = 1 { tcpbcc/BNCChange { Stream = 1, Type = Est } }")))
    Peer(stage, Stream(inside, Endpoint(UE.host, 5555))).connects().up()
    assert stage.notified() == ("ip/1/access/1", "tcpbcc/BNCChange", {"Type": "Est"})


def test_the_inactivity_timer_of_root():
    """it/ito: no message of the controller for `mit` (10 ms each): Notify on ROOT in the null context."""
    stage = Stage()
    stage.orders("Context = - { Modify = ROOT { Events = 3001 { it/ito { mit = 3000 }, ipra/arc } } }")
    stage.later(29.0).does_nothing().later(1.5)
    assert stage.notified() == ("ROOT", "it/ito", {})
    stage.orders("Context = - { Modify = ROOT { Events } }")
    stage.later(100.0).does_nothing()


# Limits and hostile input

def test_limits():
    """Contexts, streams, events and ports have limits; each has its code."""
    stage = Stage(limits=Limits(contexts=1, streams_per_termination=1, events_per_termination=1))
    stage.orders(add("access", stream(PASSIVE, realm=A)))
    assert error(stage.orders(add("access", stream(PASSIVE, realm=A)))) == (412, "1 contexts")
    two = f'Media {{ Stream = 1 {{ {PASSIVE} }}, Stream = 2 {{ {PASSIVE} }} }}'
    assert error(stage.orders(add("core", two, context=1)))[0] == 510
    assert error(stage.orders(add("core", EVENTS.format(1), context=1)))[0] == 510
    small = Stage(ports=(40_000, 40_000))
    small.orders(add("access", stream(PASSIVE, realm=A)))
    assert error(small.orders(add("access", stream(PASSIVE, realm=A)))) == (510, f"no free port at {ACCESS}")


def test_a_port_is_not_given_again_while_its_connection_ends():
    """A new termination can't get a port on which the former connection still waits for the peer's FIN."""
    stage = Stage(ports=(40_000, 40_000))
    ue, _ = established(stage)
    stage.orders("Context = 1 { W-Subtract = * { Audit { } } }")
    stage.take()
    assert error(stage.orders(add("access", stream(PASSIVE, realm=A)))) == (510, f"no free port at {ACCESS}")
    stage.later(61.0).take()
    assert given(stage.orders(add("access", stream(PASSIVE, realm=A)))) == ue.stream.local


def test_a_request_is_executed_once():
    """A repeated request gets the stored reply; no second context."""
    stage = Stage()
    order = f"Transaction = 7 {{ {add('access', stream(PASSIVE, realm=A))} }}"
    stage.tells(order)
    first = stage.take()
    stage.tells(order)
    assert [c.data for c in stage.take()] == [c.data for c in first if isinstance(c, SendDatagram)]


def test_broken_messages_are_answered_and_forgotten():
    """A message that does not decode is answered with an error; orders go on."""
    stage = Stage()
    stage.tells("Transaction = 9 { Context = 1 { Modify =")
    assert stage.hears().error.code == 400
    assert error(stage.orders(add("access", stream(PASSIVE, realm=A)))) is None


@settings(max_examples=100, deadline=None)
@having(st.binary(max_size=300))
def test_garbage_from_the_controller(data):
    """Whatever stands in a datagram, the gateway answers with commands and raises nothing."""
    stage = Stage()
    stage.sees(DatagramReceived(MG, MGC, data)).take()
    stage.sees(DatagramReceived(MG, MGC, b"MEGACO/2 [192.0.2.10]:2944\n" + data)).take()
    stage.sees(DatagramReceived(MG, STRANGER, data)).take()


_VALID = f"""MEGACO/2 [192.0.2.10]:2944
Transaction = 9 {{ {add('access', stream(TLS_LOCAL, remote('TCP/TLS/MSRP', 'active', UE, f'a=fingerprint:{UE_PRINT}'),
                                          realm=A), EVENTS.format(5), 'Signals { tlsbsc/EstBNC { Stream = 1 } }')} }}"""


@settings(max_examples=150, deadline=None)
@example(at=_VALID.index("c=IN"), inserted=" ", removed=0)
@example(at=_VALID.index("c=IN"), inserted=" \n", removed=0)
@having(st.integers(0, len(_VALID) - 1), st.text('$*{}=,/ 0aR\n"\\;', max_size=4), st.integers(0, 30))
def test_a_mutilated_order(at, inserted, removed):
    """A valid order with something replaced: a reply or an error, never an exception."""
    stage = Stage()
    stage.sees(DatagramReceived(MG, MGC, (_VALID[:at] + inserted + _VALID[at + removed:]).encode())).take()
    assert error(stage.orders("Context = - { AuditValue = ROOT { Audit { } } }")) is None


def test_a_node_of_its_own():
    """Without identity and registry the gateway makes its own; the same source, the same fingerprint."""
    from workbench.nodes.ims_agw import ImsAgw
    from workbench.security.source import Source

    nodes = [ImsAgw("AGW", control=MG, controller=MGC, addresses={"access": ACCESS}, source=Source(3, "AGW"))
             for _ in range(2)]
    first, second = (play(node).sees(Started()).does(BindDatagrams(MG)).take() for node in nodes)
    assert first == second
    assert gateway().next_wakeup() is None
