"""Procedures of Iq as messages: what each named call writes is the worked message of the profile (vectors 03 to 27)."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.net.values import Endpoint
from workbench.nodes.controller import indications, iq, readings
from workbench.nodes.controller.elements import (
    ConnectionPoint,
    GatewayWatch,
    Inactivity,
    Latching,
    Policing,
    Priority,
    SourceFilter,
)
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.protocols.h248.packages import registry
from workbench.protocols.sdp import Fingerprint

VECTORS = Path(__file__).parent.parent / "vectors" / "h248"
OWN = ("SHA-256 6B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08")
THEIRS = ("02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2")
ACCESS, CORE = "ip/1/access/17", "ip/1/core/18"
BOTH = h248.Mode.SEND_RECEIVE


def vector(name: str) -> h248.Transaction:
    (one,) = text.decode((VECTORS / f"{name}.txt").read_bytes()).body
    return one


def asked(name: str) -> h248.Action:
    request = vector(name)
    assert isinstance(request, h248.Request)
    (action,) = request.actions
    return action


def answer(name: str) -> h248.Reply:
    reply = vector(name)
    assert isinstance(reply, h248.Reply)
    return reply


def plain(action: h248.Action) -> object:
    """An action as it passes the wire; the order of events in a descriptor means nothing."""
    request = h248.Message(2, "[192.0.2.10]:2944", (h248.Request(1, (action,)),))
    (read,) = text.decode(text.encode(request)).body
    tree = msgspec.to_builtins(read, enc_hook=str)

    def sorted_events(value: object) -> object:
        if isinstance(value, dict):
            items = {key: sorted_events(inner) for key, inner in value.items()}
            if items.get("is") == "Events":
                items["events"] = sorted(items.get("events", ()), key=str)
            # Whether SDP lines end in CR LF or LF is a matter of writing.
            return items
        if isinstance(value, list | tuple):
            return [sorted_events(inner) for inner in value]
        return value

    return sorted_events(tree)


def fingerprint(hexadecimal: str) -> Fingerprint:
    return Fingerprint("SHA-256", bytes.fromhex(hexadecimal.replace(":", "")))


UE_LEG = ConnectionPoint(
    "access", "access.example.net", "message", "TCP/TLS/MSRP", setup="actpass", ask_fingerprint=True, watch_tls=True,
    dscp=0x2E)
CORE_LEG = ConnectionPoint(
    "core", "core.example.net", "message", "TCP/MSRP", setup="passive", remote=Endpoint("203.0.113.7", 7394),
    remote_setup="active")
UE_SETTLED = msgspec.structs.replace(
    UE_LEG, setup="active", local=Endpoint("198.51.100.20", 40000), ask_fingerprint=False, fingerprint=OWN,
    remote=Endpoint("10.20.30.40", 2855), remote_setup="passive", remote_fingerprints=(fingerprint(THEIRS),),
    mode=BOTH, establish_tcp=True, establish_tls=True)
MERGE = ConnectionPoint(
    "access", "access.example.net", "message", "TCP/MSRP", setup="passive", latching=Latching.LATCH, watch_bearer=False)
TUNNEL = ConnectionPoint(
    "access", "access.example.net", "-", "TCP", format="-", setup="passive", version=6, mode=BOTH, watch_tcp=False)
DTLS = ConnectionPoint(
    "access", "access.example.net", "-", "UDP/DTLS", format="-", setup="passive", ask_fingerprint=True,
    remote=Endpoint("10.20.30.41", 6100), remote_setup="active", remote_fingerprints=(fingerprint(THEIRS),),
    watch_bearer=False, watch_tcp=False, watch_tls=True)

WORKED = {
    "03-reserve-request": iq.reserve(h248.CHOOSE, UE_LEG, request_id=2001),
    "05-reserve-configure-request": iq.reserve(55, CORE_LEG, request_id=2002),
    "07-configure-request": iq.together(
        iq.configure(55, ACCESS, UE_SETTLED), iq.change_through_connection(55, CORE, BOTH)),
    "09-establish-tls": iq.start_tls(
        55, ACCESS, msgspec.structs.replace(UE_LEG, watch_tcp=False), request_id=2003),
    "14-merge-access": iq.reserve(h248.CHOOSE, MERGE, request_id=2101),
    "15-merge-core": iq.reserve(56, msgspec.structs.replace(
        CORE_LEG, remote=Endpoint("203.0.113.7", 9), mode=BOTH, watch_bearer=False), request_id=2102),
    "16-merge-open": iq.configure(56, "ip/1/access/21", msgspec.structs.replace(
        MERGE, latching=Latching.OFF, mode=BOTH, remote=Endpoint("10.1.1.9", 9), remote_setup="active")),
    "17-e2e-tcp-only": iq.together(
        iq.reserve(h248.CHOOSE, TUNNEL, request_id=2201),
        iq.reserve(h248.CHOOSE, msgspec.structs.replace(
            TUNNEL, interface="core", realm="core.example.net", setup="active"), request_id=2202)),
    "18-dtls-t38": iq.together(
        iq.reserve(h248.CHOOSE, DTLS, request_id=2301),
        iq.reserve(h248.CHOOSE, ConnectionPoint(
            "core", "core.example.net", "-", "udp", format="-", watch_bearer=False, watch_tcp=False),
            request_id=2302)),
    "19-release-one": iq.release_termination(55, ACCESS),
    "20-release-context": iq.release(56),
    "25-empty-audit": iq.supervise(),
    "26-inactivity-and-realms": iq.watch_gateway(GatewayWatch(inactivity=30.0, realms=True), 3001),
    "27-audit-realms": iq.available_realms(),
}


@pytest.mark.parametrize("name", WORKED)
def test_a_procedure_writes_its_worked_message(name: str):
    """Elements in, the message of the profile out; the tree that arrives is the one that was worked out by hand."""
    assert plain(WORKED[name]) == plain(asked(name))


def one(action: h248.Action) -> h248.Command:
    (command,) = action.commands
    return command


def test_paths_are_in_local_and_remote():
    """Application-aware MSRP: a=path as advertised in Local, as received, complete, in Remote; else there is none."""
    point = msgspec.structs.replace(
        CORE_LEG, path="msrp://192.0.2.1:8000/own;tcp",
        remote_path="msrp://relay.example:9000/r;tcp msrp://192.0.2.50:6000/s;tcp")
    media = one(iq.reserve(55, point, request_id=7)).descriptor(h248.Media)
    assert media is not None
    (stream,) = media.streams
    assert stream.local is not None and stream.remote is not None
    assert stream.local[0].media[0].attribute("path") == point.path
    assert stream.remote[0].media[0].attribute("path") == point.remote_path
    assert b"a=path" not in str(plain(iq.reserve(55, CORE_LEG, request_id=7))).encode()


def test_tcp_is_started_alone():
    """Start TCP connection establishment: the signal of tcpbcc, and the failure event armed with it."""
    command = one(iq.start_tcp(55, ACCESS, CORE_LEG, request_id=7))
    assert command.descriptor(h248.Signals) == h248.Signals((h248.Signal(registry().wire_name("tcp-establish"), 1),))
    events = command.descriptor(h248.Events)
    assert events is not None and registry().wire_name("tcp-change") in [event.name for event in events.events]
    assert command.descriptor(h248.Media) is None


def test_through_connection_and_flow():
    """Change Through-Connection is the mode alone; Change flow direction is the topology alone."""
    media = one(iq.change_through_connection(5, ACCESS, h248.Mode.SEND_ONLY, (1, 2))).descriptor(h248.Media)
    assert media == h248.Media(tuple(
        h248.StreamDescriptor(number, h248.LocalControl(h248.Mode.SEND_ONLY)) for number in (1, 2)))
    triple = h248.Topology(ACCESS, CORE, h248.TopologyDirection.ONEWAY)
    flow = iq.change_flow(5, triple)
    assert flow == h248.Action(5, (), h248.ContextProperties(topology=(triple,)))
    assert plain(flow)


def test_release_with_statistics_asks_for_nothing():
    """Without an Audit descriptor a Subtract brings all statistics (H.248.1 §7.2.5)."""
    assert one(iq.release_termination(5, ACCESS, statistics=True)).descriptors == ()


def test_traffic_elements():
    """Code point, policing, filters, RTCP: each in LocalControl, under its one name."""
    point = msgspec.structs.replace(
        CORE_LEG, dscp=8, rtcp=False, policing=Policing(1000, 2000, 500),
        source_filter=SourceFilter(True, "", True, "5-9"))
    media = one(iq.reserve(1, point, request_id=None)).descriptor(h248.Media)
    assert media is not None
    control = media.streams[0].local_control
    assert control is not None
    assert {item.name: item.value for item in control.properties} == {
        "ipdc/realm": "core.example.net", "ds/dscp": "08", "rtcph/rsb": "OFF", "tman/pol": "ON", "tman/sdr": "1000",
        "tman/pdr": "2000", "tman/mbs": "500", "gm/saf": "ON", "gm/spf": "ON", "gm/spr": "5-9"}
    again = one(iq.configure(1, CORE, point)).descriptor(h248.Media)
    assert again is not None and again.streams[0].local_control is not None
    assert again.streams[0].local_control.property("ipdc/realm") is None  # said once, for the life of the stream


def test_events_that_can_be_asked_for():
    """Heartbeat, released bearer, inactivity, source change, TCP and TLS: all in one Events descriptor."""
    point = msgspec.structs.replace(
        UE_LEG, watch_inactivity=Inactivity(20, "IN"), watch_source=True, heartbeat=30)
    events = one(iq.reserve(1, point, request_id=5)).descriptor(h248.Events)
    assert events is not None and events.request_id == 5
    assert [(event.name, event.stream) for event in events.events] == [
        ("g/cause", None), ("hangterm/thb", None), ("tcpbcc/BNCChange", 1), ("tlsbsc/BNCChange", 1),
        ("adid/ipstop", 1), ("adr/rsac", 1)]
    silent = msgspec.structs.replace(UE_LEG, heartbeat=0, watch_bearer=False, watch_tcp=False, watch_tls=False)
    assert one(iq.reserve(1, silent, request_id=None)).descriptor(h248.Events) is None


def test_several_streams_of_one_termination():
    """One point a stream; two points for one stream are our own mistake."""
    second = msgspec.structs.replace(CORE_LEG, stream=2, latching=Latching.RELATCH)
    command = one(iq.reserve(1, CORE_LEG, second, request_id=5))
    media, signals = command.descriptor(h248.Media), command.descriptor(h248.Signals)
    assert media is not None and [stream.id for stream in media.streams] == [1, 2]
    assert signals is not None and [signal.stream for signal in signals.items] == [2]
    with pytest.raises(LocalProtocolError):
        iq.reserve(1, CORE_LEG, CORE_LEG, request_id=5)
    with pytest.raises(LocalProtocolError):
        iq.together(iq.release(1), iq.release(2))


def test_a_call_of_priority():
    """Emergency call indicator and priority information are attributes of the context."""
    action = iq.reserve(h248.CHOOSE, CORE_LEG, request_id=1, priority=Priority(emergency=True, level=3))
    assert action.properties == h248.ContextProperties(priority=3, emergency=True)
    assert iq.reserve(h248.CHOOSE, CORE_LEG, request_id=1, priority=Priority()).properties is None
    assert iq.change_priority(7, Priority(level=1)).properties == h248.ContextProperties(priority=1)


def test_what_is_watched_of_the_gateway():
    """Congestion, overload and realms share one Events descriptor at ROOT; nothing watched is an empty one."""
    action = iq.watch_gateway(GatewayWatch(realms=True, congestion=True, overload=True), 9)
    events = one(action).descriptor(h248.Events)
    assert events is not None
    assert [event.name for event in events.events] == ["ipra/arc", "chp/MGCon", "ocp/mg_overload"]
    assert one(iq.watch_gateway(GatewayWatch(), 9)).descriptor(h248.Events) == h248.Events()


def test_the_controller_changes_a_termination_s_service():
    """A termination can be taken out of service."""
    forced = iq.service_change(55, ACCESS, h248.Method.FORCED, "905 Termination Taken Out Of Service")
    assert (forced.context, one(forced).terminations) == (55, (ACCESS,))


def test_audits():
    """Whole descriptors by their token, for values or for capabilities."""
    command = one(iq.audit_capability(55, ACCESS, "Media", "Packages"))
    assert command.kind is h248.Kind.AUDIT_CAPABILITY
    assert command.descriptors == (h248.Audit((h248.AuditItem("Media"), h248.AuditItem("Packages"))),)


# Replies

def test_a_reserved_point_is_read():
    """Context, TerminationID, address, fingerprint (vectors 04 and 06)."""
    given = readings.reserved(answer("04-reserve-reply"))
    assert isinstance(given, readings.Reserved)
    assert (given.context, given.termination, given.local) == (55, ACCESS, Endpoint("198.51.100.20", 40000))
    assert given.fingerprint == OWN
    plain_leg = readings.reserved(answer("06-reserve-configure-reply"))
    assert isinstance(plain_leg, readings.Reserved)
    assert (plain_leg.termination, plain_leg.fingerprint) == (CORE, "")


def test_what_was_done_is_read():
    """Modify of two, and the one wildcarded response (vectors 08 and 21)."""
    assert readings.done(answer("08-configure-reply")) == readings.Done(55, (ACCESS, CORE))
    assert readings.done(answer("21-release-context-reply")) == readings.Done(56, ("*",))


def test_a_refusal_says_where_it_stood():
    """Command rejected at command, action and transaction level (vectors 23 and 24)."""
    assert readings.done(answer("24-modify-refused")) == readings.Refused(449, "a=setup:holdconn", "command")
    assert readings.refusal(answer("23-heartbeat-unknown-context")) == readings.Refused(
        411, "unknown ContextID", "action")
    whole = h248.Reply(1, error=h248.ErrorDescriptor(505))
    for read in (readings.reserved, readings.done, readings.audited, readings.realms):
        assert read(whole) == readings.Refused(505, "", "transaction")


def test_realms_and_other_audits_are_read():
    """A list-valued property of ROOT; a gateway that does not say has none."""
    state = h248.TerminationState(properties=(
        h248.Property("ipra/ar", ("access.example.net", "core.example.net"), h248.Form.LIST),))
    reply = h248.Reply(1, (h248.ActionReply(0, (h248.CommandReply(
        h248.Kind.AUDIT_VALUE, ("ROOT",), (h248.Media(termination_state=state),)),)),))
    assert readings.realms(reply) == ("access.example.net", "core.example.net")
    empty = h248.Reply(1, (h248.ActionReply(0, (h248.CommandReply(h248.Kind.AUDIT_VALUE, ("ROOT",)),)),))
    assert readings.realms(empty) == ()
    assert readings.audited(empty) == (readings.Audited(0, "ROOT", ()),)


@pytest.mark.parametrize("reply", [
    h248.Reply(1),
    h248.Reply(1, (h248.ActionReply(5),)),
    h248.Reply(1, (h248.ActionReply(5, (h248.CommandReply(h248.Kind.ADD, ("ip/1",)),)),)),
    h248.Reply(1, (h248.ActionReply(5, (h248.CommandReply(
        h248.Kind.ADD, ("ip/1",), (h248.Media((h248.StreamDescriptor(1, local=()),)),)),)),)),
])
def test_a_reply_without_what_was_asked_for(reply: h248.Reply):
    """A gateway that answers Add without an address broke the protocol, and is told apart from one that refused."""
    with pytest.raises(MalformedMessageError):
        readings.reserved(reply)


def test_statistics_come_with_a_release():
    """What was counted at each termination."""
    counted = h248.Statistics((h248.Property("nt/os", ("5",)),))
    reply = h248.Reply(1, (h248.ActionReply(5, (h248.CommandReply(h248.Kind.SUBTRACT, (ACCESS,), (counted,)),)),))
    assert readings.done(reply) == readings.Done(5, (ACCESS,), (counted,))


# Indications

def seen(name: str) -> indications.Indication:
    action = asked(name)
    (found,) = indications.observed(action.context, one(action))
    return found


def at(request_id: int, time: str, termination: str = ACCESS) -> indications.Where:
    return indications.Where(55, termination, request_id, time)


def test_indications_of_the_worked_messages():
    """TLS failed, TCP failed, bearer lost, heartbeat (vectors 10, 12, 13, 22)."""
    assert seen("10-notify-tls-failed") == indications.TlsChanged(
        at(2003, "20260301T10153250"), 1, indications.Change.FAILED)
    assert seen("12-notify-tcp-failed") == indications.TcpChanged(
        at(2001, "20260301T10153300"), 1, indications.Change.FAILED)
    assert seen("13-notify-bearer-lost") == indications.BearerReleased(
        at(2002, "20260301T10301200", CORE), None, "FT", "")
    assert seen("22-heartbeat") == indications.TerminationHeartbeat(at(2001, "20260301T11000000"))


def notify(body: str, termination: str = "ROOT", context: str = "-") -> list[indications.Indication]:
    message = text.decode(f"""MEGACO/2 [192.0.2.20]:2944 Transaction = 1 {{ Context = {context} {{
        Notify = {termination} {{ ObservedEvents = 3001 {{ {body} }} }} }} }}""".encode())
    (request,) = message.body
    assert isinstance(request, h248.Request)
    return indications.observed(request.actions[0].context, request.actions[0].commands[0])


ROOT = indications.Where(0, "ROOT", 3001)


@pytest.mark.parametrize(("body", "meant"), [
    ("it/ito", indications.InactivityTimeout(ROOT)),
    ("ipra/arc { nar = [one, two], nur = [three] }", indications.RealmsChanged(ROOT, ("one", "two"), ("three",))),
    ("CHP/mgcon { reduction = 40 }", indications.Congestion(ROOT, 40)),
    ("chp/MGCon", indications.Congestion(ROOT, 0)),
    ("ocp/mg_overload", indications.Overload(ROOT)),
    ("adid/ipstop { Stream = 2, dt = 9 }", indications.MediaInactive(ROOT, 2)),
    ('adr/rsac { Stream = 1, nrsa = "10.0.0.9", nrsp = 4000 }',
     indications.SourceChanged(ROOT, 1, Endpoint("10.0.0.9", 4000))),
    ("adr/rsac { nrsp = 99999999999 }", indications.SourceChanged(ROOT, None, None)),
    ("g/cause { Stream = 1, Generalcause = NR, Failurecause = 4142 }",
     indications.BearerReleased(ROOT, 1, "NR", "4142")),
    ("g/sc { SigID = ipnapt/latch, Meth = TO }", indications.SignalCompleted(ROOT, "ipnapt/latch", "TO")),
    ("tcpbcc/bncchange { Stream = 1, Type = Est }",
     indications.TcpChanged(ROOT, 1, indications.Change.ESTABLISHED)),
    ("tlsbsc/bncchange { Type = Rel }", indications.TlsChanged(ROOT, None, indications.Change.RELEASED)),
    ("tcpbcc/bncchange { Type = Odd }", indications.TcpChanged(ROOT, None, None)),
    ("x/odd { a = b }", indications.OtherEvent(
        ROOT, h248.ObservedEvent("x/odd", parameters=(h248.Property("a", ("b",)),)))),
])
def test_every_indication_has_its_value(body: str, meant: indications.Indication):
    """Names in either case, unknown parameters left out, an unknown event kept as it is."""
    assert notify(body) == [meant]


def test_several_events_in_one_notify():
    """In the order in which they were seen."""
    assert [type(found) for found in notify("it/ito, ocp/mg_overload")] == [
        indications.InactivityTimeout, indications.Overload]


def test_what_ends_a_bearer():
    """Failure, release and loss do; an establishment and a heartbeat do not."""
    ends = [indications.ends_bearer(found) for found in (
        *notify("g/cause"), *notify("tcpbcc/BNCChange { Type = Fail }"), *notify("tlsbsc/BNCChange { Type = Rel }"),
        *notify("tcpbcc/BNCChange { Type = Est }"), *notify("hangterm/thb"), *notify("x/y"))]
    assert ends == [True, True, True, False, False, False]


@pytest.mark.parametrize(("reason", "code", "words"), [
    ('"901 Cold Boot"', 901, "Cold Boot"), ("908", 908, ""), ('"odd"', 0, "odd")])
def test_a_service_change_says_why(reason: str, code: int, words: str):
    """Number and text of the reason, whatever else stands there."""
    message = text.decode(f"""MEGACO/2 [192.0.2.20]:2944 Transaction = 1 {{ Context = - {{ ServiceChange = root {{
        Services {{ Method = Forced, Delay = 5, Reason = {reason} }} }} }} }}""".encode())
    command = message.body[0].actions[0].commands[0]
    found = indications.service_changed(0, command)
    assert found == indications.ServiceChanged(0, found.termination, "Forced", code, words, 5)
    assert found.of_gateway
