"""What a KEMAC encrypts: AES in counter mode, or AES key wrap (RFC 3830 §4.2.3, §6.2; RFC 6043 §6.6)."""

from __future__ import annotations

from workbench.errors import AuthenticationError, IncompatiblePeerError
from workbench.protocols.mikey.registry import Encryption

KEY_OCTETS = {Encryption.NULL: 0, Encryption.AES_CM_128: 16, Encryption.AES_KW_128: 16, Encryption.AES_CM_256: 32}
SALT_OCTETS = 14
"""112 bits of salt for counter mode (RFC 3830 §4.2.3)."""


def initial_vector(salt: bytes, csb_id: int, timestamp: bytes) -> bytes:
    """The IV of counter mode: salt xor (0000, CSB ID, timestamp), and two octets that count (RFC 3830 §4.2.3).

    Args:
        salt: 14 octets, derived with the encryption key.
        csb_id: of the message that carries the KEMAC; 0xFFFFFFFF in a base ticket.
        timestamp: 64 bits, of the same message; shorter ones extended by zeros.
    """
    said = b"\0\0" + csb_id.to_bytes(4) + timestamp
    return bytes(a ^ b for a, b in zip(salt, said, strict=True)) + b"\0\0"


def encrypt(algorithm: int, key: bytes, salt: bytes, csb_id: int, timestamp: bytes, octets: bytes) -> bytes:
    """Encrypt key data. `salt`, `csb_id` and `timestamp` matter to counter mode only.

    Raises:
        IncompatiblePeerError: an algorithm that is not known, or octets that it can't take.
    """
    match _known(algorithm):
        case Encryption.NULL:
            return octets
        case Encryption.AES_KW_128:
            from cryptography.hazmat.primitives.keywrap import aes_key_wrap

            if len(octets) < 16 or len(octets) % 8:
                raise IncompatiblePeerError(f"AES key wrap of {len(octets)} octets", clause="RFC 3394 §2")
            return aes_key_wrap(key, octets)
    return _counter_mode(key, initial_vector(salt, csb_id, timestamp), octets)


def decrypt(algorithm: int, key: bytes, salt: bytes, csb_id: int, timestamp: bytes, octets: bytes) -> bytes:
    """Decrypt key data.

    Raises:
        AuthenticationError: key wrap with another key or changed octets. Counter mode can't tell.
        IncompatiblePeerError: an algorithm that is not known.
    """
    match _known(algorithm):
        case Encryption.NULL:
            return octets
        case Encryption.AES_KW_128:
            from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap

            try:
                return aes_key_unwrap(key, octets)
            except (InvalidUnwrap, ValueError):
                raise AuthenticationError("wrapped keys do not open", clause="RFC 3394 §2.2.2") from None
    return _counter_mode(key, initial_vector(salt, csb_id, timestamp), octets)


def _known(algorithm: int) -> Encryption:
    try:
        return Encryption(algorithm)
    except ValueError:
        raise IncompatiblePeerError(f"encryption algorithm {algorithm}", clause="RFC 6043 §6.6") from None


def _counter_mode(key: bytes, start: bytes, octets: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    return Cipher(AES(key), CTR(start)).encryptor().update(octets)
