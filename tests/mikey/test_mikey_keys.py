"""Keys and MACs of a complete run and of a forked Transfer, octet by octet; the PRF; GBA; encryption of keys."""

from __future__ import annotations

import pytest
from mikey_words import stored

from workbench.errors import AuthenticationError, IncompatiblePeerError, LocalProtocolError, MalformedMessageError
from workbench.protocols.mikey import coverage, keys, wire
from workbench.protocols.mikey import messages as m
from workbench.protocols.mikey.keys import Constant, Direction
from workbench.protocols.mikey.registry import Encryption
from workbench.security import kemac

TPK, MPK, TGK = b"\x7f" * 16, b"\x4d" * 16, b"\x47" * 16
UE_PSK = bytes.fromhex("895be16fb839ec34d42a9c66ea2aa0e318527dc981972b99ea451ee35a89b84d")
MRFC_PSK = bytes(range(0xB0, 0xC0))
TICKET_RAND = b"\x99" * 16
A1, C1, D2, E3, F4 = (bytes((octet,)) * 16 for octet in (0xA1, 0xC1, 0xD2, 0xE3, 0xF4))
MPKI = bytes.fromhex("df59e3697188482409eef503881083b3")
MPKR = bytes.fromhex("304bde2a22e96f515eb46ebe317aea6e")
UE_A, CONF, KMS = b"sip:ue-a@ims.example", b"sip:conf-1@ims.example", b"kms@ims.example"
UE_B, UE_B2 = b"sip:ue-b@ims.example", b"sip:ue-b2@ims.example"
ENCR, AUTH, SALT = Constant.ENCRYPTION, Constant.AUTHENTICATION, Constant.SALT
IN_TICKET = bytes.fromhex("146100104d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d0101"
                          "00010010474747474747474747474747474747470102")
TO_PEERS = IN_TICKET.replace(MPK, MPKI)


def request(constant: Constant, direction: Direction, size: int) -> str:
    return keys.message_key(0, UE_PSK, constant, direction, 0x11111111, size, rand_i=A1).hex()


def resolve(constant: Constant, direction: Direction, size: int) -> str:
    return keys.message_key(0, MRFC_PSK, constant, direction, 0x33333333, size, rand_r=E3).hex()


def transfer(key: bytes, direction: Direction, csb_id: int = 0x22222222, rand_r: bytes = b"") -> bytes:
    return keys.message_key(0, key, AUTH, direction, csb_id, 20, rand_i=C1, rand_r=rand_r)


def test_ks_naf_of_gba_is_the_worked_one() -> None:
    """CK, IK, RAND, IMPI and NAF_Id of TS 33.220 Annex B.3; GBA_U's key is another one."""
    args = (bytes(range(0x10, 0x20)), bytes(range(0x20, 0x30)), bytes(range(0xA0, 0xB0)), "ue-a@ims.example",
            b"kms.ims.example\x01\x00\x00\x00\x06")
    assert keys.bootstrapped(*args) == UE_PSK
    assert keys.bootstrapped(*args, inside_uicc=True) != UE_PSK


@pytest.mark.parametrize(("constant", "size", "expected"), [
    (ENCR, 16, "9e5a517205a5cb2aa5145194338b53a7"), (AUTH, 20, "96a073bc25086387d238f8453b735ecccfd30e83"),
    (SALT, 14, "302a8553bebf14063494e0cc067d")])
def test_keys_of_a_base_ticket_come_of_the_ticket_protection_key(constant: Constant, size: int, expected: str) -> None:
    """Encryption, authentication and salt."""
    assert keys.ticket_key(0, TPK, constant, TICKET_RAND, size).hex() == expected


def test_mpki_and_mpkr_come_of_the_mpk_in_the_ticket() -> None:
    """Both as long as the MPK."""
    assert keys.protection_keys(0, MPK, TICKET_RAND) == (MPKI, MPKR)


def test_message_keys_of_request_and_resolve_come_of_the_pre_shared_keys() -> None:
    """INIT and response have keys of their own; Request knows Ri only, Resolve Rr only."""
    init, response = Direction.INIT, Direction.RESPONSE
    assert request(AUTH, init, 20) == "ca7b90267173a87209d3e35ac336f7759f77cd4c"
    assert request(ENCR, response, 16) == "66e0ea6a14e2e16d21b51d7a3adafc5a"
    assert request(AUTH, response, 20) == "bbbe411c50b4895cfd171ea09274c14bd260491a"
    assert request(SALT, response, 14) == "9b7a9648ae3f1053895005c7a8cf"
    assert resolve(AUTH, init, 20) == "a86c73de7280334645db508fd6325c21e2cf9fcd"
    assert resolve(ENCR, response, 16) == "443626b6ab82592e4840d72212fbb5b1"
    assert resolve(AUTH, response, 20) == "d29552552ba72161a440bc7bbbcaa04ce8d834c9"
    assert resolve(SALT, response, 14) == "a1be85e81023d9ba33888e942033"


def test_message_keys_of_a_transfer_come_of_mpki() -> None:
    """Rr enters the response's key, since G is set."""
    assert transfer(MPKI, Direction.INIT).hex() == "6e8c5f91cf6ee0e0adf58b2118e6c170cd653285"
    assert transfer(MPKI, Direction.RESPONSE, rand_r=D2).hex() == "35b539c43708a10646908b5ac83d87796c076e24"


def test_the_tek_of_crypto_session_1_is_the_tls_pre_shared_key() -> None:
    """128 and 256 bits, with RANDRi (H) and RANDRr (G); without one of them another key (K17)."""
    assert keys.traffic_key(0, TGK, 1, 16, rand_i=C1, rand_r=D2).hex() == "ae444098f7c20d1d0cfe701a2a72cf3f"
    assert keys.traffic_key(0, TGK, 1, 32, rand_i=C1, rand_r=D2).hex() == (
        "ae444098f7c20d1d0cfe701a2a72cf3f4060329f633ef5d6ec32cf0a11a04461")
    assert keys.traffic_key(0, TGK, 1, 16, rand_i=C1) != keys.traffic_key(0, TGK, 1, 16, rand_r=D2)


def test_prf_vectors() -> None:
    """PRF 0 and 1 over one block, PRF 0 over two blocks of input key (K16)."""
    label = bytes.fromhex("2d22ac75ff222222220110") + C1 + b"\0"
    assert keys.prf(0, MPKI, label, 20).hex() == "6e8c5f91cf6ee0e0adf58b2118e6c170cd653285"
    assert keys.prf(1, MPKI, label, 32).hex() == "2584c484a2a4b2da51e142c2fefdfd09167a0b2500024f68344cab5bcb992136"
    assert keys.prf(0, bytes(range(40)), b"label", 48).hex() == (
        "9200435044753241777b5f16405800e0e40a0e9bf18c28a845721bc9d2e5873ed576930782090c476a4840b04fecf737")
    for kind, key in ((2, MPKI), (0, b"")):
        with pytest.raises(LocalProtocolError):
            keys.prf(kind, key, label, 20)


def last_mac(octets: bytes) -> m.Verification:
    found = wire.decode(octets).payloads[-1]
    assert isinstance(found, m.Verification)
    return found


@pytest.mark.parametrize(("name", "key", "bound"), [
    ("request-init-psk", "ca7b90267173a87209d3e35ac336f7759f77cd4c", (UE_A, KMS)),
    ("request-resp", "bbbe411c50b4895cfd171ea09274c14bd260491a", (stored("request-init-psk"),)),
    ("transfer-init", "6e8c5f91cf6ee0e0adf58b2118e6c170cd653285", (UE_A, CONF)),
    ("resolve-init-psk", "a86c73de7280334645db508fd6325c21e2cf9fcd", (CONF, KMS)),
    ("resolve-resp", "d29552552ba72161a440bc7bbbcaa04ce8d834c9", (stored("resolve-init-psk"),)),
    ("transfer-resp", "35b539c43708a10646908b5ac83d87796c076e24", (stored("transfer-init"),)),
    ("forking-transfer-init", "31189930191d281358deb8e298f8358c622f4410", (UE_A, UE_B)),
    ("forking-transfer-resp", "39e779261deb98828a5840562eb22cdd407d016a", (stored("forking-transfer-init"),))])
def test_the_mac_of_each_message_covers_what_belongs_to_it(name: str, key: str, bound: tuple[bytes, ...]) -> None:
    """Right with the bound octets; wrong with one of them left out or another INIT (K11, K18)."""
    octets = stored(name)
    found = last_mac(octets)
    assert keys.mac_holds(found.algorithm, bytes.fromhex(key), coverage.covered(octets, *bound), found.mac)
    assert not keys.mac_holds(found.algorithm, bytes.fromhex(key), coverage.covered(octets, *bound[1:]), found.mac)
    again = coverage.with_mac(coverage.with_mac(wire.decode(octets), bytes(20)), found.mac)
    assert wire.encode(again) == octets


def test_a_bit_turned_anywhere_in_a_transfer_init_shows_in_its_mac() -> None:
    """Each octet outside the MAC, as far as the message still decodes to its end (K9)."""
    octets = stored("transfer-init")
    key, right = transfer(MPKI, Direction.INIT), last_mac(octets).mac
    for at in range(0, len(octets) - 20, 3):
        changed = octets[:at] + bytes((octets[at] ^ 1,)) + octets[at + 1 :]
        try:
            said = coverage.covered(changed, UE_A, CONF)
        except (LocalProtocolError, MalformedMessageError):
            continue
        assert not keys.mac_holds(1, key, said, right)


def ticket(name: str) -> m.Ticket:
    found = wire.decode(stored(name)).first(m.Ticket)
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["request-resp", "transfer-init", "resolve-init-psk", "forking-transfer-init"])
def test_the_ticket_is_protected_by_its_own_key(name: str) -> None:
    """V inside it covers policy and data, not the initiator data (which is added later)."""
    key = keys.ticket_key(0, TPK, AUTH, TICKET_RAND, 20)
    found = ticket(name)
    inside = wire.decode_ticket_data(found.data)
    last = inside.payloads[-1]
    assert isinstance(last, m.Verification)
    assert keys.mac_holds(last.algorithm, key, coverage.ticket_covered(found), last.mac)
    assert coverage.sealed_ticket(inside, last.mac) == found.data


def keys_in(payloads: tuple[m.Payload, ...]) -> tuple[m.Kemac, bytes]:
    found = next(one for one in payloads if isinstance(one, m.Kemac))
    stamp = next(one for one in payloads if isinstance(one, m.Timestamp) and one.role is None)
    return found, coverage.iv_timestamp(stamp)


def test_the_keys_of_a_ticket_and_of_both_responses_open() -> None:
    """AES in counter mode with IV of salt, CSB ID and the timestamp of the same message."""
    salt = keys.ticket_key(0, TPK, SALT, TICKET_RAND, 14)
    found, at = keys_in(wire.decode_ticket_data(stored("ticket-data")).payloads)
    assert kemac.initial_vector(salt, 0xFFFFFFFF, at).hex() == "302a7aac4140c333a0d5e0cc067d0000"
    key = keys.ticket_key(0, TPK, ENCR, TICKET_RAND, 16)
    assert kemac.decrypt(found.encryption, key, salt, 0xFFFFFFFF, at, found.data) == IN_TICKET
    assert kemac.encrypt(found.encryption, key, salt, 0xFFFFFFFF, at, IN_TICKET) == found.data
    for name, derive, csb_id in (("request-resp", request, 0x11111111), ("resolve-resp", resolve, 0x33333333)):
        found, at = keys_in(wire.decode(stored(name)).payloads)
        key = bytes.fromhex(derive(ENCR, Direction.RESPONSE, 16))
        salt = bytes.fromhex(derive(SALT, Direction.RESPONSE, 14))
        assert kemac.encrypt(found.encryption, key, salt, csb_id, at, TO_PEERS) == found.data
        held = wire.decode_keys(kemac.decrypt(found.encryption, key, salt, csb_id, at, found.data))
        assert held == (m.KeyData(6, MPKI, None, m.Spi(b"\x01")), m.KeyData(0, TGK, None, m.Spi(b"\x02")))
        assert wire.encode_keys(held) == TO_PEERS


def test_two_who_answer_a_forked_call_get_different_keys() -> None:
    """MPKr', TGK' and the TEK of the one who answered; another identity or another RANDRkms gives others (K15)."""
    mpkr = keys.forked(0, MPKR, Constant.FORKED_MPKR, UE_B2, F4)
    tgk = keys.forked(0, TGK, Constant.FORKED_TGK, UE_B2, F4)
    assert mpkr.hex() == "d2d669ef5dfa467cf5b1733a817b3f4d"
    assert tgk.hex() == "f8f243b3b36456d5cd0c17331c191d5c"
    assert keys.traffic_key(0, tgk, 1, 16, rand_i=C1, rand_r=D2).hex() == "2ad21c0357924ed9de70c9bec07a6d47"
    assert transfer(MPKI, Direction.INIT, 0x44444444).hex() == "31189930191d281358deb8e298f8358c622f4410"
    assert transfer(mpkr, Direction.RESPONSE, 0x44444444, D2).hex() == "39e779261deb98828a5840562eb22cdd407d016a"
    assert tgk != keys.forked(0, TGK, Constant.FORKED_TGK, UE_B, F4)
    assert tgk != keys.forked(0, TGK, Constant.FORKED_TGK, UE_B2, D2)


def test_initiator_data_binds_the_transfer_to_who_holds_mpkr() -> None:
    """Vi is the V of the TRANSFER_INIT, Vr a MAC over it; a changed Vi no longer fits (K10)."""
    key = keys.initiator_data_key(0, MPKR, 20)
    assert key.hex() == "1ffb10156be45b0b74add30f6136b76e6937ec38"
    found = ticket("forking-transfer-init")
    vi, vr = found.initiator_data
    assert isinstance(vi, m.Verification) and isinstance(vr, m.Verification)
    assert vi == last_mac(stored("forking-transfer-init"))
    assert len(wire.initiator_octets(found)) == 45
    assert keys.mac_holds(vr.algorithm, key, coverage.initiator_covered(found), vr.mac)
    changed = m.Ticket(found.policy, found.data, (m.Verification(1, bytes(20)), vr))
    assert not keys.mac_holds(vr.algorithm, key, coverage.initiator_covered(changed), vr.mac)


def test_key_wrap_opens_only_with_its_key() -> None:
    """RFC 3394 §4.1's vector; a turned bit is noticed."""
    kek, data = bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")
    wrapped = kemac.encrypt(Encryption.AES_KW_128, kek, b"", 0, b"", data)
    assert wrapped.hex() == "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"
    assert kemac.decrypt(Encryption.AES_KW_128, kek, b"", 0, b"", wrapped) == data
    for octets in (wrapped[:-1] + b"\0", wrapped[:8], b""):
        with pytest.raises(AuthenticationError):
            kemac.decrypt(Encryption.AES_KW_128, kek, b"", 0, b"", octets)
    with pytest.raises(IncompatiblePeerError):
        kemac.encrypt(Encryption.AES_KW_128, kek, b"", 0, b"", b"odd")
    with pytest.raises(IncompatiblePeerError):
        kemac.decrypt(9, kek, b"", 0, b"", wrapped)
    assert kemac.decrypt(Encryption.NULL, b"", b"", 0, b"", b"seen") == b"seen"


def test_macs_of_both_hashes_and_none() -> None:
    """RFC 2202 and RFC 4231 test case 2; NULL is empty and never holds; others are refused."""
    said = b"what do ya want for nothing?"
    assert keys.mac(1, b"Jefe", said).hex() == "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    assert keys.mac(2, b"Jefe", said).hex() == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert keys.mac(0, b"Jefe", said) == b"" and not keys.mac_holds(0, b"Jefe", said, b"")
    with pytest.raises(LocalProtocolError):
        keys.mac(9, b"Jefe", said)


def test_plain_mikey_derives_with_the_csb_id_in_the_label() -> None:
    """RFC 3830 §4.1.3 and §4.1.4: the label is constant, session, bundle, RAND, without lengths."""
    label = bytes.fromhex("2ad01c64" "01" "00000007") + C1
    assert keys.plain_traffic_key(0, TGK, 1, 7, C1, 16) == keys.prf(0, TGK, label, 16)
    label = bytes.fromhex("150533e1" "ff" "00000007") + C1
    assert keys.plain_message_key(0, TGK, ENCR, 7, C1, 16) == keys.prf(0, TGK, label, 16)
