"""Keys of MIKEY and MIKEY-TICKET: the PRF, what is derived from what, and MACs. Pure functions of HMAC.

Every label is a constant, a crypto session or 0xFF, a bundle or 0xFFFFFFFF, a kind, and random values with their
lengths (an absent one has length 0).

Source: RFC 3830 §4.1; RFC 6043 §5.1.
"""

from __future__ import annotations

import hmac
from enum import IntEnum

from workbench.errors import LocalProtocolError
from workbench.protocols.mikey.registry import Mac, Prf

_HASHES = {Prf.MIKEY_1: ("sha1", 20), Prf.HMAC_SHA_256: ("sha256", 32)}
_BLOCK = 32
"""Octets of the input key in one block: 256 bits (RFC 3830 §4.1.2)."""
_ALL = b"\xff\xff\xff\xff"


class Constant(IntEnum):
    """What a key is for: the first four octets of a label (RFC 3830 §4.1.3, §4.1.4; RFC 6043 §5.1)."""

    ENCRYPTION = 0x150533E1
    AUTHENTICATION = 0x2D22AC75
    SALT = 0x29B88916
    MPKI = 0x220E99A2
    MPKR = 0x1F4D675B
    TEK = 0x2AD01C64
    TRAFFIC_AUTHENTICATION = 0x1B5C7973
    TRAFFIC_ENCRYPTION = 0x15798CEF
    TRAFFIC_SALT = 0x39A2C14B
    FORKED_MPKR = 0x2B288856
    FORKED_TGK = 0x1512B54A


class Direction(IntEnum):
    """Whether keys protect the INIT or the response of an exchange (RFC 6043 §5.1.2)."""

    INIT = 1
    RESPONSE = 2


def prf(kind: int, key: bytes, label: bytes, size: int) -> bytes:
    """The pseudo-random function: `size` octets out of a key and a label.

    Raises:
        LocalProtocolError: a PRF that is not known, or an empty key.

    Source: RFC 3830 §4.1.2; RFC 6043 §6.1 for HMAC-SHA-256.
    """
    if kind not in _HASHES or not key:
        raise LocalProtocolError(f"PRF {kind} with a key of {len(key)} octets (RFC 3830 §4.1.2)")
    name, hash_octets = _HASHES[Prf(kind)]
    blocks = [key[at : at + _BLOCK] for at in range(0, len(key), _BLOCK)]
    mixed = 0
    whole = -(-size // hash_octets) * hash_octets
    for block in blocks:
        mixed ^= int.from_bytes(_expand(name, block, label, whole))
    return mixed.to_bytes(whole)[:size]


def _expand(name: str, block: bytes, label: bytes, size: int) -> bytes:
    """P of RFC 3830 §4.1.2."""
    found, chained = b"", label
    while len(found) < size:
        chained = hmac.digest(block, chained, name)
        found += hmac.digest(block, chained + label, name)
    return found


def _sized(*values: bytes) -> bytes:
    return b"".join(len(value).to_bytes(1) + value for value in values)


def _label(constant: int, session: int, bundle: bytes, kind: int, *rands: bytes) -> bytes:
    return constant.to_bytes(4) + bytes((session,)) + bundle + bytes((kind,)) + _sized(*rands)


def message_key(
    kind: int, key: bytes, constant: Constant, direction: Direction, csb_id: int, size: int,
    *, rand_i: bytes = b"", rand_r: bytes = b"",
) -> bytes:
    """A key that protects a message: encryption, authentication or salt.

    Args:
        kind: the PRF.
        key: PSK, envelope key, MPKi, or MPKr' for the response of a forked Transfer.
        rand_i, rand_r: in Request only Ri, in Resolve only Rr; in TRANSFER_RESP Rr where G is set.

    Source: RFC 6043 §5.1.2.
    """
    return prf(kind, key, _label(constant, 0xFF, csb_id.to_bytes(4), direction, rand_i, rand_r), size)


def traffic_key(
    kind: int, tgk: bytes, session: int, size: int, *, rand_i: bytes = b"", rand_r: bytes = b"",
    constant: Constant = Constant.TEK,
) -> bytes:
    """A key for traffic of one crypto session: TEK, or authentication, encryption or salt for SRTP.

    `rand_i` enters with flag H, `rand_r` with flag G. Source: RFC 6043 §5.1.3.
    """
    return prf(kind, tgk, _label(constant, session, _ALL, 3, rand_i, rand_r), size)


def initiator_data_key(kind: int, mpkr: bytes, size: int) -> bytes:
    """The key of Vr, from MPKr before it is forked (RFC 6043 §5.1.2)."""
    return prf(kind, mpkr, _label(Constant.AUTHENTICATION, 0xFF, _ALL, 4), size)


def ticket_key(kind: int, tpk: bytes, constant: Constant, rand: bytes, size: int) -> bytes:
    """A key that protects a base ticket, from the ticket protection key (RFC 6043 §5.1.2, Appendix A)."""
    return prf(kind, tpk, _label(constant, 0xFF, _ALL, 5, rand), size)


def protection_keys(kind: int, mpk: bytes, rand: bytes) -> tuple[bytes, bytes]:
    """MPKi and MPKr of a ticket, as long as the MPK that it holds (RFC 6043 §5.1.1, Appendix A)."""
    def one(constant: Constant) -> bytes:
        return prf(kind, mpk, _label(constant, 0xFF, _ALL, 6, rand), len(mpk))
    return one(Constant.MPKI), one(Constant.MPKR)


def forked(kind: int, key: bytes, constant: Constant, identity: bytes, rand_kms: bytes) -> bytes:
    """MPKr' or TGK': the key of one of several responders (RFC 6043 §5.1.1).

    Args:
        key: MPKr or TGK. TEK and GTGK are never forked.
        constant: FORKED_MPKR or FORKED_TGK.
        identity: data of the IDRr who answered.
        rand_kms: RANDRkms.
    """
    head = constant.to_bytes(4) + b"\xff" + _ALL + b"\x00"
    return prf(kind, key, head + len(identity).to_bytes(2) + identity + _sized(rand_kms), len(key))


def plain_message_key(kind: int, key: bytes, constant: Constant, csb_id: int, rand: bytes, size: int) -> bytes:
    """A key that protects a message of RFC 3830 itself, from PSK or envelope key (RFC 3830 §4.1.4)."""
    return prf(kind, key, constant.to_bytes(4) + b"\xff" + csb_id.to_bytes(4) + rand, size)


def plain_traffic_key(
    kind: int, tgk: bytes, session: int, csb_id: int, rand: bytes, size: int, constant: Constant = Constant.TEK
) -> bytes:
    """A key for traffic as RFC 3830 itself derives it from a TGK (RFC 3830 §4.1.3)."""
    return prf(kind, tgk, constant.to_bytes(4) + bytes((session,)) + csb_id.to_bytes(4) + rand, size)


_MACS = {Mac.HMAC_SHA_1_160: "sha1", Mac.HMAC_SHA_256_256: "sha256"}


def mac(algorithm: int, key: bytes, octets: bytes) -> bytes:
    """The MAC of a V or KEMAC; empty for NULL.

    Raises:
        LocalProtocolError: an algorithm that is not known.

    Source: RFC 3830 §6.2, §6.9; RFC 6043 §6.7.
    """
    if algorithm == Mac.NULL:
        return b""
    if algorithm not in _MACS:
        raise LocalProtocolError(f"MAC algorithm {algorithm} (RFC 6043 §6.7)")
    return hmac.digest(key, octets, _MACS[Mac(algorithm)])


def mac_holds(algorithm: int, key: bytes, octets: bytes, found: bytes) -> bool:
    """Whether a received MAC is right; never with NULL, which proves nothing. Each wrong one takes the same time."""
    return algorithm in _MACS and hmac.compare_digest(mac(algorithm, key, octets), found)


def bootstrapped(ck: bytes, ik: bytes, rand: bytes, impi: str, naf_id: bytes, *, inside_uicc: bool = False) -> bytes:
    """Ks_NAF: the PSK of a UE at its KMS, from GBA (TS 33.220 Annex B.3).

    Args:
        ck, ik: of the AKA run; together Ks.
        naf_id: FQDN of the KMS and the five octets of the Ua security protocol (TS 33.220 Annex H.3).
        inside_uicc: GBA_U's internal key instead of GBA_ME's.
    """
    name = b"gba-u" if inside_uicc else b"gba-me"
    parts = (name, rand, impi.encode(), naf_id)
    said = b"\x01" + b"".join(part + len(part).to_bytes(2) for part in parts)
    return hmac.digest(ck + ik, said, "sha256")
