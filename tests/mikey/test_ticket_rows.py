"""What no MIKEY-TICKET run of two sound ends shows: what each machine ignores, refuses, or may change.

Messages that our machines would not write are sealed with the keys that these hold, so that no MAC gives them away.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from tickets_words import (
    ASKED,
    BY_CERTIFICATE,
    CONF,
    FORKED,
    KMS_ID,
    MODE_3,
    MRFC,
    SIGNED,
    START,
    TPK,
    TPK_A,
    UE_A,
    A,
    B,
    Told,
    certifying,
    initiator,
    kms,
    responder,
    strong,
    wanted,
)

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import rules, wire
from workbench.protocols.mikey.registry import DataType, Encryption, Error, Flag, KeyType, Mac, Prf, RandRole
from workbench.security.tickets import (
    Answered,
    Granted,
    Initiator,
    Keyed,
    Kms,
    Refused,
    Replays,
    Resolve,
    Responder,
    User,
    Wanted,
)
from workbench.security.tickets.protecting import Protection
from workbench.security.tickets.terms import STRONG, USUAL, Suite

TRANSFERRED = 0xD735944A
Chain = tuple[m.Payload, ...]


def resealed(keys: Protection, octets: bytes, *bound: bytes, head: dict[str, object] | None = None,
             change: Callable[[Chain], Chain] = lambda chain: chain, mac: int = Mac.HMAC_SHA_1_160) -> bytes:
    """A message with other content, and the right MAC for it."""
    message = wire.decode(octets)
    header = msgspec.structs.replace(message.header, **(head or {}))
    return keys.seal(m.Message(header, change(message.payloads[:-1])), mac, *bound)


def asked(wish: Wanted | None = None, **more: object) -> tuple[Initiator, bytes]:
    """A REQUEST_INIT with other content; `more` as of `resealed`."""
    caller = initiator()
    octets = caller.request(wish or wanted(), ASKED)
    assert caller._keys is not None
    return caller, resealed(caller._keys, octets, A.data, KMS_ID.data, **more)  # type: ignore[arg-type]


def offered(flags: int = USUAL, **more: object) -> tuple[Initiator, bytes]:
    """A TRANSFER_INIT with other content."""
    caller, center = initiator(), kms()
    answer = center.receive(caller.request(wanted(flags), ASKED), ASKED)
    assert isinstance(answer, Answered) and isinstance(caller.receive_response(answer.octets, ASKED), Granted)
    octets = caller.transfer(CONF, TRANSFERRED)
    assert caller._keys is not None
    return caller, resealed(caller._keys, octets, A.data, CONF.data, **more)  # type: ignore[arg-type]


def in_policy(chain: Chain, change: Callable[[m.TicketPolicy], m.TicketPolicy]) -> Chain:
    """The payloads with another TP, or another policy in the ticket."""
    def one(payload: m.Payload) -> m.Payload:
        if isinstance(payload, m.Ticket):
            return msgspec.structs.replace(payload, policy=change(payload.policy))
        return change(payload) if isinstance(payload, m.TicketPolicy) else payload
    return tuple(map(one, chain))


def refusal(found: object) -> tuple[Error, str]:
    assert isinstance(found, Refused), found
    return found.error, found.what


# Messages, RFC 6043 §4.2

@pytest.mark.parametrize("verify", [True, False])
def test_the_v_bit_is_ignored(verify: bool) -> None:
    """RFC 6043 §4.2 against §6.1: whatever the bit says, there is a response; in that it is 0."""
    _, octets = asked(head={"verify": verify})
    answer = kms().receive(octets, ASKED)
    assert isinstance(answer, Answered) and not wire.decode(answer.octets).header.verify
    _, octets = offered(head={"verify": verify})
    assert isinstance(responder().receive_offer(octets, TRANSFERRED), Resolve)


@pytest.mark.parametrize("extra", [
    m.Certificate(0, b"DER"), m.Identity(1, b"sip:x"), m.Policy(9, 0), m.Extension(0, b"vendor"), m.Failure(3)],
    ids=lambda one: type(one).__name__)
def test_payloads_that_nobody_waits_for_are_ignored(extra: m.Payload) -> None:
    """RFC 6043 §4.2: in REQUEST_INIT and in TRANSFER_INIT."""
    _, octets = asked(change=lambda chain: (*chain, extra))
    assert isinstance(kms().receive(octets, ASKED), Answered)
    _, octets = offered(change=lambda chain: (*chain, extra))
    assert isinstance(responder().receive_offer(octets, TRANSFERRED), Resolve)


def test_a_policy_without_keys_asks_for_one_tgk() -> None:
    """RFC 6043 §4.2.1: TP without KEMAC."""
    caller, octets = asked(change=lambda chain: in_policy(chain, lambda tp: msgspec.structs.replace(
        tp, data=tuple(one for one in tp.data if not isinstance(one, m.Kemac)))))
    answer = kms().receive(octets, ASKED)
    assert isinstance(answer, Answered) and caller._keys is not None
    _, *keys = caller._keys.response().unwrap(wire.decode(answer.octets))
    assert [(one.kind, len(one.key)) for one in keys] == [(KeyType.TGK, 16)]
    assert all(isinstance(one.validity, m.Spi) and one.validity.data for one in keys)


def test_responses_have_their_own_time_and_repeat_bundle_and_prf() -> None:
    """RFC 6043 §4.2.1: an NTP timestamp is fresh, unlike RFC 3830's; version, PRF, CSB ID, #CS and map as asked."""
    _, octets = asked()
    answer = kms().receive(octets, ASKED + 7)
    assert isinstance(answer, Answered)
    init, response = wire.decode(octets), wire.decode(answer.octets)
    assert response.timestamp() == m.Timestamp(0, (ASKED + 7) << 32)
    same = {"version", "prf", "csb_id", "count", "map_type"}
    assert all(getattr(init.header, name) == getattr(response.header, name) for name in same)


# Policies and flags, RFC 6043 §6.10

def kemac(*kinds: KeyType) -> m.Kemac:
    return m.Kemac(0, wire.encode_keys([m.KeyData(kind, bytes(16), None, m.Spi(b"")) for kind in kinds]))


@pytest.mark.parametrize(("kinds", "fault"), [
    ((), True), ((kemac(KeyType.TGK),), True), ((kemac(KeyType.TEK, KeyType.TGK),), True),
    ((kemac(KeyType.TEK),), False), ((kemac(KeyType.GTGK),), False)])
def test_forked_keys_need_a_transfer_response(kinds: tuple[m.Payload, ...], fault: bool) -> None:
    """I with a TGK, and F=0: the initiator would never learn whose key it is. TEK and GTGK are not forked."""
    flags = FORKED & ~(Flag.F | Flag.G) | Flag.H
    alone = [one.what for one in rules.flag_faults(m.TicketPolicy(flags))]
    told = [one.what for one in rules.asked_faults(m.TicketPolicy(flags, kinds))]
    assert alone == [] and told == (["I=1 with a TGK, without F=1"] if fault else [])


def test_a_kms_and_a_maker_of_tickets_refuse_forked_keys_without_a_response() -> None:
    """Error 15; and a ticket of one's own is not made."""
    flags = FORKED & ~(Flag.F | Flag.G) | Flag.H
    assert refusal(kms().receive(initiator().request(wanted(flags), ASKED), ASKED)) == (
        Error.INVALID_TP_PARAMETERS, "I=1 with a TGK, without F=1")
    with pytest.raises(LocalProtocolError, match="I=1 with a TGK"):
        initiator().make(wanted(flags & ~Flag.D | Flag.L), TPK_A, ASKED)


def test_a_user_gets_tickets_for_whom_it_may_call_only() -> None:
    """Error 15, where the KMS's configuration names responders; IDRi of somebody else in TP: the same."""
    users = [User(UE_A, (A.data,), may_call=(CONF.data,))]
    center = Kms(KMS_ID, users, TPK, Told())
    assert isinstance(center.receive(initiator().request(wanted(), ASKED), ASKED), Answered)
    assert refusal(center.receive(initiator(b"\x01\x02\x03\x04").request(wanted(to=B), ASKED), ASKED)) == (
        Error.INVALID_TP_PARAMETERS, "no ticket for that responder")
    _, octets = asked(change=lambda chain: in_policy(chain, lambda tp: msgspec.structs.replace(
        tp, data=tuple(msgspec.structs.replace(B, role=1) if one == A else one for one in tp.data))))
    assert refusal(kms().receive(octets, ASKED))[0] == Error.INVALID_TP_PARAMETERS


@pytest.mark.parametrize(("change", "what"), [
    (lambda policy: msgspec.structs.replace(policy, data=(*policy.data, B)), "other things than asked for"),
    (lambda policy: msgspec.structs.replace(policy, flags=policy.flags | Flag.J), "other things than asked for"),
    (lambda policy: msgspec.structs.replace(policy, data=tuple(
        m.Timestamp(3, START + 9, 3) if isinstance(one, m.Timestamp) and one.role == 3 else one
        for one in policy.data)), "does not say so (K)")])
def test_a_policy_that_the_kms_changed_is_not_taken_and_may_be_asked_for_again(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[m.TicketPolicy], m.TicketPolicy], what: str) -> None:
    """State table, REQUESTED: another responder, another flag, another end without K; then IDLE again."""
    center, caller = kms(), initiator()
    granted = center._granted
    monkeypatch.setattr(center, "_granted", lambda *words: change(granted(*words)))
    answer = center.receive(caller.request(wanted(), ASKED), ASKED)
    assert isinstance(answer, Answered)
    error, why = refusal(caller.receive_response(answer.octets, ASKED))
    assert error == Error.INVALID_TP_PARAMETERS and what in why
    assert caller.request(wanted(), ASKED)


# The responder, before the KMS hears of it (K20)

@pytest.mark.parametrize(("head", "change", "number"), [
    ({"map_type": 0, "sessions": (m.SrtpSession(0, 1),)}, lambda chain: chain, 12),                           # K3
    ({"sessions": ()}, lambda chain: chain, 9),
    ({"sessions": (m.CryptoSession(1, 0, (0,)),)}, lambda chain: chain, 9),
    ({"sessions": (m.CryptoSession(1, 241, (0,)), m.CryptoSession(2, 241, (0,)))}, lambda chain: chain, 9),
    ({}, lambda chain: in_policy(chain, lambda one: msgspec.structs.replace(one, flags=one.flags & ~Flag.D)), 15),
    ({}, lambda chain: in_policy(chain, lambda one: msgspec.structs.replace(
        one, data=(*one.data, kemac(KeyType.TGK)))), 14),                                                       # K7
    ({}, lambda chain: in_policy(chain, lambda one: msgspec.structs.replace(one, kind=2)), 14),
    ({}, lambda chain: in_policy(chain, lambda one: msgspec.structs.replace(one, data=tuple(
        m.Timestamp(3, TRANSFERRED + 1, 2) if isinstance(x, m.Timestamp) and x.role == 2 else x
        for x in one.data))), 14),
    ({}, lambda chain: in_policy(chain, lambda one: msgspec.structs.replace(one, data=one.data[1:])), 7),
    ({}, lambda chain: tuple(one for one in chain if not isinstance(one, m.Ticket)), 14),
    ({}, lambda chain: (*chain, *(one for one in chain if isinstance(one, m.Ticket))), 14),
    ({}, lambda chain: tuple(one for one in chain if not isinstance(one, m.Rand)), 12),
    ({}, lambda chain: tuple(one for one in chain if not isinstance(one, m.Timestamp)), 1),
    ({}, lambda chain: (m.Timestamp(2, 7), *chain[1:]), 1)],
    ids=["SRTP-ID", "no session", "SRTP", "two sessions", "flags", "KEMAC in the ticket", "ticket type 2", "too early",
         "no IDRkms", "no ticket", "two tickets", "no RANDRi", "no T", "a counter"])
def test_what_a_responder_does_not_accept_never_reaches_the_kms(
    head: dict[str, object], change: Callable[[Chain], Chain], number: int) -> None:
    """K20: the refusal comes with its error, and no RESOLVE_INIT is made; the machine waits for an offer again."""
    _, octets = offered(head=head, change=change)
    called = responder()
    found = called.receive_offer(octets, TRANSFERRED)
    assert refusal(found)[0] == number and called._resolve == b""
    assert called.state.value == "idle"


def test_random_octets_are_as_long_as_the_key_or_it_is_refused() -> None:
    """K25: RANDRi alone, where G is 0, is too short for 256 bits; with RANDRr it suffices. At both ends."""
    alone = USUAL & ~(Flag.F | Flag.G)
    for flags, long_enough in ((alone, False), (USUAL, True)):
        _, octets = offered(flags)
        called = Responder(CONF, KMS_ID, MRFC, Told(), replays=Replays(), tek_octets=32)
        found = called.receive_offer(octets, TRANSFERRED)
        assert isinstance(found, Resolve) if long_enough else "shorter than the key" in refusal(found)[1]
    caller, octets = offered()
    caller._tek_octets = 33
    there = keyed(responder(), octets)
    assert caller._keys is not None
    assert "shorter than the key" in refusal(caller.receive_answer(there.answer, TRANSFERRED))[1]


def keyed(called: Responder, octets: bytes, center: Kms | None = None) -> Keyed:
    resolve = called.receive_offer(octets, TRANSFERRED)
    assert isinstance(resolve, Resolve), resolve
    answer = (center or kms()).receive(resolve.octets, TRANSFERRED)
    assert isinstance(answer, Answered), answer
    found = called.receive_resolved(answer.octets, TRANSFERRED)
    assert isinstance(found, Keyed), found
    return found


def test_without_flag_f_both_ends_have_the_key_and_nothing_is_answered() -> None:
    """RFC 6043 §4.2.2: RANDRi enters the TEK (H), no RANDRr; an answer without a=key-mgmt is no fault."""
    caller, octets = offered(USUAL & ~(Flag.F | Flag.G))
    there, here = keyed(responder(), octets), caller.unanswered()
    assert isinstance(here, Keyed) and here.tek == there.tek and there.answer == b""


def test_a_key_that_the_ticket_gives_is_used_as_it_is() -> None:
    """TEK: neither derived nor forked (RFC 6043 §5.1.1, §5.1.3)."""
    center, caller = kms(), initiator()
    octets = caller.request(wanted(), ASKED)
    assert caller._keys is not None and caller._wanted is not None
    octets = resealed(caller._keys, octets, A.data, KMS_ID.data, change=lambda chain: in_policy(
        chain, lambda tp: msgspec.structs.replace(tp, data=tuple(
            kemac(KeyType.TEK) if isinstance(one, m.Kemac) else one for one in tp.data))))
    caller._sent = octets
    answer = center.receive(octets, ASKED)
    assert isinstance(answer, Answered)
    found = caller.receive_response(answer.octets, ASKED)
    assert isinstance(found, Granted) and [one.kind for one in found.keys] == [KeyType.TEK]
    there = keyed(responder(), caller.transfer(CONF, TRANSFERRED), center)
    here = caller.receive_answer(there.answer, TRANSFERRED)
    assert isinstance(here, Keyed) and here.tek == there.tek == found.keys[0].key


def key(kind: KeyType, octet: int, spi: int) -> m.KeyData:
    return m.KeyData(kind, bytes((octet,)) * 16, None, m.Spi(bytes((spi,))))


@pytest.mark.parametrize("forks", [0, Flag.I])
def test_an_initiator_supplies_a_key_where_the_ticket_lets_it(forks: int) -> None:
    """Flag L: KEMAC in TRANSFER_INIT under MPKi, named by its SPI; the ticket's own keys are not used."""
    caller, center = initiator(), kms()
    answer = center.receive(caller.request(wanted(USUAL | Flag.L | forks), ASKED), ASKED)
    assert isinstance(answer, Answered) and isinstance(caller.receive_response(answer.octets, ASKED), Granted)
    octets = caller.transfer(CONF, TRANSFERRED, supplies=[key(KeyType.TEK, 0x5E, 9)])
    assert b"\x5e" * 4 not in octets and wire.decode(octets).first(m.Kemac) is not None
    there = keyed(responder(), octets, center)
    here = caller.receive_answer(there.answer, TRANSFERRED)
    assert isinstance(here, Keyed) and here.tek == there.tek == b"\x5e" * 16


def test_a_responder_supplies_a_key_where_the_ticket_lets_it() -> None:
    """Flag M: KEMAC in TRANSFER_RESP (RFC 6043 §8, what is encrypted already); without M it keeps its key."""
    own = key(KeyType.TEK, 0x5F, 8)
    for flags, same in ((USUAL | Flag.M, True), (USUAL, False)):
        caller, octets = offered(flags)
        caller._sent = octets
        called = Responder(CONF, KMS_ID, MRFC, Told(), replays=Replays(), supplies=(own,))
        there = keyed(called, octets)
        here = caller.receive_answer(there.answer, TRANSFERRED)
        assert isinstance(here, Keyed) and here.tek == there.tek
        assert (here.tek == own.key, b"\x5f" * 4 in there.answer) == (same, False)


def test_keys_that_nobody_may_supply_are_refused() -> None:
    """L=0: our initiator does not, and another's is refused before the KMS hears of it (14); M=0: the same in the
    answer."""
    caller, octets = offered()
    again = initiator()
    assert caller.granted is not None and caller._keys is not None
    again.use(caller.granted)
    with pytest.raises(LocalProtocolError, match="L=0"):
        again.transfer(CONF, TRANSFERRED, supplies=[key(KeyType.TGK, 1, 9)])
    stamp = m.Timestamp(0, TRANSFERRED << 32)
    sealed = caller._keys.wrap(Encryption.AES_CM_128, stamp, [key(KeyType.TGK, 1, 9)])
    _, wrong = offered(change=lambda chain: (*chain, sealed))
    assert refusal(responder().receive_offer(wrong, TRANSFERRED)) == (
        Error.INVALID_TICKET, "keys of the initiator, and the ticket has L=0")
    caller._sent = octets
    there = keyed(responder(), octets)
    message = wire.decode(there.answer)
    rand = message.rand(RandRole.RESPONDER)
    assert rand is not None
    wrong = resealed(caller._keys.response(rand_r=rand.data), there.answer, octets,
                     change=lambda chain: (*chain, sealed))
    assert refusal(caller.receive_answer(wrong, TRANSFERRED)) == (
        Error.INVALID_TICKET, "keys of the responder, and the ticket has M=0")


def test_the_key_is_the_one_that_the_crypto_session_names() -> None:
    """RFC 6043 §6.1.1: by its SPI, of several in the ticket; one that is not there is refused."""
    def two(chain: Chain) -> Chain:
        return in_policy(chain, lambda tp: msgspec.structs.replace(tp, data=tuple(
            kemac(KeyType.TEK, KeyType.TEK) if isinstance(one, m.Kemac) else one for one in tp.data)))

    for spi, found in ((b"\x02", 0), (b"\x03", 1), (b"\x77", None)):
        caller, center = initiator(), kms()
        octets = caller.request(wanted(), ASKED)
        assert caller._keys is not None
        caller._sent = resealed(caller._keys, octets, A.data, KMS_ID.data, change=two)
        answer = center.receive(caller._sent, ASKED)
        assert isinstance(answer, Answered)
        ticket = caller.receive_response(answer.octets, ASKED)
        assert isinstance(ticket, Granted) and len(ticket.keys) == 2
        caller._sent = named(caller, spi)
        called = responder()
        resolve = called.receive_offer(caller._sent, TRANSFERRED)
        assert isinstance(resolve, Resolve)
        resolved = center.receive(resolve.octets, TRANSFERRED)
        assert isinstance(resolved, Answered)
        there = called.receive_resolved(resolved.octets, TRANSFERRED)
        if found is None:
            assert "no key for traffic of SPI 77" in refusal(there)[1]
            continue
        assert isinstance(there, Keyed) and there.tek == ticket.keys[found].key
        here = caller.receive_answer(there.answer, TRANSFERRED)
        assert isinstance(here, Keyed) and here.tek == there.tek


def named(caller: Initiator, spi: bytes) -> bytes:
    """A TRANSFER_INIT whose crypto session names the key of that SPI."""
    octets = caller.transfer(CONF, TRANSFERRED)
    assert caller._keys is not None
    return resealed(caller._keys, octets, A.data, CONF.data,
                    head={"sessions": (m.CryptoSession(1, 241, (0,), b"", spi),)})


def test_a_kms_that_refuses_or_is_silent_ends_the_responder_s_call() -> None:
    """State table, RESOLVING: an Error, no answer; then IDLE."""
    _, octets = offered()
    called = responder()
    resolve = called.receive_offer(octets, TRANSFERRED)
    assert isinstance(resolve, Resolve)
    no = Kms(KMS_ID, [], TPK, Told()).receive(resolve.octets, TRANSFERRED)
    assert isinstance(no, Refused)
    assert "sent an Error" in refusal(called.receive_resolved(no.octets, TRANSFERRED))[1]
    assert isinstance(called.receive_offer(octets, TRANSFERRED), Resolve)
    assert called.timed_out().clause == "RFC 6043 §4.2.3" and called.state.value == "idle"


def test_a_kms_resolves_no_ticket_before_its_time() -> None:
    """TRs <= now <= TRe at the KMS too: a responder whose clock is ahead."""
    caller = initiator()
    later = msgspec.structs.replace(wanted(MODE_3), start=TRANSFERRED + 100)
    caller.make(later, TPK_A, ASKED)
    octets = caller.transfer(CONF, TRANSFERRED + 101)
    resolve = responder().receive_offer(octets, TRANSFERRED + 101)
    assert isinstance(resolve, Resolve)
    assert refusal(kms().receive(resolve.octets, TRANSFERRED + 99)) == (
        Error.INVALID_TICKET, "the ticket does not hold yet")


# Algorithms, RFC 6043 §12.1

@pytest.mark.parametrize(("suite", "encryption"), [(Suite(), Encryption.AES_CM_128), (STRONG, Encryption.AES_CM_256)])
def test_algorithms_of_128_and_of_256_bits_do_not_mix(suite: Suite, encryption: Encryption) -> None:
    """PRF, KEMAC, MAC and the length of the MPK, in the ticket and in each message, with a pre-shared key."""
    center, caller, called = kms(), initiator(), responder()
    request = caller.request(msgspec.structs.replace(wanted(), suite=suite), ASKED)
    answer = center.receive(request, ASKED)
    assert isinstance(answer, Answered)
    found = caller.receive_response(answer.octets, ASKED)
    assert isinstance(found, Granted) and len(found.mpki) == suite.key_octets
    offer = caller.transfer(CONF, TRANSFERRED)
    resolve = called.receive_offer(offer, TRANSFERRED)
    assert isinstance(resolve, Resolve)
    resolved = center.receive(resolve.octets, TRANSFERRED)
    assert isinstance(resolved, Answered)
    there = called.receive_resolved(resolved.octets, TRANSFERRED)
    assert isinstance(there, Keyed)
    messages = [wire.decode(one) for one in (request, answer.octets, offer, resolve.octets, resolved.octets,
                                             there.answer)]
    ticket = wire.decode_ticket_data(found.ticket.data)
    chains = [*(one.payloads for one in messages), ticket.payloads]
    assert {one.header.prf for one in messages} == {suite.prf} == {found.ticket.policy.prf}
    assert {one.encryption for chain in chains for one in chain if isinstance(one, m.Kemac)} == {encryption}
    assert {one.algorithm for chain in chains for one in chain if isinstance(one, m.Verification)} == {suite.mac}


def test_algorithms_of_a_request_by_certificate_are_those_of_its_response() -> None:
    """There is no MAC that says so: the PRF does."""
    caller = initiator(shared=BY_CERTIFICATE["UE A"])
    answer = certifying().receive(caller.request(strong(), SIGNED), SIGNED)
    assert isinstance(answer, Answered)
    response = wire.decode(answer.octets)
    sealed, last = response.first(m.Kemac), response.payloads[-1]
    assert response.header.data_type == DataType.REQUEST_RESP and response.header.prf == Prf.HMAC_SHA_256
    assert sealed is not None and sealed.encryption == Encryption.AES_CM_256
    assert isinstance(last, m.Verification) and last.algorithm == Mac.HMAC_SHA_256_256
    assert response.rand(RandRole.INITIATOR) is None
