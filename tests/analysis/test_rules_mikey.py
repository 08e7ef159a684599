"""Rules on MIKEY in a=key-mgmt: captures that break them, captures that keep them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from capturing import A, B, Frame, sdp, sip, udp, write
from crafted_calls import Crafted
from http_words import certified_exchanges, exchange, request_exchange
from mikey_words import PUBLIC, stored
from test_rules import found
from tickets_words import BY_CERTIFICATE, KMS_ID, SIGNED, strong
from tickets_words import A as UE_A

from workbench.analysis.analyzing import analyze
from workbench.analysis.report import Report
from workbench.lab import certificates
from workbench.net.values import Endpoint
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import wire
from workbench.protocols.mikey.registry import Flag
from workbench.security.source import Source
from workbench.security.tickets import Initiator

RULES = ("key-mgmt-changed", "mikey-malformed", "mikey-misplaced", "mikey-sessions", "transfer-response-missing",
         "mikey-refused", "kms-response-unrelated", "mikey-certificate",
         "ticket-flags", "ticket-keys-readable", "ticket-out-of-time", "transfer-replayed", "key-mgmt-list")
INIT, RESP = stored("transfer-init"), stored("transfer-resp")
SENT = wire.decode(INIT)
TICKET = SENT.first(m.Ticket)
assert TICKET is not None


def value(octets: bytes) -> str:
    return f"key-mgmt:mikey {wire.encode_base64(octets)}"


def call(offer: str = value(INIT), answer: str = value(RESP), number: int = 1, port: int = B.port) -> list[Frame]:
    """Offer and answer of UE A and UE B."""
    one, other = Endpoint(A.host, 5060), Endpoint(B.host, 5060)
    said = [[text] if text else [] for text in (offer, answer)]
    invite = sip("INVITE sip:b@home2.example SIP/2.0", f"c{number}", "INVITE",
                 sdp(A.host, A.port + number, "TCP/TLS/MSRP", "setup:active", *said[0]))
    ok = sip("SIP/2.0 200 OK", f"c{number}", "INVITE",
             sdp(B.host, port and port + number, "TCP/TLS/MSRP", "setup:passive", *said[1]))
    return [udp(float(number), one, other, invite, "SIP"), udp(number + 0.1, other, one, ok, "SIP")]


def judged(tmp_path: Path, frames: list[Frame]) -> Report:
    return analyze(write(tmp_path / "a.pcapng", frames))


def told(report: Report) -> list[str]:
    return [finding.rule for finding in report.findings if finding.rule in RULES]


def with_policy(**changes: object) -> str:
    """The TRANSFER_INIT with another ticket policy."""
    assert TICKET is not None
    ticket = msgspec.structs.replace(TICKET, policy=msgspec.structs.replace(TICKET.policy, **changes))
    payloads = tuple(ticket if isinstance(one, m.Ticket) else one for one in SENT.payloads)
    return value(wire.encode(m.Message(SENT.header, payloads)))


def with_header(octets: bytes, **changes: object) -> str:
    """The message with another header."""
    message = wire.decode(octets)
    return value(wire.encode(m.Message(msgspec.structs.replace(message.header, **changes), message.payloads)))


def test_a_sound_transfer_keeps_all_rules(tmp_path: Path):
    """TRANSFER_INIT in the offer, TRANSFER_RESP in the answer; other key management is nobody's business here."""
    assert told(judged(tmp_path, call())) == []
    assert told(judged(tmp_path, call("key-mgmt:other AAAA", "key-mgmt:other !"))) == []


@pytest.mark.parametrize(("text", "why"), [
    (value(b"\x02" + INIT[1:]), "version 2 at octet 0 [RFC 3830 §6.1]"), (value(INIT[:-1]), "mac cut short"),
    (value(INIT + b"\0"), "behind the last payload"), ("key-mgmt:mikey AQ4*", "not base64"),
    ("key-mgmt:mikey", "without protocol and message")])
def test_a_message_that_does_not_decode(tmp_path: Path, text: str, why: str):
    """K1, K24: the finding says what is wrong and where."""
    (finding,) = found(judged(tmp_path, call(text)), "mikey-malformed")
    assert why in finding.explanation and finding.frames == (1,)


@pytest.mark.parametrize(("offer", "answer", "why"), [
    (with_header(INIT, data_type=99), value(RESP), "data type 99"),
    (value(stored("request-init-psk")), value(RESP), "REQUEST_INIT_PSK in the offer, where nobody waits for it"),
    (value(INIT), value(stored("resolve-resp")), "RESOLVE_RESP in the answer"),
    (value(RESP), value(RESP), "TRANSFER_RESP in the offer"),
    (value(INIT), value(INIT), "TRANSFER_INIT in the answer")])
def test_a_message_that_nobody_waits_for(tmp_path: Path, offer: str, answer: str, why: str):
    """K2: kinds that are unassigned, for a KMS, or of the other direction."""
    (finding,) = found(judged(tmp_path, call(offer, answer)), "mikey-misplaced")
    assert why in finding.explanation


def test_sessions_that_are_named_wrongly(tmp_path: Path):
    """K3, K22: an SRTP-ID map; a response that chooses no policy, or no key."""
    srtp = with_header(INIT, map_type=0, sessions=(m.SrtpSession(0, 1),))
    (finding,) = found(judged(tmp_path, call(srtp)), "mikey-sessions")
    assert "SRTP_ID" in finding.explanation
    for sessions in ((m.CryptoSession(1, 241, (), b"", b"\x02"),), (m.CryptoSession(1, 241, (0,)),)):
        (finding,) = found(judged(tmp_path, call(answer=with_header(RESP, sessions=sessions))), "mikey-sessions")
        assert "chooses one policy and one key" in finding.explanation


@pytest.mark.parametrize(("answer", "port", "broken"), [
    ("", B.port, True), ("", 0, False), ("fingerprint:SHA-256 " + ":".join(["AB"] * 32), B.port, True),
    (value(wire.encode(m.Message(m.Header(6, 0x22222222), (m.Timestamp(0, 1), m.Failure(14))))), B.port, False)])
def test_an_answer_without_transfer_response(tmp_path: Path, answer: str, port: int, broken: bool):
    """K8: a stream that is refused, or answered with an Error, keeps the rule."""
    report = judged(tmp_path, call(answer=answer, port=port))
    assert bool(found(report, "transfer-response-missing")) == broken


def test_a_ticket_without_flag_f_wants_no_response(tmp_path: Path):
    """Nor does it break another rule, if G is not set and L is."""
    assert TICKET is not None
    policy = {"flags": (TICKET.policy.flags & ~(Flag.F | Flag.G)) | Flag.H}
    assert found(judged(tmp_path, call(with_policy(**policy), "")), "transfer-response-missing") == []


@pytest.mark.parametrize(("take", "give", "why"), [
    (Flag.G | Flag.H, 0, "G=0 without H=1"), (Flag.D, 0, "D=0 without L=1"), (Flag.F, 0, "G=1 without F=1"),
    (Flag.E, Flag.I, "I=1 without E=1"), (Flag.D, Flag.K | Flag.L, "K=1 without D=1"),
    (Flag.F | Flag.G, Flag.M, "M=1 without F=1")])
def test_flags_that_contradict_each_other(tmp_path: Path, take: int, give: int, why: str):
    """K4, K5, and the other pairs of RFC 6043 §6.10."""
    assert TICKET is not None
    report = judged(tmp_path, call(with_policy(flags=TICKET.policy.flags & ~take | give)))
    (finding,) = found(report, "ticket-flags")
    assert why in finding.explanation


def test_forked_keys_of_which_no_response_tells(tmp_path: Path):
    """I with a TGK and F=0, which a TP says; a ticket does not show which keys it has."""
    asked = wire.decode(stored("request-init-psk"))
    flags = Flag.D | Flag.E | Flag.H | Flag.I
    chain = tuple(msgspec.structs.replace(one, flags=flags | Flag.G) if isinstance(one, m.TicketPolicy) else one
                  for one in asked.payloads)
    for change, why in ((chain, "G=1 without F=1; I=1 with a TGK, without F=1"), (asked.payloads, "")):
        report = judged(tmp_path, exchange(wire.encode(m.Message(asked.header, change)), b"").frames)
        assert [why in one.explanation for one in found(report, "ticket-flags")] == ([True] if why else [])
    assert TICKET is not None
    free = TICKET.policy.flags & ~(Flag.F | Flag.G) | Flag.H | Flag.I
    assert found(judged(tmp_path, call(with_policy(flags=free), "")), "ticket-flags") == []


def test_keys_of_an_initiator_that_may_supply_none(tmp_path: Path):
    """KEMAC in TRANSFER_INIT with L=0; with L it may stand there."""
    assert TICKET is not None
    for flags, why in ((TICKET.policy.flags, "keys of the initiator, and the ticket has L=0"),
                       (TICKET.policy.flags | Flag.L, "")):
        ticket = msgspec.structs.replace(TICKET, policy=msgspec.structs.replace(TICKET.policy, flags=flags))
        chain = [ticket if isinstance(one, m.Ticket) else one for one in SENT.payloads]
        octets = wire.encode(m.Message(SENT.header, (*chain[:-1], m.Kemac(1, bytes(40)), chain[-1])))
        findings = found(judged(tmp_path, call(value(octets))), "ticket-flags")
        assert [why in one.explanation for one in findings] == ([True] if why else [])


def test_keys_that_can_be_read(tmp_path: Path):
    """K6, K7: a KEMAC in a granted ticket's policy, and one that encrypts nothing; zeros are no key."""
    assert TICKET is not None
    for key, count in ((bytes(16), 1), (b"\x47" * 16, 2)):
        kemac = m.Kemac(0, wire.encode_keys([m.KeyData(0, key)]))
        report = judged(tmp_path, call(with_policy(data=(*TICKET.policy.data, kemac))))
        assert len(found(report, "ticket-keys-readable")) == count


@pytest.mark.parametrize(("begin", "end", "why"), [
    (0xD7359440, 0xD735944A, ""), (0xD735944B, 0xD736E5C0, "does not hold yet"),
    (0xD7359440, 0xD7359449, "holds no longer")])
def test_a_ticket_before_or_after_its_time(tmp_path: Path, begin: int, end: int, why: str):
    """K12: held against the timestamp of the message that carries it."""
    assert TICKET is not None
    times = {2: begin, 3: end}
    data = tuple(m.Timestamp(3, times[one.role or 0], one.role) if isinstance(one, m.Timestamp) else one
                 for one in TICKET.policy.data)
    findings = found(judged(tmp_path, call(with_policy(data=data))), "ticket-out-of-time")
    assert [why in finding.explanation for finding in findings] == ([True] if why else [])


def test_a_transfer_that_is_sent_in_two_calls(tmp_path: Path):
    """K14: with flag J the ticket may be used again, so that only the message is another one."""
    (finding,) = found(judged(tmp_path, [*call(), *call(number=2)]), "transfer-replayed")
    assert finding.frames == (1, 3)
    assert TICKET is not None
    again = with_policy(flags=TICKET.policy.flags | Flag.J)
    assert found(judged(tmp_path, [*call(again), *call(again, number=2)]), "transfer-replayed") == []


def through_a_gateway(tmp_path: Path, came: str, went: str, back: str, on: str) -> list[str]:
    """A call through an IMS-ALG: offer as UE A sent it and as it went on, answer as UE B sent it and as it went on."""
    said = [(f"setup:{role}", *([text] if text else [])) for role, text in (
        ("active", came), ("passive", on), ("active", went), ("passive", back))]
    crafted = Crafted()
    crafted.agrees("access", said[0], said[1], at=0.3, takes=0.4, proto="TCP/TLS/MSRP")
    crafted.agrees("core", said[2], said[3], at=0.4, takes=0.2, proto="TCP/TLS/MSRP")
    return [finding.explanation for finding in found(crafted.report(tmp_path), "key-mgmt-changed")]


@pytest.mark.parametrize(("went", "on", "why"), [
    (value(INIT), value(RESP), []), ("", value(RESP), ["no a=key-mgmt at all"]),
    (value(INIT), "", ["no a=key-mgmt at all"]), (value(INIT[:-1] + b"\0"), value(RESP), ["other octets"]),
    ("", "", ["no a=key-mgmt at all"] * 2)])
def test_a_node_in_between_takes_key_management_away(tmp_path: Path, went: str, on: str, why: list[str]):
    """K21: in the offer or in the answer; what comes through as it was keeps the rule."""
    findings = through_a_gateway(tmp_path, value(INIT), went, value(RESP), on)
    assert [word in text for word, text in zip(why, findings, strict=True)] == [True] * len(why)


LISTED = value(wire.encode(m.Message(SENT.header, (*SENT.payloads[:-1], m.sdp_ids(["keyp1", "mikey"]),
                                                   SENT.payloads[-1]))))
OTHER = "key-mgmt:keyp1 AAAA"


def offering(tmp_path: Path, *lines: str) -> list[str]:
    """What is found on an offer with these attributes."""
    said = sdp(A.host, A.port, "TCP/TLS/MSRP", "setup:active", *lines)
    invite = sip("INVITE sip:b@home2.example SIP/2.0", "c1", "INVITE", said)
    frames = [udp(at, Endpoint(A.host, 5060), Endpoint(B.host, 5060), invite, "SIP") for at in (0.0, 0.5)]
    return [finding.explanation for finding in found(judged(tmp_path, frames), "key-mgmt-list")]


@pytest.mark.parametrize(("lines", "came"), [
    ((OTHER, LISTED), ""), (("key-mgmt:KEYP1 AAAA", LISTED), ""), ((OTHER, value(INIT)), ""), ((value(INIT),), ""),
    ((LISTED,), "mikey"), ((LISTED, OTHER), "mikey, keyp1"), ((OTHER, LISTED, "key-mgmt:k2 AA"), "keyp1, mikey, k2")],
    ids=["as listed", "in capitals", "no list", "no list, alone", "taken out", "moved", "put in"])
def test_the_list_of_key_management_protocols_is_that_of_the_offer(tmp_path: Path, lines: tuple[str, ...], came: str):
    """RFC 4567 §4.1.4; told once, however often the offer is sent."""
    told_of = [f"made for an offer of keyp1, mikey, and came in one of {came}."] if came else []
    findings = offering(tmp_path, *lines)
    assert [what in text for what, text in zip(told_of, findings, strict=True)] == [True] * len(told_of)


@pytest.mark.parametrize(("went", "what"), [
    ((OTHER, LISTED), ""), ((LISTED,), "1 of 2 such lines"), ((LISTED, OTHER), "such lines in another order")])
def test_a_node_in_between_changes_one_of_several_lines(tmp_path: Path, went: tuple[str, ...], what: str):
    """What goes on is compared whole: each line, and their order."""
    crafted = Crafted()
    crafted.agrees("access", ("setup:active", OTHER, LISTED), ("setup:passive", value(RESP)), at=0.3, takes=0.4,
                   proto="TCP/TLS/MSRP")
    crafted.agrees("core", ("setup:active", *went), ("setup:passive", value(RESP)), at=0.4, takes=0.2,
                   proto="TCP/TLS/MSRP")
    findings = [one.explanation for one in found(crafted.report(tmp_path), "key-mgmt-changed")]
    assert [what in text for text in findings] == ([True] if what else [])


def test_a_sound_exchange_with_a_kms_keeps_all_rules(tmp_path: Path):
    """Request and Resolve, on a connection each."""
    resolve = exchange(stored("resolve-init-psk"), stored("resolve-resp")).frames
    frames = [*request_exchange().closes().frames, *((at + 5, where, octets) for at, where, octets in resolve)]
    assert told(judged(tmp_path, frames)) == []


def test_a_kms_that_refuses(tmp_path: Path):
    """An Error says why, over HTTP as in an answer."""
    error = wire.encode(m.Message(m.Header(6, 0x33333333), (m.Timestamp(0, 0xD735944B << 32), m.Failure(14))))
    (finding,) = found(judged(tmp_path, exchange(stored("resolve-init-psk"), error).frames), "mikey-refused")
    assert "invalid ticket (14)" in finding.explanation
    assert told(judged(tmp_path, call(answer=value(error)))) == ["mikey-refused"]


@pytest.mark.parametrize(("name", "csb_id", "why"), [
    ("request-resp", 7, "0x00000007 and not 0x11111111"), ("resolve-resp", 0x11111111, "asked was REQUEST_INIT")])
def test_a_response_of_another_exchange(tmp_path: Path, name: str, csb_id: int, why: str):
    """K19, and a response of another kind."""
    response = wire.decode_base64(with_header(stored(name), csb_id=csb_id).split(" ")[1])
    report = judged(tmp_path, exchange(stored("request-init-psk"), response).frames)
    assert told(report) == ["kms-response-unrelated"]
    assert why in found(report, "kms-response-unrelated")[0].explanation


def test_faults_between_user_and_kms_are_found_as_those_in_sdp(tmp_path: Path):
    """A TRANSFER_INIT sent to a KMS; octets that do not decode; a policy that contradicts itself."""
    assert told(judged(tmp_path, exchange(INIT, b"").frames)) == ["mikey-misplaced"]
    assert told(judged(tmp_path, exchange(b"\x02" + INIT, stored("request-resp")).frames)) == ["mikey-malformed"]
    asked = wire.decode(stored("request-init-psk"))
    wrong = tuple(msgspec.structs.replace(one, flags=Flag.E) if isinstance(one, m.TicketPolicy) else one
                  for one in asked.payloads)
    octets = wire.encode(m.Message(asked.header, wrong))
    (finding,) = found(judged(tmp_path, exchange(octets, stored("request-resp")).frames), "ticket-flags")
    assert "D=0 without L=1; G=0 without H=1; H=0 without G=1" in finding.explanation


def test_a_sound_exchange_by_certificate_keeps_all_rules(tmp_path: Path):
    """REQUEST_INIT_PK and RESOLVE_INIT_PK; certificates, their times, and signatures are looked at."""
    assert told(judged(tmp_path, certified_exchanges().frames)) == []


@pytest.mark.parametrize(("name", "rule", "change"), [
    ("resolve-init-pk", "ticket-flags", {"flags": Flag.E}), ("request-init-pk", "ticket-flags", {"flags": Flag.E}),
    ("resolve-init-pk", "ticket-keys-readable", {"data": (m.Kemac(0, wire.encode_keys([m.KeyData(0, b"GGGG")])),)}),
    ("request-init-pk", "ticket-keys-readable", {"data": (m.Kemac(0, wire.encode_keys([m.KeyData(0, b"GGGG")])),)}),
    ("resolve-init-pk", "ticket-out-of-time", {"data": (m.Timestamp(3, SIGNED - 9, 3),)})])
def test_rules_on_tickets_hold_for_messages_with_certificates_too(tmp_path: Path, name: str, rule: str, change: dict):
    """Whatever proves who asks, the ticket is judged; and the signature does not hold any more."""
    message = wire.decode(stored(name))
    chain = []
    for one in message.payloads:
        if isinstance(one, m.Ticket):
            chain.append(msgspec.structs.replace(one, policy=msgspec.structs.replace(one.policy, **change)))
        else:
            chain.append(msgspec.structs.replace(one, **change) if isinstance(one, m.TicketPolicy) else one)
    octets = wire.encode(m.Message(message.header, tuple(chain)))
    assert {rule, "mikey-certificate"} <= set(told(judged(tmp_path, exchange(octets, b"").frames)))


@pytest.mark.parametrize(("asked", "answered", "rule"), [
    (PUBLIC[0], PUBLIC[3], "kms-response-unrelated"), (PUBLIC[1], PUBLIC[1], "mikey-misplaced")])
def test_rules_on_places_hold_for_messages_with_certificates_too(tmp_path: Path, asked: str, answered: str, rule: str):
    """A response of the other exchange; a response where a request stands; and one in SDP."""
    assert rule in told(judged(tmp_path, exchange(stored(asked), stored(answered)).frames))
    assert told(judged(tmp_path, call(value(stored(PUBLIC[0]))))) == ["mikey-misplaced"]


def by(kind: certificates.Kind, change: str = "") -> bytes:
    """A REQUEST_INIT_PK of UE A with that kind of certificate, and with another chain or signature."""
    how = certificates.certified("UE A", UE_A.text, kind)
    if change == "chain":
        how = msgspec.structs.replace(how, chain=(*how.chain, BY_CERTIFICATE["UE B"].chain[0]))
    if change == "no DER":
        how = msgspec.structs.replace(how, chain=(b"none", *how.chain[1:]))
    octets = Initiator(UE_A, KMS_ID, how, Source(1, "A")).request(strong(), SIGNED)
    return octets[:-1] + bytes((octets[-1] ^ 1,)) if change == "signature" else octets


@pytest.mark.parametrize(("octets", "why"), [
    (by("valid"), ""), (by("stranger"), ""),
    (by("expired"), "certificate 1 is valid from 2025-01-01 to 2025-02-01, while the message is of 2025-06-01"),
    (by("another"), "its certificate is not for sip:ue-a@ims.example"),
    (by("valid", "chain"), "certificate 2 is not certified by the next one"),
    (by("valid", "no DER"), "certificate 1 does not decode"),
    (by("valid", "signature"), "the signature is not by the key of its certificate")],
    ids=["valid", "unknown anchor", "expired", "another user", "chain", "no DER", "signature"])
def test_certificates_that_users_ask_with(tmp_path: Path, octets: bytes, why: str):
    """Whom the KMS trusts no capture says; all else is held against the octets."""
    findings = found(judged(tmp_path, exchange(octets, b"").frames), "mikey-certificate")
    assert [why in one.explanation for one in findings] == ([True] if why else [])
