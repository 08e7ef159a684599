"""Replacements: of equal length and form, one to one, never the value itself."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from workbench.anonymizing.handshakes import Handshakes
from workbench.anonymizing.mapping import Mapping
from workbench.anonymizing.texts import Texts

MAP = Mapping(b"a key of a test, not secret")
TEXTS = Texts(MAP)


@given(st.text("abcXYZ019-_.", min_size=1, max_size=30))
def test_text_keeps_its_form(text: str) -> None:
    """Letters stay letters of their case, digits digits, and something has changed."""
    new = MAP.token(text)
    assert [(one.isdigit(), one.isupper(), one.islower()) for one in new] == [
        (one.isdigit(), one.isupper(), one.islower()) for one in text]
    assert new != text or not any(one.isalnum() for one in text)


def test_short_names_do_not_fall_together() -> None:
    """All names of two letters, and all numbers of three digits, stay as many."""
    names = [f"{one}{other}" for one in "abcdefghijklmnopqrstuvwxyz" for other in "abcdefghijklmnopqrstuvwxyz"]
    numbers = [f"{one:03}" for one in range(1000)]
    assert len({MAP.token(name) for name in names}) == len(names)
    assert len({MAP.token(number) for number in numbers}) == len(numbers)


@given(st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16))
def test_an_address_keeps_its_length_as_text(packed: bytes) -> None:
    """Digits of each octet or group stay as many, and what kind of address it is."""
    old, new = ipaddress.ip_address(packed), ipaddress.ip_address(MAP.address(packed))
    assert len(str(old)) == len(str(new))
    assert (old.is_multicast, old.is_loopback, old.is_link_local) == (
        new.is_multicast, new.is_loopback, new.is_link_local)
    if isinstance(old, ipaddress.IPv4Address) and isinstance(new, ipaddress.IPv4Address):
        for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"):
            network = ipaddress.IPv4Network(net)
            assert (old in network) == (new in network)


def test_neighbours_stay_neighbours() -> None:
    """Hosts of one subnet stay in one, each another host; hosts of two subnets do not meet."""
    found = [MAP.address(bytes((192, 0, 2, host))) for host in range(1, 255)]
    assert len(set(found)) == 254 and len({one[:3] for one in found}) == 1
    assert MAP.address(bytes((192, 0, 3, 1)))[:3] != found[0][:3]
    assert all(new[3] != host for host, new in enumerate(found, 1))


def test_a_spelling_keeps_its_length() -> None:
    """IPv6 in SDP may be spelt with zeros and in capitals: the same address, as long."""
    for text in ("2001:DB8::1:2F", "2001:0db8:0000:0000:0000:0000:0001:002f", "2001:db8::1:2f", "::ffff:192.0.2.7"):
        new = TEXTS.words(f"c=IN IP6 {text}")
        assert len(new) == 9 + len(text) and text not in new
        assert ipaddress.ip_address(new[9:]).packed == MAP.address(ipaddress.ip_address(text).packed)


def test_keys_in_sdp_and_h248() -> None:
    """SDES keys, ICE passwords and H.248's quoted keys go; suite, tag and lifetime stay."""
    line = b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4"
    new = TEXTS.sdp(line)
    assert len(new) == len(line) and b"AES_CM_128_HMAC_SHA1_80 inline:" in new and b"WVNfX19zZW1j" not in new
    assert new.endswith(b"|2^20|1:4")
    assert b"YH75Fviy6338Vbrhrlp8Yh" not in TEXTS.sdp(b"a=ice-pwd:YH75Fviy6338Vbrhrlp8Yh")
    assert b"topsecret" not in TEXTS.h248(b'Add = ip/1/access/$ { Media { Local { }, x/key = "topsecret" } }')


def test_a_number_alone_may_be_somebodys() -> None:
    """A number is replaced in a header that is not known, and a long one in a known header; what counts stays."""
    octets = (b"OPTIONS sip:h SIP/2.0\r\nX-MSISDN: 491701234567\r\nContact: <sip:h>;expires=600000\r\n"
              b"History-Info: 4917012345\r\nExpires: 4294967295\r\nCSeq: 2147483647 OPTIONS\r\n\r\n")
    new = TEXTS.sip(octets)
    assert len(new) == len(octets) and b"4917012345" not in new
    for kept in (b"expires=600000", b"Expires: 4294967295", b"CSeq: 2147483647 OPTIONS"):
        assert kept in new


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_any_octets_keep_their_length(text: str) -> None:
    """Whatever stands in a header, in an origin, in an attribute or in H.248, nothing is raised and nothing grows."""
    for rewrite in (TEXTS.sip, TEXTS.sdp, TEXTS.h248):
        for before in ("", "o=", "o=- 31501 ", "a=crypto:", "From: ", "Call-ID: "):
            octets = f"{before}{text}".encode("latin-1")
            assert len(rewrite(octets)) == len(octets)


def test_a_fingerprint_is_right_where_it_was() -> None:
    """A certificate in clear has another digest, and the SDP that named the old one names the new one."""
    import hashlib

    old = _certificate()
    new = Handshakes(MAP).certificate(old)
    assert len(new) == len(old) and new != old and b"example" not in new
    named = hashlib.sha256(old).digest().hex(":").upper()
    other = bytes(range(32)).hex(":").upper()
    told = TEXTS.sdp(f"a=fingerprint:SHA-256 {named}\r\na=fingerprint:SHA-256 {other}".encode()).decode()
    assert told.split("\r\n")[0] == f"a=fingerprint:SHA-256 {hashlib.sha256(new).digest().hex(':').upper()}"
    assert named not in told and other not in told


def _certificate() -> bytes:
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ue.operator.example")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(4711471147114711).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256()))
    return made.public_bytes(serialization.Encoding.DER)
