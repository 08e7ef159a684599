"""REQUEST_INIT_PK and RESOLVE_INIT_PK: the stored run octet by octet, and each thing that can be wrong with one."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from mikey_words import stored
from tickets_words import (
    BY_CERTIFICATE,
    CONF,
    KMS_ID,
    SIGNED,
    TPK,
    UE_A,
    A,
    B,
    Told,
    certifying,
    initiator,
    kms,
    responder,
    strong,
    times,
    wanted,
)

from workbench.errors import LocalProtocolError, TicketRefusedError
from workbench.lab import certificates as lab
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey import wire
from workbench.protocols.mikey.registry import DataType, Error, Signature
from workbench.security.tickets import (
    Answered,
    Certified,
    Granted,
    Initiator,
    Keyed,
    Kms,
    Refused,
    Resolve,
    User,
    Wanted,
    certificates,
    enveloped,
)

UE, CONFERENCE = BY_CERTIFICATE["UE A"], BY_CERTIFICATE["UE B"]
(ROOT,) = lab.authority().anchors
TEK = "dd16d5f30315867ebb3578517fd007cc"


def asks(how: Certified, who: m.Identity = A, *chance: bytes, wish: Wanted | None = None) -> bytes:
    return Initiator(who, KMS_ID, how, Told(*chance)).request(wish or strong(), SIGNED)


def error(octets: bytes, center: Kms | None = None, now: float = SIGNED) -> tuple[Error, str]:
    """By which number the KMS refuses, as its Error message has it, and in which words."""
    found = (center or certifying()).receive(octets, now)
    assert isinstance(found, Refused), found
    said = wire.decode(found.octets)
    assert said.header.data_type == DataType.ERROR and said.first(m.Failure) == m.Failure(found.error)
    return found.error, found.what


def changed(octets: bytes, change: Callable[[tuple[m.Payload, ...]], tuple[m.Payload, ...]]) -> bytes:
    message = wire.decode(octets)
    return wire.encode(m.Message(message.header, change(message.payloads)))


def without(*kinds: type) -> Callable[[tuple[m.Payload, ...]], tuple[m.Payload, ...]]:
    return lambda chain: tuple(one for one in chain if not isinstance(one, kinds))


def test_the_stored_run_comes_out_octet_by_octet() -> None:
    """Mode 1 with certificates at both ends and 256 bits throughout; neither key nor envelope key shows in a repr."""
    center = certifying(times(0x99), times(0x4D, 32), times(0x47, 32))
    caller = initiator(times(0x11, 4), times(0xA1), times(0xE0, 32), shared=UE)
    called = responder(times(0x33, 4), times(0xE3), times(0xE1, 32), shared=CONFERENCE)
    request = caller.request(strong(), SIGNED)
    assert request.hex() == stored("request-init-pk").hex()
    answer = center.receive(request, SIGNED + 1)
    assert isinstance(answer, Answered) and answer.octets.hex() == stored("request-resp-pk").hex()
    assert isinstance(caller.receive_response(answer.octets, SIGNED + 1), Granted)
    resolve = called.receive_offer(caller.transfer(CONF, SIGNED + 10), SIGNED + 11)
    assert isinstance(resolve, Resolve) and resolve.octets.hex() == stored("resolve-init-pk").hex()
    resolved = center.receive(resolve.octets, SIGNED + 12)
    assert isinstance(resolved, Answered) and resolved.octets.hex() == stored("resolve-resp-pk").hex()
    there = called.receive_resolved(resolved.octets, SIGNED + 13)
    assert isinstance(there, Keyed)
    here = caller.receive_answer(there.answer, SIGNED + 13)
    assert isinstance(here, Keyed) and here.tek.hex() == there.tek.hex() == TEK
    shown = repr((caller, called, center, UE, lab.authority(), here))
    assert TEK not in shown and UE.key.hex() not in shown and "e0e0" not in shown


@pytest.mark.parametrize(("data_type", "kinds"), [
    ("request-init-pk", [m.Timestamp, m.Rand, m.Identity, m.Certificate, m.Certificate, m.Identity, m.TicketPolicy,
                         m.CertificateHash, m.Envelope, m.Sign]),
    ("resolve-init-pk", [m.Timestamp, m.Rand, m.Identity, m.Certificate, m.Certificate, m.Identity, m.Ticket,
                         m.CertificateHash, m.Envelope, m.Sign])])
def test_payloads_stand_in_the_order_of_the_specification(data_type: str, kinds: list[type]) -> None:
    """RFC 6043 §4.2.1, §4.2.3: HDR T RAND ID {CERT} IDRkms TP or TICKET CHASH PKE SIGN."""
    assert [type(one) for one in wire.decode(stored(data_type)).payloads] == kinds


@pytest.mark.parametrize("signature", [Signature.PKCS1, Signature.PSS])
@pytest.mark.parametrize("wish", [strong(), msgspec.structs.replace(strong(), suite=wanted().suite, key_octets=16)],
                         ids=["256 bits", "128 bits"])
def test_each_kind_of_signature_and_suite_is_taken(signature: Signature, wish: Wanted) -> None:
    """RFC 3830 §6.5: PKCS #1 v1.5 and PSS; with MIKEY-1 the hash is SHA-1, with the other PRF SHA-256."""
    caller = initiator(shared=msgspec.structs.replace(UE, signature=signature))
    answer = certifying().receive(caller.request(wish, SIGNED), SIGNED)
    assert isinstance(answer, Answered), answer
    assert isinstance(caller.receive_response(answer.octets, SIGNED), Granted)


@pytest.mark.parametrize(("kind", "number", "what"), [
    ("expired", 8, "certificate 1: expired on 2025-02-01 00:00:00 UTC"),
    ("stranger", 8, "no trust anchor certifies the last certificate"),
    ("another", 7, "the certificate is for somebody else")])
def test_a_certificate_that_does_not_do_is_refused(kind: lab.Kind, number: int, what: str) -> None:
    """Expired; of an unknown authority; for another user. By the KMS, of a request and of a resolve alike."""
    assert error(asks(lab.certified("UE A", A.text, kind))) == (number, what)
    caller, center = initiator(shared=UE), certifying()
    answer = center.receive(caller.request(strong(), SIGNED), SIGNED)
    assert isinstance(answer, Answered) and isinstance(caller.receive_response(answer.octets, SIGNED), Granted)
    called = responder(shared=lab.certified("UE B", CONF.text, kind))
    resolve = called.receive_offer(caller.transfer(CONF, SIGNED), SIGNED)
    assert isinstance(resolve, Resolve) and error(resolve.octets, center) == (number, what)


def test_one_certificate_speaks_for_nobody_else() -> None:
    """IDRi of another user with one's own certificate, and IDRi of somebody who is no user (7)."""
    assert error(asks(UE, CONF_AS_CALLER)) == (Error.ID_NOT_SUPPORTED, "the certificate is for somebody else")
    stranger = lab.certified("UE A", B.text)
    unknown = msgspec.structs.replace(B, role=1)
    assert error(asks(stranger, unknown))[0] == Error.ID_NOT_SUPPORTED
    assert "nobody of that identity" in error(asks(stranger, unknown))[1]


CONF_AS_CALLER = msgspec.structs.replace(CONF, role=1)


@pytest.mark.parametrize(("part", "number", "what"), [
    (m.Timestamp, 0, "the signature is wrong"), (m.TicketPolicy, 0, "the signature is wrong"),
    (m.Envelope, 0, "the signature is wrong"), (m.Sign, 0, "the signature is wrong")])
def test_a_tampered_message_is_refused_by_its_signature(part: type, number: int, what: str) -> None:
    """One bit of a payload: time, policy, envelope, signature. Nothing is opened that is not signed."""
    octets = stored("request-init-pk")
    message = wire.decode(octets)
    at = octets.index({m.Timestamp: b"\xeb\xe6\x16\x80", m.TicketPolicy: b"sip:conf-1@", m.Envelope: envelope(message),
                       m.Sign: message.payloads[-1].signature}[part])  # type: ignore[union-attr]
    assert error(octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]) == (number, what)


def envelope(message: m.Message) -> bytes:
    found = message.first(m.Envelope)
    assert found is not None
    return found.data


def test_somebody_else_s_certificate_does_not_serve_with_one_s_own_key() -> None:
    """The certificate is sound, and who has it did not sign."""
    stolen = msgspec.structs.replace(UE, key=CONFERENCE.key)
    assert error(asks(stolen)) == (Error.AUTHENTICATION_FAILURE, "the signature is wrong")


def test_a_replayed_message_is_refused_and_a_late_one() -> None:
    """RFC 3830 §5.4: error 1, as with a pre-shared key."""
    center = certifying()
    assert isinstance(center.receive(stored("request-init-pk"), SIGNED), Answered)
    assert error(stored("request-init-pk"), center)[0] == Error.INVALID_TIMESTAMP
    assert error(stored("request-init-pk"), now=SIGNED + 301)[0] == Error.INVALID_TIMESTAMP


def test_an_envelope_for_another_key_gives_nobody_keys() -> None:
    """CHASH says so (8). Without it the KMS can't tell, and its response is of no use to anybody."""
    wrong = msgspec.structs.replace(UE, kms=UE.chain[0])
    assert error(asks(wrong)) == (
        Error.CERTIFICATE_NOT_SUPPORTED, "the envelope is for another certificate than this KMS has")
    own = enveloped.private_key(UE.key).public_key()
    octets = enveloped.opened(enveloped.enveloped(UE.chain[0], times(1), Told()), UE.key)
    assert octets == times(1) and own.key_size == 2048
    try:
        found = enveloped.opened(enveloped.enveloped(UE.chain[0], times(1), Told()), CONFERENCE.key)
    except TicketRefusedError as refusal:
        assert refusal.error == Error.AUTHENTICATION_FAILURE
    else:
        assert found != times(1)


@pytest.mark.parametrize("size", [15, 65])
def test_an_envelope_key_of_an_odd_size_is_refused(size: int) -> None:
    """Shorter than 128 bits, or so long that nobody means it (0)."""
    with pytest.raises(TicketRefusedError, match="no key") as caught:
        enveloped.opened(enveloped.enveloped(lab.authority().certificate, bytes(size), Told()), lab.authority().key)
    assert caught.value.error == Error.AUTHENTICATION_FAILURE


@pytest.mark.parametrize(("change", "number"), [
    (without(m.Certificate), 8), (without(m.Envelope), 0), (without(m.Sign), 0), (without(m.Rand), 12),
    (lambda chain: (*chain[:3], m.Certificate(1, b"https://a.example/c.der"), *chain[4:]), 8),
    (lambda chain: (*chain[:3], m.Certificate(3, UE.chain[0]), *chain[4:]), 8),
    (lambda chain: (*chain[:3], m.Certificate(0, b"\x30\x03\x02\x01\x01"), *chain[4:]), 8),
    (lambda chain: (*chain[:3], *(chain[3],) * 9, *chain[5:]), 8),
    (lambda chain: tuple(m.CertificateHash(1, bytes(16)) if isinstance(one, m.CertificateHash) else one
                         for one in chain), 5),
    (lambda chain: (*chain[:-1], m.Sign(7, bytes(256))), 0)],
    ids=["no CERT", "no PKE", "no SIGN", "no RANDRi", "URL", "for encryption", "no DER", "nine", "MD5", "odd SIGN"])
def test_what_is_missing_or_unknown_has_its_error(change: Callable[[tuple[m.Payload, ...]], tuple[m.Payload, ...]],
                                                  number: int) -> None:
    """Never a traceback; each is refused by its number."""
    assert error(changed(stored("request-init-pk"), change))[0] == number


def test_a_kms_without_a_certificate_does_not_know_these_messages() -> None:
    """Error 13, as for any message that is for somebody else; and none of its users is asked for a certificate."""
    assert error(stored("request-init-pk"), kms())[0] == Error.UNSUPPORTED_MESSAGE_TYPE
    assert error(asks(UE), Kms(KMS_ID, [User(UE_A, (A.data,))], TPK, Told(), authority=lab.authority()))[0] == 7


def test_stored_certificates_and_identities_of_the_certificate_serve_where_a_message_leaves_them_out() -> None:
    """RFC 6043 §4.2.1.3: CERTi and IDRi may be left out where the KMS has them by other means."""
    quiet = msgspec.structs.replace(UE, chain=())
    with_chain = Kms(KMS_ID, [User(None, (A.data,), certificates=UE.chain)], TPK, Told(), authority=lab.authority())
    assert isinstance(with_chain.receive(asks(quiet), SIGNED), Answered)
    assert error(asks(quiet)) == (Error.CERTIFICATE_NOT_SUPPORTED, "no certificate")
    message = wire.decode(stored("request-init-pk"))
    nameless = wire.encode(m.Message(message.header, (*message.payloads[:2], *message.payloads[3:-1], m.Sign(0, b""))))
    sign = enveloped.signed(Signature.PKCS1, 1, UE.key, with_size(nameless) + A.data + KMS_ID.data)
    octets = with_size(nameless) + sign.signature
    assert isinstance(certifying().receive(octets, SIGNED), Answered)


def with_size(octets: bytes) -> bytes:
    """The message up to its signature, whose length says 256."""
    return octets[:-2] + (256).to_bytes(2)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_changed_octets_are_refused_and_raise_nothing(data: st.DataObject) -> None:
    """Anywhere in the message, certificates among them: a refusal, or the payloads that MIKEY ignores."""
    octets = bytearray(stored("request-init-pk"))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    found = certifying().receive(bytes(octets), SIGNED)
    assert isinstance(found, Refused) or bytes(octets) == stored("request-init-pk")


# Chains

def made(name: str, issuer: str, *extensions: tuple[x509.ExtensionType, bool], until: int = 2035,
         own: object = None) -> bytes:
    def called(who: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, who)])

    builder = (x509.CertificateBuilder().subject_name(called(name)).issuer_name(called(issuer)).serial_number(9)
               .public_key(own or lab.key_of(name).public_key())  # type: ignore[arg-type]
               .not_valid_before(datetime.datetime(2025, 1, 1)).not_valid_after(datetime.datetime(until, 1, 1)))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(lab.key_of(issuer), hashes.SHA256()).public_bytes(Encoding.DER)


def by_sha_1(name: str, issuer: str) -> bytes:
    """A certificate that the library would not sign: sha1WithRSAEncryption in both places (RFC 8017 Appendix A.2.4)."""
    octets = made(name, issuer).replace(bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105"))
    inside = octets[4 : 4 + 4 + int.from_bytes(octets[6:8])]
    return octets[:-256] + lab.key_of(issuer).sign(inside, padding.PKCS1v15(), hashes.SHA1())


def usage(**which: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{name: which.get(name, False) for name in names})


CA, LAST = (x509.BasicConstraints(True, None), True), (x509.BasicConstraints(True, 0), True)
TOP, OWN = made("root", "root", CA), made("UE A", "issuer")


@pytest.mark.parametrize(("chain", "what"), [
    ((OWN, made("issuer", "root", CA)), ""), ((OWN, made("issuer", "root", CA), TOP), ""), ((TOP,), ""),
    ((OWN, made("issuer", "root", CA, (usage(key_cert_sign=True), True))), ""),
    ((), "no certificate"), ((OWN,) * 9, "9 certificates; 8 are read"),
    ((OWN,), "no trust anchor certifies the last certificate"),
    ((made("UE A", "KMS"), made("issuer", "root", CA)), "certificate 1 is not certified by the next one"),
    ((OWN, made("issuer", "root")), "certificate 2 is not of a certification authority"),
    ((OWN, made("issuer", "root", CA, (usage(crl_sign=True), True))), "certificate 2 is not of a certification"),
    ((OWN, made("issuer", "root", CA, until=2025 + 1)), "certificate 2: expired on 2026-01-01"),
    ((made("UE A", "issuer"), made("issuer", "KMS", LAST), made("KMS", "root", LAST)),
     "certificate 3 certifies 0 authorities below it, and there are 1"),
    ((by_sha_1("UE A", "issuer"), made("issuer", "root", CA)), "certificate 1 is signed with sha1"),
    ((made("UE A", "issuer", (usage(key_agreement=True), True)), made("issuer", "root", CA)), "not for signatures"),
    ((made("UE A", "issuer", (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"x"), True)),
      made("issuer", "root", CA)), "a critical extension 1.2.3, which is not known"),
    ((made("UE A", "issuer", own=ec.generate_private_key(ec.SECP256R1()).public_key()), made("issuer", "root", CA)),
     "not RSA with 2048 bits"),
    ((b"\x30\x00",), "does not decode"),
    ((OWN.replace(b"\x02\x01\x09", b"\x02\x01\x00", 1), made("issuer", "root", CA)), "does not decode")])
def test_a_chain_leads_to_an_anchor_or_is_refused_with_the_reason(chain: tuple[bytes, ...], what: str) -> None:
    """RFC 5280 §6.1: signatures, times, who may certify, how deep, and critical extensions (§4.2)."""
    now = SIGNED + 2 * 365 * 86_400
    if not what:
        assert certificates.trusted(chain, (TOP,), now).key.key_size == 2048
        return
    with pytest.raises(TicketRefusedError, match=what) as caught:
        certificates.trusted(chain, (TOP,), now)
    assert caught.value.error == Error.CERTIFICATE_NOT_SUPPORTED


def test_a_certificate_is_not_taken_before_its_time_nor_under_an_expired_anchor() -> None:
    """notBefore of the own one; notAfter of the anchor."""
    chain = (OWN, made("issuer", "root", CA))
    with pytest.raises(TicketRefusedError, match="certificate 1: not valid before 2025-01-01"):
        certificates.trusted(chain, (TOP,), SIGNED - 365 * 86_400)
    with pytest.raises(TicketRefusedError, match="certificate 3: expired on 2026-01-01"):
        certificates.trusted(chain, (made("root", "root", CA, until=2026),), SIGNED + 365 * 86_400)


def test_what_is_no_rsa_key_is_our_own_fault() -> None:
    """Settings are checked where they are read; a machine says what is wrong all the same."""
    with pytest.raises(LocalProtocolError, match="PKCS #8"):
        enveloped.private_key(b"none")
    with pytest.raises(LocalProtocolError, match="RSA"):
        enveloped.enveloped(b"none", times(1), Told())


def test_keys_of_the_lab_are_of_primes_behind_their_starts() -> None:
    """Of 1024 bits each, by Fermat's test to two bases."""
    for name, behind in lab.BEHIND.items():
        numbers = lab.key_of(name).private_numbers()
        for start, distance, prime in zip(lab.starts(name), behind, (numbers.p, numbers.q), strict=True):
            assert prime == start + distance and prime.bit_length() == lab.PRIME_BITS
            assert pow(2, prime - 1, prime) == pow(3, prime - 1, prime) == 1
