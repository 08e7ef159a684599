"""MIKEY code points: messages, payloads, algorithms, roles, errors.

Source: IANA "Multimedia Internet KEYing (MIKEY) Payload Name Spaces"; RFC 3830 §6, RFC 4563, RFC 6043 §6.
"""

from __future__ import annotations

import enum

VERSION = 1


class DataType(enum.IntEnum):
    """What a message is: the data type of its common header (RFC 3830 §6.1, RFC 6043 §6.1)."""

    PSK = 0
    PSK_VERIFICATION = 1
    PK = 2
    PK_VERIFICATION = 3
    DH_INITIATOR = 4
    DH_RESPONDER = 5
    ERROR = 6
    DH_HMAC_INITIATOR = 7
    DH_HMAC_RESPONDER = 8
    RSA_R_INITIATOR = 9
    RSA_R_RESPONDER = 10
    REQUEST_INIT_PSK = 11
    REQUEST_INIT_PK = 12
    REQUEST_RESP = 13
    TRANSFER_INIT = 14
    TRANSFER_RESP = 15
    RESOLVE_INIT_PSK = 16
    RESOLVE_INIT_PK = 17
    RESOLVE_RESP = 18
    SAKKE = 26


class PayloadType(enum.IntEnum):
    """What comes next: the Next Payload of a header or payload (RFC 3830 §6.1, RFC 6043 §6.1)."""

    LAST = 0
    KEMAC = 1
    PKE = 2
    DH = 3
    SIGN = 4
    T = 5
    ID = 6
    CERT = 7
    CHASH = 8
    V = 9
    SP = 10
    RAND = 11
    ERR = 12
    TR = 13
    IDR = 14
    RANDR = 15
    TP = 16
    TICKET = 17
    KEY_DATA = 20
    GENERAL_EXTENSION = 21


class Prf(enum.IntEnum):
    """Pseudo-random functions (RFC 3830 §6.1, RFC 6043 §6.1)."""

    MIKEY_1 = 0
    HMAC_SHA_256 = 1


class MapType(enum.IntEnum):
    """How a message names its crypto sessions (RFC 3830 §6.1, RFC 4563 §4, RFC 6043 §6.1.1)."""

    SRTP_ID = 0
    EMPTY = 1
    GENERIC_ID = 2


class Encryption(enum.IntEnum):
    """Encryption algorithms of KEMAC (RFC 3830 §6.2, RFC 6043 §6.6)."""

    NULL = 0
    AES_CM_128 = 1
    AES_KW_128 = 2
    AES_CM_256 = 3


class Mac(enum.IntEnum):
    """MAC algorithms (RFC 3830 §6.2, RFC 6043 §6.7)."""

    NULL = 0
    HMAC_SHA_1_160 = 1
    HMAC_SHA_256_256 = 2


class TimestampType(enum.IntEnum):
    """What a timestamp counts (RFC 3830 §6.6, RFC 6043 §6.3)."""

    NTP_UTC = 0
    NTP = 1
    COUNTER = 2
    NTP_UTC_32 = 3


class IdType(enum.IntEnum):
    """How an identity is written (RFC 3830 §6.7, RFC 6043 §6.4)."""

    NAI = 0
    URI = 1
    BYTE_STRING = 2


class CertificateType(enum.IntEnum):
    """What a CERT payload holds (RFC 3830 §6.7)."""

    X_509_V3 = 0
    X_509_V3_URL = 1
    X_509_V3_SIGN = 2
    X_509_V3_ENCR = 3


class Hash(enum.IntEnum):
    """Hash functions of CHASH (RFC 3830 §6.8)."""

    SHA_1 = 0
    MD5 = 1
    SHA_256 = 2


class Signature(enum.IntEnum):
    """Signature algorithms of SIGN (RFC 3830 §6.5)."""

    PKCS1 = 0
    PSS = 1


class DhGroup(enum.IntEnum):
    """Groups of DH (RFC 3830 §6.4)."""

    OAKLEY_5 = 0
    OAKLEY_1 = 1
    OAKLEY_2 = 2


class KeyType(enum.IntEnum):
    """What key data is (RFC 3830 §6.13, RFC 6043 §6.12)."""

    TGK = 0
    TGK_SALT = 1
    TEK = 2
    TEK_SALT = 3
    GTGK = 4
    GTGK_SALT = 5
    MPK = 6


class KeyValidity(enum.IntEnum):
    """How key data says from when to when it holds (RFC 3830 §6.14)."""

    NULL = 0
    SPI = 1
    INTERVAL = 2


class TimestampRole(enum.IntEnum):
    """What a TR payload tells (RFC 6043 §6.3)."""

    ISSUE = 1
    START = 2
    END = 3
    REKEY = 4


class IdRole(enum.IntEnum):
    """Whose identity an IDR payload is (RFC 6043 §6.4)."""

    INITIATOR = 1
    RESPONDER = 2
    KMS = 3
    PSK = 4
    APPLICATION = 5


class RandRole(enum.IntEnum):
    """Who drew a RANDR payload (RFC 6043 §6.5)."""

    INITIATOR = 1
    RESPONDER = 2
    KMS = 3


class ExtensionType(enum.IntEnum):
    """What a general extension holds (RFC 3830 §6.15)."""

    VENDOR_ID = 0
    SDP_IDS = 1


class TicketType(enum.IntEnum):
    """Kinds of tickets (RFC 6043 §6.10)."""

    MIKEY_BASE = 1
    THREE_GPP_BASE = 2


class Error(enum.IntEnum):
    """Error numbers of ERR (RFC 3830 §6.12, RFC 6043 §6.9)."""

    AUTHENTICATION_FAILURE = 0
    INVALID_TIMESTAMP = 1
    PRF_NOT_SUPPORTED = 2
    MAC_NOT_SUPPORTED = 3
    ENCRYPTION_NOT_SUPPORTED = 4
    HASH_NOT_SUPPORTED = 5
    DH_GROUP_NOT_SUPPORTED = 6
    ID_NOT_SUPPORTED = 7
    CERTIFICATE_NOT_SUPPORTED = 8
    SP_TYPE_NOT_SUPPORTED = 9
    SP_PARAMETERS_NOT_SUPPORTED = 10
    DATA_TYPE_NOT_SUPPORTED = 11
    UNSPECIFIED = 12
    UNSUPPORTED_MESSAGE_TYPE = 13
    INVALID_TICKET = 14
    INVALID_TP_PARAMETERS = 15


class Flag(enum.IntFlag):
    """The twelve flags of a ticket policy, D first (RFC 6043 §6.10)."""

    D = 0x800
    """The KMS made the ticket."""
    E = 0x400
    """The ticket has to be resolved by the KMS."""
    F = 0x200
    """TRANSFER_RESP is sent."""
    G = 0x100
    """The responder draws RANDRr."""
    H = 0x080
    """RANDRi enters the keys."""
    I = 0x040  # noqa: E741 - the specification's letter
    """Keys are forked."""
    J = 0x020
    """The ticket may be used again."""
    K = 0x010
    """The KMS changed what was asked for."""
    L = 0x008
    """The initiator may supply keys."""
    M = 0x004
    """The responder may supply keys."""
    N = 0x002
    """Processing of an ordinary initiator suffices."""
    O = 0x001  # noqa: E741 - the specification's letter
    """Processing of an ordinary responder suffices."""


TIMESTAMP_OCTETS: dict[int, int] = {TimestampType.NTP_UTC: 8, TimestampType.NTP: 8, TimestampType.COUNTER: 4,
                    TimestampType.NTP_UTC_32: 4}
MAC_OCTETS: dict[int, int] = {Mac.NULL: 0, Mac.HMAC_SHA_1_160: 20, Mac.HMAC_SHA_256_256: 32}
HASH_OCTETS: dict[int, int] = {Hash.SHA_1: 20, Hash.MD5: 16, Hash.SHA_256: 32}
DH_OCTETS: dict[int, int] = {DhGroup.OAKLEY_5: 192, DhGroup.OAKLEY_1: 96, DhGroup.OAKLEY_2: 128}

PROTOCOLS = {0: "SRTP", 1: "TESLA"}
"""Security protocols of SP and of a crypto session. The one for TLS (TS 33.328 Annex H.3) is in no public registry."""

SRTP_PARAMETERS = {
    0: "encryption algorithm", 1: "encryption key length", 2: "authentication algorithm",
    3: "authentication key length", 4: "salt length", 5: "SRTP PRF", 6: "key derivation rate",
    7: "SRTP encryption", 8: "SRTCP encryption", 9: "FEC order", 10: "SRTP authentication", 11: "tag length",
    12: "prefix length"}
"""Parameter types of an SRTP policy (RFC 3830 §6.10.1)."""


def named(number: int, kind: type[enum.IntEnum]) -> str:
    """`14 TRANSFER_INIT`; only the number where it has no name."""
    try:
        return f"{number} {kind(number).name}"
    except ValueError:
        return f"{number} (unassigned)"


def flag_letters(flags: int) -> str:
    """`D E F G H N O`; `none` where no flag is set."""
    return " ".join(flag.name or "" for flag in reversed(Flag) if flags & flag) or "none"
