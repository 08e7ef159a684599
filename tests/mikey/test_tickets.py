"""Ticket machines: the stored run octet by octet, modes 1 to 4, forking, and who refuses what with which error."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from mikey_words import stored
from tickets_words import (
    ASKED,
    B2,
    B3,
    CONF,
    FORKED,
    KMS_ID,
    MODE_2,
    MODE_3,
    MODE_4,
    MRFC,
    TPK_A,
    TPK_MRFC,
    UE_B2,
    UE_B3,
    A,
    B,
    initiator,
    kms,
    responder,
    times,
    uri,
    wanted,
)

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import wire
from workbench.protocols.mikey.registry import DataType, Error, Flag, IdRole
from workbench.security.tickets import Answered, Granted, Initiator, Keyed, Kms, Refused, Replays, Resolve, Responder
from workbench.security.tickets.terms import USUAL

TRANSFERRED, RESOLVED = 0xD735944A, 0xD735944B
TEK = "ae444098f7c20d1d0cfe701a2a72cf3f"


def granted(caller: Initiator, center: Kms, flags: int = USUAL, to: m.Identity = CONF) -> Granted:
    answer = center.receive(caller.request(wanted(flags, to), ASKED), ASKED + 1)
    assert isinstance(answer, Answered), answer
    found = caller.receive_response(answer.octets, ASKED + 1)
    assert isinstance(found, Granted), found
    return found


def offered(flags: int = USUAL, to: m.Identity = CONF, center: Kms | None = None) -> tuple[Initiator, bytes]:
    """A TRANSFER_INIT with a ticket of the KMS, or with one that the initiator made where D is not set."""
    caller = initiator()
    if flags & Flag.D:
        granted(caller, center or kms(), flags, to)
    else:
        caller.make(wanted(flags, to), TPK_A, ASKED)
    return caller, caller.transfer(to, TRANSFERRED)


def asked(called: Responder, offer: bytes) -> bytes:
    found = called.receive_offer(offer, RESOLVED)
    assert isinstance(found, Resolve), found
    return found.octets


def keyed(called: Responder, offer: bytes, center: Kms) -> Keyed:
    answer = center.receive(asked(called, offer), RESOLVED)
    assert isinstance(answer, Answered), answer
    found = called.receive_resolved(answer.octets, RESOLVED)
    assert isinstance(found, Keyed), found
    return found


def test_the_stored_run_comes_out_octet_by_octet() -> None:
    """Mode 1 with the inputs of the worked example: six messages and the TEK, at both ends."""
    center = kms(times(0x99), times(0x4D), times(0x47))
    caller = initiator(times(0x11, 4), times(0xA1), times(0x22, 4), times(0xC1))
    called = responder(times(0x33, 4), times(0xE3), times(0xD2))
    request = caller.request(wanted(), ASKED)
    assert request.hex() == stored("request-init-psk").hex()
    answer = center.receive(request, ASKED + 1)
    assert isinstance(answer, Answered) and answer.octets.hex() == stored("request-resp").hex()
    assert isinstance(caller.receive_response(answer.octets, ASKED + 1), Granted)
    offer = caller.transfer(CONF, TRANSFERRED)
    assert offer.hex() == stored("transfer-init").hex()
    resolve = asked(called, offer)
    assert resolve.hex() == stored("resolve-init-psk").hex()
    resolved = center.receive(resolve, 0xD735944C)
    assert isinstance(resolved, Answered) and resolved.octets.hex() == stored("resolve-resp").hex()
    there = called.receive_resolved(resolved.octets, 0xD735944D)
    assert isinstance(there, Keyed) and there.answer.hex() == stored("transfer-resp").hex()
    here = caller.receive_answer(there.answer, 0xD735944D)
    assert isinstance(here, Keyed) and here.tek.hex() == there.tek.hex() == TEK
    assert TEK not in repr((here, there, caller.granted, center, called))


def test_the_stored_forked_transfer_comes_out_octet_by_octet() -> None:
    """Flag I: Initiator Data, RANDRkms, keys of the one who answered."""
    center = kms(times(0x99), times(0x4D), times(0x47), times(0xF4))
    caller = initiator(times(0x11, 4), times(0xA1), times(0x44, 4), times(0xC1))
    granted(caller, center, FORKED, B)
    offer = caller.transfer(B, TRANSFERRED)
    assert offer.hex() == stored("forking-transfer-init").hex()
    called = responder(times(0x33, 4), times(0xE3), times(0xD2), identity=B2, shared=UE_B2)
    resolved = center.receive(asked(called, offer), RESOLVED)
    assert isinstance(resolved, Answered)
    there = called.receive_resolved(resolved.octets, 0xD735944D)
    assert isinstance(there, Keyed) and there.answer.hex() == stored("forking-transfer-resp").hex()
    here = caller.receive_answer(there.answer, 0xD735944D)
    assert isinstance(here, Keyed) and here.tek.hex() == there.tek.hex() == "2ad21c0357924ed9de70c9bec07a6d47"


def test_two_who_answer_a_forked_call_have_keys_of_their_own() -> None:
    """K15: the initiator has both; without flag I a second answer is refused."""
    center = kms()
    caller, offer = offered(FORKED, B, center)
    devices = ((B2, UE_B2), (B3, UE_B3))
    first, second = (keyed(responder(shared=key, identity=who), offer, center) for who, key in devices)
    assert first.tek != second.tek
    for one, who in ((first, B2), (second, B3)):
        here = caller.receive_answer(one.answer, RESOLVED)
        assert isinstance(here, Keyed) and (here.tek, here.peer) == (one.tek, who)
    caller, offer = offered(center=center)
    there = keyed(responder(), offer, center)
    assert isinstance(caller.receive_answer(there.answer, RESOLVED), Keyed)
    assert isinstance(caller.receive_answer(there.answer, RESOLVED), Refused)


@pytest.mark.parametrize(("flags", "resolves"), [(USUAL, True), (MODE_2, False), (MODE_3, True), (MODE_4, False)])
def test_each_mode_gives_both_ends_one_key(flags: int, resolves: bool) -> None:
    """Who makes the ticket and who resolves it: modes 1 to 4 (RFC 6043 §4.1)."""
    center = kms()
    caller, offer = offered(flags, center=center)
    called = responder()
    there = keyed(called, offer, center) if resolves else called.receive_offer(offer, TRANSFERRED)
    assert isinstance(there, Keyed), there
    here = caller.receive_answer(there.answer, RESOLVED)
    assert isinstance(here, Keyed) and here.tek == there.tek and there.peer == A


def test_a_replayed_ticket_is_refused() -> None:
    """K14: the same TRANSFER_INIT, and another one with the same ticket, which J does not allow."""
    center, replays = kms(), Replays()
    caller, offer = offered(center=center)
    keyed(responder(replays=replays), offer, center)
    again = initiator()
    assert caller.granted is not None
    again.use(caller.granted)
    for one in (offer, again.transfer(CONF, TRANSFERRED)):
        found = responder(replays=replays).receive_offer(one, TRANSFERRED + 1)
        assert isinstance(found, Refused) and found.error == Error.INVALID_TIMESTAMP and "replay" in found.what


def test_a_reusable_ticket_is_taken_again() -> None:
    """Flag J: another CSB ID, RAND and timestamp; the same message still is a replay."""
    center, replays = kms(), Replays()
    caller, offer = offered(USUAL | Flag.J, center=center)
    keyed(responder(replays=replays), offer, center)
    assert caller.granted is not None
    again = initiator(times(9, 4))
    again.use(caller.granted)
    keyed(responder(times(8, 4), replays=replays), again.transfer(CONF, TRANSFERRED), center)
    assert isinstance(responder(replays=replays).receive_offer(offer, TRANSFERRED), Refused)


@pytest.mark.parametrize("late", [301, -301])
def test_a_delayed_ticket_is_refused(late: float) -> None:
    """RFC 3830 §5.4: outside the allowed skew error 1, at the responder and at the KMS; inside it is taken."""
    _, offer = offered()
    found = responder().receive_offer(offer, TRANSFERRED + late)
    assert isinstance(found, Refused) and found.error == Error.INVALID_TIMESTAMP
    assert isinstance(responder().receive_offer(offer, TRANSFERRED + 299), Resolve)
    refusal = kms().receive(initiator().request(wanted(), ASKED), ASKED + late)
    assert isinstance(refusal, Refused) and refusal.error == Error.INVALID_TIMESTAMP
    said = wire.decode(refusal.octets)
    assert said.header.data_type == DataType.ERROR and said.first(m.Failure) == m.Failure(1)


def test_a_ticket_out_of_its_time_is_refused() -> None:
    """K12: at the responder before the KMS hears of it, and at the KMS."""
    center = kms()
    caller, _ = offered(center=center)
    assert caller.granted is not None
    late = initiator()
    late.use(caller.granted)
    offer = late.transfer(CONF, 0xD736E5C0 + 1)
    found = responder().receive_offer(offer, 0xD736E5C0 + 1)
    assert isinstance(found, Refused) and found.error == Error.INVALID_TICKET
    called = responder()
    resolve = called.receive_offer(late_offer(caller.granted), 0xD736E5C0 - 1)
    assert isinstance(resolve, Resolve)
    refusal = center.receive(resolve.octets, 0xD736E5C0 + 1)
    assert isinstance(refusal, Refused) and refusal.error == Error.INVALID_TICKET


def late_offer(ticket: Granted) -> bytes:
    caller = initiator()
    caller.use(ticket)
    return caller.transfer(CONF, 0xD736E5C0 - 1)


def test_a_ticket_for_somebody_else_is_refused() -> None:
    """K13, re-targeted: by the responder itself (7), and by the KMS where a responder asks all the same."""
    center = kms()
    _, offer = offered(center=center)
    found = responder(identity=B2, shared=UE_B2).receive_offer(offer, TRANSFERRED)
    assert isinstance(found, Refused) and found.error == Error.ID_NOT_SUPPORTED
    thief = Responder(CONF, KMS_ID, UE_B2, initiator()._source, replays=Replays())
    refusal = center.receive(asked(thief, offer), RESOLVED)
    assert isinstance(refusal, Refused) and refusal.error == Error.ID_NOT_SUPPORTED


def flipped(octets: bytes, at: int) -> bytes:
    return octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]


@pytest.mark.parametrize("flags", [USUAL, FORKED])
def test_a_tampered_transfer_is_never_keyed(flags: int) -> None:
    """K9, K10, K11: one bit turned anywhere ends in a refusal of the responder or of the KMS, or in a wrong MAC."""
    to, who, shared = (B, B2, UE_B2) if flags & Flag.I else (CONF, CONF, MRFC)
    _, offer = offered(flags, to)
    errors = set()
    for at in range(0, len(offer), 5):
        center, called = kms(), responder(identity=who, shared=shared)
        found: object = called.receive_offer(flipped(offer, at), TRANSFERRED)
        if isinstance(found, Resolve):
            found = center.receive(found.octets, RESOLVED)
        if isinstance(found, Answered):
            found = called.receive_resolved(found.octets, RESOLVED)
        assert isinstance(found, Refused), at
        errors.add(found.error)
    assert {Error.AUTHENTICATION_FAILURE, Error.INVALID_TICKET} <= errors


def test_a_tampered_ticket_is_refused_by_the_kms_with_error_14() -> None:
    """The ticket's own MAC is wrong under the ticket protection key."""
    center = kms()
    _, offer = offered(center=center)
    refusal = center.receive(asked(responder(), flipped(offer, 270)), RESOLVED)
    assert isinstance(refusal, Refused) and refusal.error == Error.INVALID_TICKET
    assert wire.decode(refusal.octets).first(m.Failure) == m.Failure(14)


def test_a_request_is_bound_to_its_key_and_identity() -> None:
    """Unknown PSK, wrong MAC: 0; a replay: 1; IDRi of somebody else: 7."""
    center, request = kms(), initiator().request(wanted(), ASKED)
    assert error(center, flipped(request, 270)) == Error.AUTHENTICATION_FAILURE
    assert error(center, request.replace(b"bsf.ims.example", b"bsg.ims.example")) == Error.AUTHENTICATION_FAILURE
    assert error(center, request.replace(b"ue-a@ims", b"ue-b@ims", 1)) == Error.ID_NOT_SUPPORTED
    assert isinstance(center.receive(request, ASKED), Answered)
    assert error(center, request) == Error.INVALID_TIMESTAMP


def error(center: Kms, octets: bytes) -> Error:
    found = center.receive(octets, ASKED)
    assert isinstance(found, Refused), found
    return found.error


@pytest.mark.parametrize("flags", [USUAL & ~Flag.G & ~Flag.H, USUAL & ~Flag.D])
def test_flags_that_contradict_each_other_are_refused_with_error_15(flags: int) -> None:
    """K4, K5."""
    assert error(kms(), initiator().request(wanted(flags), ASKED)) == Error.INVALID_TP_PARAMETERS


@pytest.mark.parametrize(("change", "number"), [
    (lambda octets: b"\x02" + octets[1:], Error.UNSPECIFIED),                                # K1
    (lambda octets: octets[:1] + b"\xc8" + octets[2:], Error.DATA_TYPE_NOT_SUPPORTED),       # K2
    (lambda octets: octets[:1] + b"\x00" + octets[2:], Error.UNSUPPORTED_MESSAGE_TYPE),      # K2
    (lambda octets: octets[:-10], Error.UNSPECIFIED),                                        # K24
    (lambda octets: b"", Error.UNSPECIFIED)])
def test_what_is_no_request_is_answered_with_its_error(change: Callable[[bytes], bytes], number: Error) -> None:
    """Version, data type, lengths."""
    assert error(kms(), change(initiator().request(wanted(), ASKED))) == number


def test_an_error_is_never_answered_with_an_error() -> None:
    """RFC 3830 §5.1.2."""
    center = kms()
    first = center.receive(b"", ASKED)
    assert isinstance(first, Refused) and first.octets
    second = center.receive(first.octets, ASKED)
    assert isinstance(second, Refused) and second.octets == b""


def test_a_kms_lets_a_ticket_end_sooner_and_says_so() -> None:
    """Flag K; the initiator takes it, since nothing else is changed."""
    found = granted(initiator(), kms(longest=3600))
    end = m.validity(found.ticket.policy, 3)  # type: ignore[arg-type]
    assert found.ticket.policy.has(Flag.K) and end is not None and end.value == ASKED + 1 + 3600


def test_the_initiator_refuses_what_does_not_answer_its_request() -> None:
    """K19: another CSB ID; a turned bit; an old answer. It may ask again."""
    caller, center = initiator(), kms()
    answer = center.receive(caller.request(wanted(), ASKED), ASKED)
    assert isinstance(answer, Answered)
    for octets, now in ((flipped(answer.octets, 5), ASKED), (flipped(answer.octets, 200), ASKED),
                        (answer.octets, ASKED + 400)):
        assert isinstance(caller.receive_response(octets, now), Refused)
        caller.request(wanted(), ASKED)


def test_a_response_of_another_resolve_is_refused() -> None:
    """K18: the MAC covers the whole RESOLVE_INIT."""
    center = kms()
    _, offer = offered(center=center)
    first, second = responder(times(7, 4), times(1)), responder(times(7, 4), times(1))
    answer = center.receive(asked(first, offer), RESOLVED)
    second_asks = second.receive_offer(offer, RESOLVED + 1)
    assert isinstance(answer, Answered) and isinstance(second_asks, Resolve)
    found = second.receive_resolved(answer.octets, RESOLVED)
    assert isinstance(found, Refused) and found.error == Error.AUTHENTICATION_FAILURE


@pytest.mark.parametrize("flags", [USUAL, FORKED])
def test_an_offer_keeps_the_list_of_key_management_protocols_that_it_was_made_for(flags: int) -> None:
    """RFC 4567 §4.1.4: a line taken out, put in, moved or renamed is refused before the KMS hears of it; error 0."""
    to, who, shared = (B, B2, UE_B2) if flags & Flag.I else (CONF, CONF, MRFC)
    caller, center = initiator(), kms()
    granted(caller, center, flags, to)
    offer = caller.transfer(to, TRANSFERRED, offered=["keyp1", "mikey"])
    assert m.listed(wire.decode(offer)) == ("keyp1", "mikey")
    for wrong in (["mikey"], ["keyp1"], ["mikey", "keyp1"], ["keyp1", "mikey", "keyp2"], ["keyp2", "mikey"]):
        found = responder(identity=who, shared=shared).receive_offer(offer, TRANSFERRED, wrong)
        assert isinstance(found, Refused) and found.error == Error.AUTHENTICATION_FAILURE, wrong
        assert found.clause == "RFC 4567 §4.1.4" and "keyp1, mikey" in found.what
    called = responder(identity=who, shared=shared)
    resolve = called.receive_offer(offer, TRANSFERRED, ["keyp1", "mikey"])
    assert isinstance(resolve, Resolve)
    answer = center.receive(resolve.octets, RESOLVED)
    assert isinstance(answer, Answered)
    there = called.receive_resolved(answer.octets, RESOLVED)
    assert isinstance(there, Keyed) and isinstance(caller.receive_answer(there.answer, RESOLVED), Keyed)


def test_the_list_itself_is_under_the_mac() -> None:
    """Who changes it to what is offered now, or takes it out, breaks the MAC (RFC 4567 §4.1.4)."""
    caller = initiator()
    granted(caller, kms())
    message = wire.decode(caller.transfer(CONF, TRANSFERRED, offered=["keyp1", "mikey"]))
    for made in ([m.sdp_ids(["mikey"])], []):
        chain = [*(one for one in message.payloads if not isinstance(one, m.Extension | m.Verification)), *made,
                 message.payloads[-1]]
        called = responder()
        resolve = called.receive_offer(wire.encode(m.Message(message.header, tuple(chain))), TRANSFERRED, ["mikey"])
        assert isinstance(resolve, Resolve)
        answer = kms().receive(resolve.octets, RESOLVED)
        assert isinstance(answer, Answered)
        found = called.receive_resolved(answer.octets, RESOLVED)
        assert isinstance(found, Refused) and found.error == Error.AUTHENTICATION_FAILURE


def test_a_message_without_a_list_is_taken_with_any_offer() -> None:
    """RFC 6043 §4.2.2 has no such payload in TRANSFER_INIT, and the worked messages have none."""
    _, offer = offered()
    assert isinstance(responder().receive_offer(offer, TRANSFERRED, ["keyp1", "mikey"]), Resolve)


def test_no_answer_and_a_bad_answer_end_the_call() -> None:
    """K8: with F no falling back; K22: #P of a response is 1."""
    caller, _ = offered()
    found = caller.unanswered()
    assert isinstance(found, Refused) and found.clause == "RFC 6043 §4.2.2"
    center = kms()
    caller, offer = offered(center=center)
    there = keyed(responder(), offer, center)
    message = wire.decode(there.answer)
    session = msgspec.structs.replace(message.header.sessions[0], policies=())
    changed = msgspec.structs.replace(message, header=msgspec.structs.replace(message.header, sessions=(session,)))
    answer = caller.receive_answer(wire.encode(changed), RESOLVED)
    assert isinstance(answer, Refused) and "security policies" in answer.what


def test_keys_that_a_request_should_not_have_are_never_used() -> None:
    """K6: octets in the KEMAC of a TP stay what the KMS ignores."""
    message = wire.decode(initiator().request(wanted(), ASKED))
    policy = message.first(m.TicketPolicy)
    assert policy is not None
    kept = tuple(m.Kemac(0, one.data[:4] + b"\xee" * 16 + one.data[20:]) if isinstance(one, m.Kemac) else one
                 for one in policy.data)
    found = kms()._keys_as_asked(msgspec.structs.replace(policy, data=kept))
    assert [len(one.key) for one in found] == [16] and found[0].key != b"\xee" * 16


def test_what_is_remembered_is_bounded() -> None:
    """A full memory refuses rather than forgets; what is old makes room."""
    stamp, memory = m.Timestamp(3, ASKED), Replays(300, 2)
    for mark in (b"1", b"2"):
        memory.check(stamp, mark, ASKED)
        memory.keep(mark, ASKED)
    with pytest.raises(Exception, match="remember"):
        memory.check(stamp, b"3", ASKED)
    memory.check(m.Timestamp(3, ASKED + 700), b"3", ASKED + 700)
    assert memory.held == 0


def test_machines_keep_to_their_order() -> None:
    """An order that the state does not allow is our own mistake."""
    with pytest.raises(LocalProtocolError):
        initiator().transfer(CONF, ASKED)
    with pytest.raises(LocalProtocolError):
        responder().timed_out()
    with pytest.raises(LocalProtocolError):
        initiator().make(wanted(), TPK_MRFC, ASKED)
    assert uri("sip:x", IdRole.INITIATOR).text == "sip:x"
