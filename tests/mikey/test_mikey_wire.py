"""MIKEY messages to values and back: a complete run, each payload, what does not decode, and garbage."""

from __future__ import annotations

import random
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mikey_words import FORKING, PAYLOADS, PUBLIC, RUN, stored
from rich.pretty import pretty_repr

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.layout import uncovered
from workbench.protocols.mikey import layout, wire
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey.registry import DataType, Flag, IdRole, IdType, MapType, RandRole, TimestampRole

I = m.Identity(IdType.URI, b"sip:ue-a@ims.example", IdRole.INITIATOR)  # noqa: E741 - the specification's letter
R = m.Identity(IdType.URI, b"sip:conf-1@ims.example", IdRole.RESPONDER)
KMS = m.Identity(IdType.NAI, b"kms@ims.example", IdRole.KMS)
FLAGS = Flag.D | Flag.E | Flag.F | Flag.G | Flag.H | Flag.N | Flag.O
VALID = (m.Timestamp(3, 0xD7359440, TimestampRole.START), m.Timestamp(3, 0xD736E5C0, TimestampRole.END))
POLICY = m.TicketPolicy(FLAGS, (KMS, I, *VALID, R))
SESSION = (m.CryptoSession(1, 241, (0,), b"", b"\x02"),)


def ntp(seconds: int) -> m.Timestamp:
    return m.Timestamp(0, seconds << 32)


def mac(name: str) -> m.Verification:
    return m.Verification(1, stored(name)[-20:])


def built(name: str) -> m.Message:
    """The message as somebody writes it who knows only the inputs, the ticket and the MACs."""
    ticket = m.Ticket(POLICY, stored("ticket-data"))
    psk = m.Identity(IdType.BYTE_STRING, b"oKGio6SlpqeoqaqrrK2urw==@bsf.ims.example", IdRole.PSK)
    mrfc = m.Identity(IdType.BYTE_STRING, b"mrfc-1", IdRole.PSK)
    wanted = m.Kemac(0, wire.encode_keys([m.KeyData(0, bytes(16), None, m.Spi(b""))]))
    asked = msgspec.structs.replace(POLICY, data=(KMS, I, *VALID, wanted, R))
    match name:
        case "request-init-psk":
            payloads = (ntp(0xD7359440), m.Rand(b"\xa1" * 16, RandRole.INITIATOR), I, KMS, asked, psk, mac(name))
            return m.Message(m.Header(DataType.REQUEST_INIT_PSK, 0x11111111, verify=True), payloads)
        case "request-resp":
            found = m.Kemac(1, bytes.fromhex(
                "b9f03458249698eebee8f10f8d334548492b6665496178360dbbe3397a3a2f3b0722eadb4233f0074cb92839"))
            payloads_2 = (ntp(0xD7359441), KMS, ticket, found, mac(name))
            return m.Message(m.Header(DataType.REQUEST_RESP, 0x11111111), payloads_2)
        case "transfer-init":
            head = m.Header(DataType.TRANSFER_INIT, 0x22222222, 0, True, SESSION, MapType.GENERIC_ID, 1)
            to = (ntp(0xD735944A), m.Rand(b"\xc1" * 16, RandRole.INITIATOR), I, R, m.Policy(0, 241), ticket, mac(name))
            return m.Message(head, to)
        case "resolve-init-psk":
            head = m.Header(DataType.RESOLVE_INIT_PSK, 0x33333333, verify=True)
            asks = (ntp(0xD735944B), m.Rand(b"\xe3" * 16, RandRole.RESPONDER), R, KMS, ticket, mrfc, mac(name))
            return m.Message(head, asks)
        case "resolve-resp":
            sealed = m.Kemac(1, stored(name)[44:88])
            return m.Message(m.Header(DataType.RESOLVE_RESP, 0x33333333), (ntp(0xD735944C), KMS, sealed, mac(name)))
    head = m.Header(DataType.TRANSFER_RESP, 0x22222222, 0, False, SESSION, MapType.GENERIC_ID, 1)
    return m.Message(head, (ntp(0xD735944D), m.Rand(b"\xd2" * 16, RandRole.RESPONDER), R, mac(name)))


@pytest.mark.parametrize("name", RUN)
def test_each_message_of_a_run_decodes_to_what_it_says_and_encodes_to_its_octets(name: str) -> None:
    """Both ways, octet by octet, with every value written down here."""
    assert wire.encode(built(name)).hex() == stored(name).hex()
    assert wire.decode(stored(name)) == built(name)


@pytest.mark.parametrize("name", [*RUN, *FORKING, *PUBLIC])
def test_every_octet_of_a_message_has_a_name(name: str) -> None:
    """Nothing is left over, nothing is named twice, nothing is called undecoded."""
    octets = stored(name)
    found = layout.spans(octets)
    assert not uncovered(found, 0, len(octets))
    assert not [leaf for span in found for leaf in span.leaves() if leaf.name == layout.UNDECODED]
    assert next(span.name for span in found) == "mikey.header"


def test_fields_of_a_transfer_init_lie_where_the_worked_example_says() -> None:
    """Header 0, map 10, T 18, RANDRi 28, IDRi 47, IDRr 72, SP 99, TICKET 104, V 317."""
    found = layout.spans(stored("transfer-init"))
    assert [(span.name, span.start) for span in found] == [
        ("mikey.header", 0), ("mikey.t", 18), ("mikey.randr", 28), ("mikey.idr", 47), ("mikey.idr", 72),
        ("mikey.sp", 99), ("mikey.ticket", 104), ("mikey.v", 317)]
    session = next(child for child in found[0].children if child.name == "mikey.cs")
    assert session.start == 10
    assert next(child for child in found[6].children if child.name == "mikey.ticket.data").end == 315
    assert found[1].value == "2014-06-01 12:00:10 UTC"


@pytest.mark.parametrize("payload", PAYLOADS)
def test_each_payload_comes_back_as_it_was_written(payload: m.Payload) -> None:
    """Alone and behind another; reserved bits and numbers without a name are kept."""
    head = m.Header(0, 1)
    for payloads in ((payload,), (m.Timestamp(0, 5), payload)):
        octets = wire.encode(m.Message(head, payloads))
        assert wire.decode(octets) == m.Message(head, payloads)
        assert not uncovered(layout.spans(octets), 0, len(octets))


@pytest.mark.parametrize("head", [
    m.Header(4, 0xFFFFFFFF, 127, True, count=255),
    m.Header(0, 1, sessions=(m.SrtpSession(1, 2, 3),) * 2, map_type=0, count=2),
    m.Header(14, 1, 1, False, (m.CryptoSession(1, 0, (1, 2), b"data", b"spi", True),) * 3, 2, 3)])
def test_each_kind_of_crypto_session_map_comes_back_as_it_was_written(head: m.Header) -> None:
    """SRTP-ID, GENERIC-ID and the empty map, whose #CS is kept."""
    assert wire.decode(wire.encode(m.Message(head))) == m.Message(head)


@pytest.mark.parametrize(("octets", "what", "clause", "at"), [
    ("", "version cut short", "RFC 3830 §6.1", 0),
    ("02", "version 2", "RFC 3830 §6.1", 0),
    ("010000000000000100", "cs_map_type cut short", "RFC 3830 §6.1", 9),
    ("01000000000000010003", "CS ID map type 3 is not known", "RFC 3830 §6.1", 10),
    ("0100000000000001010001", "ssrc cut short", "RFC 3830 §6.1", 11),
    ("010e00000000000101020105", "policies cut short", "RFC 6043 §6.1.1", 12),
    ("01000000000000010001ff", "1 octets behind the last payload", "RFC 3830 §6.1", 10),
    ("01000500000000010001" "0009", "timestamp type 9 is not known", "RFC 3830 §6.6", 12),
    ("01000500000000010001" "000011", "value cut short", "RFC 3830 §6.6", 13),
    ("01000100000000010001" "00010040ff", "data cut short", "RFC 3830 §6.2", 15),
    ("01000900000000010001" "0007", "mac algorithm 7 is not known", "RFC 3830 §6.9", 12),
    ("01001000000000010001" "000001010100000000021000", "TP in a ticket", "RFC 6043 §6.10", 21),
])
def test_what_is_wrong_is_said_with_its_place_and_clause(octets: str, what: str, clause: str, at: int) -> None:
    """A person finds the octet and the sentence of the specification."""
    with pytest.raises(MalformedMessageError) as caught:
        wire.decode(bytes.fromhex(octets))
    assert what in caught.value.what
    assert (caught.value.clause, caught.value.offset) == (clause, at)


@pytest.mark.parametrize("name", [*RUN, *FORKING])
def test_a_message_cut_anywhere_is_malformed(name: str) -> None:
    """Each cut is refused, except that nothing is invented; the layout still covers what is there."""
    octets = stored(name)
    for size in range(len(octets)):
        with pytest.raises(MalformedMessageError):
            wire.decode(octets[:size])
        if size % 9 == 0:
            assert not uncovered(layout.spans(octets[:size]), 0, size)


@pytest.mark.parametrize("payload", [
    m.Timestamp(9, 0), m.Timestamp(0, 1 << 64), m.Rand(bytes(256)), m.Identity(300, b""), m.Identity(0, bytes(65536)),
    m.Kemac(1, b"", 1, b"short"), m.Verification(7, b""), m.CertificateHash(0, b""), m.DiffieHellman(0, b""),
    m.Envelope(bytes(1 << 14)), m.Sign(16, b""), m.KeyData(1, b"key"), m.KeyData(0, b"key", b"salt"),
    m.TicketPolicy(1 << 12), m.Policy(0, 256), m.Failure(-1)])
def test_a_value_that_its_field_cannot_hold_is_not_written(payload: m.Payload) -> None:
    """The fault is ours and is said before an octet leaves."""
    with pytest.raises(LocalProtocolError):
        wire.encode(m.Message(m.Header(0, 1), (payload,)))


def test_nothing_follows_a_signature_or_an_unknown_payload() -> None:
    """Neither says where it ends and what comes next."""
    for one in (m.Sign(0, b"s"), m.Unknown(99, b"u")):
        with pytest.raises(LocalProtocolError):
            wire.encode(m.Message(m.Header(0, 1), (one, m.Timestamp(0, 1))))


def test_ticket_data_comes_back_and_names_its_key() -> None:
    """THDR, T, RAND, KEMAC, IDRpsk and V."""
    found = wire.decode_ticket_data(stored("ticket-data"))
    assert wire.encode_ticket_data(found) == stored("ticket-data")
    assert [type(one).__name__ for one in found.payloads] == ["Timestamp", "Rand", "Kemac", "Identity", "Verification"]
    assert not uncovered(layout.ticket_spans(stored("ticket-data")), 0, 112)


def test_base64_of_sdp_is_strict() -> None:
    """Anything but whole base64 is refused with its clause."""
    assert wire.decode_base64(wire.encode_base64(stored("transfer-init"))) == stored("transfer-init")
    for text in ("AQ4=FgC", "AQ4 FgCI", "AQ4", "ÄÖÜ="):
        with pytest.raises(MalformedMessageError, match="not base64"):
            wire.decode_base64(text)


def test_reprs_hold_no_key() -> None:
    """Neither key data nor what a KEMAC holds unencrypted."""
    assert "53" not in repr(m.KeyData(0, b"SSSS", b"SSSS")) and "SSSS" not in repr(m.KeyData(0, b"SSSS", b"SSSS"))
    assert "SSSS" not in repr(m.Message(m.Header(0, 1), (m.Kemac(0, b"SSSS"),)))
    for one in (m.KeyData(0, b"SSSS", b"SSSS"), m.Kemac(0, b"SSSS")):
        assert "SSSS" not in pretty_repr(one)


PROTOCOLS = st.lists(st.text(string.ascii_lowercase + string.digits, min_size=1), min_size=1, max_size=5)
PAYLOAD = st.one_of(
    st.builds(m.Certificate, st.integers(0, 255), st.binary(max_size=400)), st.builds(m.sdp_ids, PROTOCOLS),
    st.builds(m.CertificateHash, st.just(2), st.binary(min_size=32, max_size=32)),
    st.builds(m.Envelope, st.binary(max_size=400), st.integers(0, 3)),
    st.builds(m.Extension, st.integers(0, 255), st.binary(max_size=40)),
    st.builds(m.Identity, st.integers(0, 255), st.binary(max_size=40), st.integers(0, 255)))


@given(st.integers(0, 255), st.lists(PAYLOAD, max_size=8),
       st.builds(m.Sign, st.integers(0, 15), st.binary(max_size=512)))
def test_messages_with_certificates_come_back_as_they_were_written(kind: int, chain: list[m.Payload], sign: m.Sign):
    """Whatever stands before SIGN, in whatever order and number."""
    message = m.Message(m.Header(kind, 7), (*chain, sign))
    assert wire.decode(wire.encode(message)) == message


@given(PROTOCOLS)
def test_a_list_of_protocols_is_read_as_it_was_written(protocols: list[str]):
    """RFC 4567 §4.1.4: `prtcl-list = prtcl-id *(";" prtcl-id)`."""
    message = m.Message(m.Header(14, 7), (m.Timestamp(0, 1), m.sdp_ids(protocols)))
    assert m.listed(wire.decode(wire.encode(message))) == tuple(protocols)
    assert m.listed(m.Message(m.Header(14, 7))) is None


def mutate(octets: bytes, chance: random.Random) -> bytes:
    """Up to four changes: an octet set, a bit turned, octets left out, doubled or put in."""
    found = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(found) + 1)
        match chance.randrange(5):
            case 0 if at < len(found):
                found[at] = chance.choice((0, 1, 4, 0x7F, 0x80, 0xFF, chance.randrange(256)))
            case 1 if at < len(found):
                found[at] ^= 1 << chance.randrange(8)
            case 2:
                del found[at : at + chance.randint(1, 30)]
            case 3:
                found[at:at] = found[at : at + chance.randint(1, 30)]
            case _:
                found[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(found)


def campaign(count: int, seed: int) -> int:
    """So many changed messages read; how many decoded. Those come back octet by octet."""
    chance = random.Random(seed)
    seeds = [stored(name) for name in (*RUN, *FORKING, *PUBLIC)]
    decoded = 0
    for number in range(count):
        octets = mutate(chance.choice(seeds), chance)
        try:
            found = wire.decode(octets)
        except MalformedMessageError as error:
            assert error.clause and error.offset is not None and 0 <= error.offset <= len(octets)
        else:
            decoded += 1
            assert wire.encode(found) == octets
        if number % 10 == 0:
            assert not uncovered(layout.spans(octets), 0, len(octets))
    return decoded


def test_changed_messages_are_read_exactly_or_refused_with_the_codecs_error() -> None:
    """A portion of the campaign: no other error, and what decodes encodes to the same octets."""
    assert campaign(3_000, 1) > 100


@pytest.mark.long
def test_a_hundred_thousand_changed_messages_raise_nothing_but_the_codecs_error() -> None:
    """The campaign."""
    assert campaign(100_000, 2) > 1_000
