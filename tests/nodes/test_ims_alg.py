"""The IMS-ALG's decisions: what it refuses, what it never lets through, what it undoes (R-24.229-4, F1, F5 to F11)."""

from __future__ import annotations

import pytest

from workbench.net.values import BindDatagrams, DatagramReceived, Drop, Endpoint, SendDatagram, Started, Woke
from workbench.nodes.ims_alg import ImsAlg
from workbench.protocols import sdp, sip
from workbench.protocols.h248 import message as h248
from workbench.protocols.h248 import text
from workbench.protocols.h248.packages import registry
from workbench.security.source import Source

ACCESS, CORE = Endpoint("198.51.100.5", 5060), Endpoint("192.0.2.130", 5060)
CONTROL, GATEWAY = Endpoint("192.0.2.10", 2944), Endpoint("192.0.2.20", 2944)
UE, PEER = Endpoint("203.0.113.10", 5060), Endpoint("192.0.2.200", 5060)
ALICE, BOB = "sip:alice@home1.example", "sip:bob@home2.example"
PRINT = "SHA-256 " + ":".join(["AB"] * 32)

OFFER = """v=0
o=- 1 1 IN IP4 203.0.113.10
s=-
c=IN IP4 203.0.113.10
t=0 0
m=message 9 TCP/TLS/MSRP *
a=setup:active
a=accept-types:text/plain
a=path:msrps://203.0.113.10:5000/sA;tcp
a=msrp-cema
a=3ge2ae:requested
a=fingerprint:""" + PRINT + "\n"

ANSWER = """v=0
o=- 2 2 IN IP4 192.0.2.200
s=-
c=IN IP4 192.0.2.200
t=0 0
m=message 6000 TCP/MSRP *
a=setup:passive
a=accept-types:text/plain
a=path:msrp://192.0.2.200:6000/sB;tcp
a=msrp-cema
"""


class Bench:
    """An IMS-ALG with a UE, a peer and a gateway that are played by the test."""

    def __init__(self, **settings):
        self.alg = ImsAlg("alg", access=ACCESS, core=CORE, control=CONTROL, gateway=GATEWAY,
                          routes={"home2.example": PEER}, source=Source(1, "alg"), **settings)
        self.token = Source(2, "test").token
        self.now = 0.0
        self.sent = []
        assert {c.local for c in self.alg.handle(Started(), 0.0) if isinstance(c, BindDatagrams)} == {
            ACCESS, CORE, CONTROL}

    def hears(self, local, remote, octets):
        """Hand over a datagram; what is sent because of it."""
        commands = self.alg.handle(DatagramReceived(local, remote, octets), self.now)
        sent = [c for c in commands if isinstance(c, SendDatagram)]
        self.sent += sent
        return sent

    def later(self, seconds):
        """Let time pass."""
        until, sent = self.now + seconds, []
        while (moment := self.alg.next_wakeup()) is not None and moment <= until:
            self.now = max(self.now, moment)
            sent += [c for c in self.alg.handle(Woke(), self.now) if isinstance(c, SendDatagram)]
        self.now = until
        self.sent += sent
        return sent

    def gateway_up(self):
        """The gateway registers and gets its reply."""
        services = h248.Services(method="Restart", reason="901 Cold Boot", version=2, profile="p/1")
        request = h248.Request(1, (h248.Action(h248.NULL, (
            h248.Command(h248.Kind.SERVICE_CHANGE, ("ROOT",), (services,)),)),))
        (reply,) = self.hears(CONTROL, GATEWAY, self.control(request))
        assert text.decode(reply.data).body[0].actions[0].commands[0].error is None
        return self

    def registered(self, contact="203.0.113.10:5060", security=True, source=UE):
        """Alice registers, with media plane security or without."""
        client = sip.registration.MediaSecurity(("msrp-tls",)) if security else None
        first = sip.registration.register(ALICE, contact, token=self.token, client=client)
        challenge = self.ask(first, ACCESS, source)
        assert challenge.status == 401
        again = sip.registration.register_again(
            first, challenge, user=ALICE, password=f"secret of {ALICE}", token=self.token)
        assert self.ask(again, ACCESS, source).status == 200
        return self

    def ask(self, request, local, source):
        """Send a request; its last response so far."""
        via = ("Via", f"SIP/2.0/UDP {source};branch=z9hG4bK{self.token(9)};rport")
        carried = request.headers.without("Via").fields
        sent = sip.Request(sip.Headers((via, *carried)), request.body, method=request.method, uri=request.uri)
        answers = [sip.decode(c.data) for c in self.hears(local, source, sip.encode(sent)) if c.remote == source]
        return answers[-1] if answers else None

    def invite(self, body=OFFER, to=BOB):
        """Alice calls."""
        return self.ask(sip.invite(
            to, caller=ALICE, contact=f"<sip:alice@{UE}>", token=self.token, body=body.encode()), ACCESS, UE)

    @staticmethod
    def control(*transactions):
        return text.encode(h248.Message(2, "[192.0.2.20]:2944", transactions))

    def orders(self):
        """Requests to the gateway so far, oldest first, each once."""
        found = {}
        for command in self.sent:
            if command.remote == GATEWAY:
                for transaction in text.decode(command.data).body:
                    if isinstance(transaction, h248.Request):
                        found[transaction.id] = transaction
        return list(found.values())

    def grants(self, termination="ip/1/core/1", context=55, port=40000, fingerprint=""):
        """Answer the gateway's last order as a gateway does."""
        order = self.orders()[-1]
        command = order.actions[0].commands[0]
        local = f"v=0\nc=IN IP4 198.51.100.1\nm=message {port} TCP/TLS *\n" + (
            f"a=fingerprint:{fingerprint}\n" if fingerprint else "")
        media = h248.Media((h248.StreamDescriptor(1, local=(sdp.decode(local.encode()),)),))
        given = (media,) if command.kind is h248.Kind.ADD else ()
        name = termination if command.kind is h248.Kind.ADD else command.terminations[0]
        return self.hears(CONTROL, GATEWAY, self.control(h248.Reply(order.id, (h248.ActionReply(
            context, (h248.CommandReply(command.kind, (name,), given),)),))))

    def onward(self):
        """The INVITE that went to the core."""
        (invite,) = [sip.decode(c.data) for c in self.sent if c.remote == PEER and c.data.startswith(b"INVITE")]
        return invite

    def answers(self, body=ANSWER, status=200, reason="OK"):
        """The peer answers that INVITE."""
        response = sip.response(self.onward(), status, reason, "peer", contact=f"<sip:bob@{PEER}>",
                                body=body.encode() if status == 200 else b"")
        return self.hears(CORE, PEER, sip.encode(response))

    def finals(self):
        """Final responses to the INVITE that the UE got."""
        heard = [sip.decode(c.data) for c in self.sent if c.remote == UE and c.data.startswith(b"SIP/2.0")]
        return [r.status for r in heard if r.method == "INVITE" and r.status >= 200]


def established():
    """A call that runs, in context 55."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    bench.grants()
    bench.answers()
    bench.grants()
    bench.grants("ip/1/access/2", fingerprint=PRINT)
    assert bench.finals() == [200]
    return bench


def test_a_call_without_gateway_is_refused():
    """No gateway has registered: 503, and no order is sent to nobody."""
    bench = Bench().registered()
    assert bench.invite().status == 503
    assert bench.orders() == []


def test_e2ae_without_agreement_is_refused():
    """R-24.229-4 last row: requested, but not agreed at registration: 488, never a silent downgrade."""
    bench = Bench().gateway_up().registered(security=False)
    assert bench.invite().status == 488
    assert not [c for c in bench.sent if c.remote == PEER]


def test_e2ae_without_fingerprint_is_refused():
    """Without a fingerprint nothing could be checked: 488."""
    bench = Bench().gateway_up().registered()
    assert bench.invite(OFFER.replace(f"a=fingerprint:{PRINT}\n", "")).status == 488


@pytest.mark.parametrize("body", [
    "", "nonsense", OFFER.replace("TCP/TLS/MSRP", "RTP/AVP"), OFFER + OFFER[OFFER.index("m="):]])
def test_what_is_not_one_msrp_stream_is_refused(body):
    """Broken SDP, other media, more than one stream: 488."""
    assert Bench().gateway_up().registered().invite(body).status == 488


def cancelled(bench):
    """Alice gives up: CANCEL with her INVITE's branch; the responses that she gets."""
    sent = [sip.decode(c.data) for c in bench.sent if c.remote == UE and c.data.startswith(b"SIP/2.0")]
    ringing = next(r for r in reversed(sent) if r.method == "INVITE")
    fields = [("Via", ringing.headers.get("Via").replace(";received=203.0.113.10", "")), (
        "From", ringing.headers.get("From")), ("To", f"<{BOB}>"), ("Call-ID", ringing.call_id), ("CSeq", "1 CANCEL")]
    request = sip.Request(sip.Headers(tuple(fields)), method="CANCEL", uri=BOB)
    heard = [sip.decode(c.data) for c in bench.hears(ACCESS, UE, sip.encode(request)) if c.remote == UE]
    return {r.method: r.status for r in heard}


@pytest.mark.parametrize("late", [False, True])
def test_a_caller_that_gives_up_cancels_the_other_half_too(late):
    """RFC 3261 §9: 200 to CANCEL, 487 to the INVITE, CANCEL onwards, Subtract; a faster 200 gets ACK, BYE."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    bench.grants()
    bench.answers(status=180, reason="Ringing")
    assert cancelled(bench) == {"CANCEL": 200, "INVITE": 487}
    assert [c.data.split()[0] for c in bench.sent if c.remote == PEER] == [b"INVITE", b"CANCEL"]
    assert bench.orders()[-1].actions[0].commands[0].kind is h248.Kind.SUBTRACT
    after = bench.answers() if late else bench.answers(status=487, reason="Request Terminated")
    assert [c.data.split()[0] for c in after] == ([b"ACK", b"BYE"] if late else [b"ACK"])


def test_a_cancel_before_anything_went_onwards_stops_the_call():
    """CANCEL while the gateway is still asked: no INVITE leaves, what was reserved is subtracted."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    bench.later(0.3)  # 100 Trying
    assert cancelled(bench) == {"CANCEL": 200}
    bench.grants()
    assert bench.finals() == [487]
    assert not [c for c in bench.sent if c.remote == PEER]
    assert bench.orders()[-1].actions[0].commands[0].kind is h248.Kind.SUBTRACT


def test_a_cancel_for_nothing_is_told_so():
    """No INVITE with that branch: 481."""
    bench = Bench().gateway_up()
    fields = [("From", f"<{ALICE}>;tag=a"), ("To", f"<{BOB}>"), ("Call-ID", "x"), ("CSeq", "1 CANCEL")]
    assert bench.ask(sip.Request(sip.Headers(tuple(fields)), method="CANCEL", uri=BOB), ACCESS, UE).status == 481


def test_an_unknown_domain_is_not_found():
    """No route beyond the core: 404."""
    assert Bench().gateway_up().registered().invite(to="sip:carol@elsewhere.example").status == 404


def test_the_core_is_reserved_before_the_offer_leaves():
    """Steps 2 to 6: Add for T_core first, then the INVITE, with the gateway's core address and without security."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    (order,) = bench.orders()
    command = order.actions[0].commands[0]
    assert (order.actions[0].context, command.kind, command.terminations) == (
        h248.CHOOSE, h248.Kind.ADD, ("ip/1/core/$",))
    assert not [c for c in bench.sent if c.remote == PEER]
    bench.grants(port=40404)
    offer = sdp.decode(bench.onward().body)
    media = offer.media[0]
    assert (media.port, offer.connection_of(media).address, media.proto) == (40404, "198.51.100.1", "TCP/MSRP")
    assert media.attribute("setup") == "active"
    for gone in ("3ge2ae", "fingerprint", "tls-id"):
        assert media.attribute(gone) is None
    assert media.attribute("path") == "msrps://203.0.113.10:5000/sA;tcp"
    assert b"203.0.113.10" not in b"".join(
        line for line in bench.onward().body.splitlines() if line.startswith((b"c=", b"m=")))


def test_security_at_session_level_does_not_reach_the_core_either():
    """R-24.229-3: a fingerprint above the m= line counts for the stream, and is taken out like one below it."""
    bench = Bench().gateway_up().registered()
    line = f"a=fingerprint:{PRINT}\n"
    bench.invite(OFFER.replace(line, "").replace("t=0 0\n", f"t=0 0\n{line}"))
    bench.grants()
    assert b"fingerprint" not in bench.onward().body
    bench.answers()
    bench.grants()
    stream = bench.orders()[-1].actions[0].commands[0].descriptor(h248.Media).stream(1)
    assert stream.remote[0].media[0].attribute("fingerprint") == PRINT


def test_the_gateway_is_told_the_ues_fingerprint_and_asked_for_its_own():
    """Steps 11 to 13: Remote certificate fingerprint, Local certificate fingerprint Request, roles, failure events."""
    bench = established()
    (_, configure, add) = bench.orders()
    assert configure.actions[0].commands[0].kind is h248.Kind.MODIFY
    command = add.actions[0].commands[0]
    stream = command.descriptor(h248.Media).stream(1)
    local, remote = stream.local[0].media[0], stream.remote[0].media[0]
    assert (local.proto, local.attribute("setup")) == ("TCP/TLS", "passive")
    assert local.attribute("fingerprint") == "SHA-256 $"
    assert (remote.attribute("setup"), remote.attribute("fingerprint")) == ("active", PRINT)
    watched = {event.name for event in command.descriptor(h248.Events).events}
    assert {registry().wire_name("tcp-change"), registry().wire_name("tls-change"), "hangterm/thb"} <= watched
    assert command.descriptor(h248.Signals) is None
    assert stream.local_control.mode is h248.Mode.SEND_RECEIVE


def test_the_gateway_that_has_to_be_tls_client_is_told_so():
    """R-6.2.10.3-5: the peer answers active, so the gateway opens TCP to the UE and gets Establish TLS session."""
    bench = Bench().gateway_up().registered()
    bench.invite(OFFER.replace("setup:active", "setup:actpass").replace("message 9", "message 5000"))
    bench.grants()
    bench.answers(ANSWER.replace("setup:passive", "setup:active"))
    bench.grants()
    add = bench.orders()[-1].actions[0].commands[0]
    assert add.descriptor(h248.Media).stream(1).local[0].media[0].attribute("setup") == "active"
    (signal,) = add.descriptor(h248.Signals).items
    assert signal.name == registry().wire_name("tls-establish")


def test_a_ue_behind_a_nat_is_latched():
    """Latching Requirement where packets come from another address than SDP names."""
    bench = Bench().gateway_up().registered()
    bench.invite(OFFER.replace("203.0.113.10", "10.0.0.10"))
    bench.grants()
    bench.answers()
    bench.grants()
    (signal,) = bench.orders()[-1].actions[0].commands[0].descriptor(h248.Signals).items
    assert (signal.name, signal.parameter("napt").value) == ("ipnapt/latch", "LATCH")


def test_an_error_of_the_gateway_ends_the_call():
    """F1: the reservation is refused: the SIP offer is refused too, nothing is left behind."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    (order,) = bench.orders()
    bench.hears(CONTROL, GATEWAY, bench.control(h248.Reply(order.id, (h248.ActionReply(
        h248.NULL, (h248.CommandReply(h248.Kind.ADD, ("ip/1/core/$",), (
            h248.ErrorDescriptor(510, "insufficient resources"),)),)),))))
    assert bench.finals() == [503]
    assert len(bench.orders()) == 1


def test_a_refusal_of_the_peer_is_passed_on_and_undone():
    """486 from the core reaches the UE, and the reserved termination is subtracted."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    bench.grants()
    bench.answers(status=486, reason="Busy Here")
    assert bench.finals() == [486]
    last = bench.orders()[-1].actions[0]
    assert (last.context, last.commands[0].kind, last.commands[0].wildcard_response) == (55, h248.Kind.SUBTRACT, True)


@pytest.mark.parametrize("answer", [
    ANSWER.replace("setup:passive", "setup:active"), ANSWER.replace("TCP/MSRP", "TCP/TLS/MSRP"), "v=0\n"])
def test_an_answer_that_is_not_legal_ends_the_call(answer):
    """F11 and RFC 4145 §4.1: the answer contradicts the offer: 488 or 502 to the UE, BYE to the peer, Subtract."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    bench.grants()
    bench.answers(answer)
    assert len(bench.finals()) == 1 and bench.finals()[0] >= 400
    assert bench.orders()[-1].actions[0].commands[0].kind is h248.Kind.SUBTRACT


@pytest.mark.parametrize("layer", ["tcp", "tls"])
def test_a_failed_bearer_releases_the_session(layer):
    """F2, F5, F6: the gateway notifies a failure; both sides get BYE and the context is subtracted."""
    bench = established()
    names = registry()
    change = h248.Property(names.wire_name(f"{layer}-change-type"), (names.wire_name(f"{layer}-failed"),))
    seen = h248.ObservedEvent(names.wire_name(f"{layer}-change"), "20260301T10153250", 1, (change,))
    sent = bench.hears(CONTROL, GATEWAY, bench.control(h248.Request(9001, (h248.Action(55, (h248.Command(
        h248.Kind.NOTIFY, ("ip/1/access/2",), (h248.ObservedEvents(2003, (seen,)),)),)),))))
    byes = {c.remote for c in sent if c.data.startswith(b"BYE")}
    assert byes == {UE, PEER}
    assert bench.orders()[-1].actions[0].commands[0].kind is h248.Kind.SUBTRACT


def test_an_established_report_changes_nothing():
    """Only failures and releases end a session."""
    bench = established()
    names = registry()
    change = h248.Property(names.wire_name("tcp-change-type"), (names.wire_name("tcp-established"),))
    seen = h248.ObservedEvent(names.wire_name("tcp-change"), "20260301T10153250", 1, (change,))
    sent = bench.hears(CONTROL, GATEWAY, bench.control(h248.Request(9001, (h248.Action(55, (h248.Command(
        h248.Kind.NOTIFY, ("ip/1/access/2",), (h248.ObservedEvents(2003, (seen,)),)),)),))))
    assert [type(text.decode(c.data).body[0]) for c in sent] == [h248.Reply]


def test_a_context_that_is_unknown_is_told_so():
    """F12: a heartbeat of a context that the controller does not know gets 411, and then Subtract."""
    bench = established()
    seen = h248.ObservedEvents(2003, (h248.ObservedEvent("hangterm/thb", "20260301T10153250"),))
    reply, order = bench.hears(CONTROL, GATEWAY, bench.control(h248.Request(9002, (h248.Action(99, (h248.Command(
        h248.Kind.NOTIFY, ("ip/1/access/9",), (seen,)),)),))))
    assert text.decode(reply.data).body[0].actions[0].commands[0].error.code == 411
    (action,) = text.decode(order.data).body[0].actions
    assert (action.context, action.commands[0].kind, action.commands[0].terminations) == (
        99, h248.Kind.SUBTRACT, ("ip/1/access/9",))


def test_a_gateway_that_does_not_answer_ends_the_call():
    """The order is repeated, then given up: 503 to the UE."""
    bench = Bench().gateway_up().registered()
    bench.invite()
    bench.later(120.0)
    assert bench.finals()[:1] == [503]


def test_a_stranger_controls_nothing():
    """H.248 from anybody but the own gateway is dropped."""
    bench = Bench()
    commands = bench.alg.handle(DatagramReceived(CONTROL, PEER, b"MEGACO/2 [1.2.3.4] Transaction = 1 {}"), 0.0)
    assert [type(c) for c in commands] == [Drop]


@pytest.mark.parametrize("local", [ACCESS, CORE, CONTROL])
@pytest.mark.parametrize("octets", [
    b"", b"\x00" * 40, b"INVITE", b"SIP/2.0 200 OK\r\n\r\n", b"MEGACO/2 [", b"!" * 2000])
def test_garbage_changes_nothing(local, octets):
    """Whatever arrives, the node answers with commands and goes on."""
    bench = Bench().gateway_up().registered()
    source = GATEWAY if local == CONTROL else UE
    bench.hears(local, source, octets)
    bench.invite()
    assert len(bench.orders()) == 1


def test_a_wrong_password_does_not_register():
    """403, and an INVITE of that UE is refused."""
    bench = Bench().gateway_up()
    first = sip.registration.register(ALICE, "203.0.113.10:5060", token=bench.token,
                                      client=sip.registration.MediaSecurity(("msrp-tls",)))
    challenge = bench.ask(first, ACCESS, UE)
    again = sip.registration.register_again(first, challenge, user=ALICE, password="guess", token=bench.token)
    assert bench.ask(again, ACCESS, UE).status in (401, 403)
    assert bench.invite().status == 488
