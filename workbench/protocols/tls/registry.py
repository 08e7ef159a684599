"""Numbers of TLS and their names (IANA "TLS Parameters", "TLS ExtensionType Values"). Unknown numbers stay numbers."""

from __future__ import annotations

import enum

from workbench.protocols.tls.suites import CIPHER_SUITES

UNDECODED = "tls.undecoded"
"""The name of octets that no rule fits."""


class ContentType(enum.IntEnum):
    """What a record carries (RFC 8446 §5.1, RFC 6520 §3)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23
    HEARTBEAT = 24


class HandshakeType(enum.IntEnum):
    """Handshake messages of TLS 1.2 and 1.3, and of DTLS (RFC 5246 §7.4, RFC 8446 §4, RFC 6347 §4.3.2)."""

    HELLO_REQUEST = 0
    CLIENT_HELLO = 1
    SERVER_HELLO = 2
    HELLO_VERIFY_REQUEST = 3
    NEW_SESSION_TICKET = 4
    END_OF_EARLY_DATA = 5
    ENCRYPTED_EXTENSIONS = 8
    CERTIFICATE = 11
    SERVER_KEY_EXCHANGE = 12
    CERTIFICATE_REQUEST = 13
    SERVER_HELLO_DONE = 14
    CERTIFICATE_VERIFY = 15
    CLIENT_KEY_EXCHANGE = 16
    FINISHED = 20
    CERTIFICATE_URL = 21
    CERTIFICATE_STATUS = 22
    KEY_UPDATE = 24
    COMPRESSED_CERTIFICATE = 25
    MESSAGE_HASH = 254


class AlertLevel(enum.IntEnum):
    """How bad an alert is (RFC 5246 §7.2)."""

    WARNING = 1
    FATAL = 2


class Alert(enum.IntEnum):
    """Alert descriptions (RFC 8446 §6, RFC 5246 §7.2, RFC 4279 §2, RFC 6066 §5)."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    DECRYPTION_FAILED = 21
    RECORD_OVERFLOW = 22
    DECOMPRESSION_FAILURE = 30
    HANDSHAKE_FAILURE = 40
    NO_CERTIFICATE = 41
    BAD_CERTIFICATE = 42
    UNSUPPORTED_CERTIFICATE = 43
    CERTIFICATE_REVOKED = 44
    CERTIFICATE_EXPIRED = 45
    CERTIFICATE_UNKNOWN = 46
    ILLEGAL_PARAMETER = 47
    UNKNOWN_CA = 48
    ACCESS_DENIED = 49
    DECODE_ERROR = 50
    DECRYPT_ERROR = 51
    EXPORT_RESTRICTION = 60
    PROTOCOL_VERSION = 70
    INSUFFICIENT_SECURITY = 71
    INTERNAL_ERROR = 80
    INAPPROPRIATE_FALLBACK = 86
    USER_CANCELED = 90
    NO_RENEGOTIATION = 100
    MISSING_EXTENSION = 109
    UNSUPPORTED_EXTENSION = 110
    CERTIFICATE_UNOBTAINABLE = 111
    UNRECOGNIZED_NAME = 112
    BAD_CERTIFICATE_STATUS_RESPONSE = 113
    BAD_CERTIFICATE_HASH_VALUE = 114
    UNKNOWN_PSK_IDENTITY = 115
    CERTIFICATE_REQUIRED = 116
    NO_APPLICATION_PROTOCOL = 120


class ExtensionType(enum.IntEnum):
    """Extensions (IANA "TLS ExtensionType Values")."""

    SERVER_NAME = 0
    MAX_FRAGMENT_LENGTH = 1
    STATUS_REQUEST = 5
    SUPPORTED_GROUPS = 10
    EC_POINT_FORMATS = 11
    SRP = 12
    SIGNATURE_ALGORITHMS = 13
    USE_SRTP = 14
    HEARTBEAT = 15
    APPLICATION_LAYER_PROTOCOL_NEGOTIATION = 16
    STATUS_REQUEST_V2 = 17
    SIGNED_CERTIFICATE_TIMESTAMP = 18
    CLIENT_CERTIFICATE_TYPE = 19
    SERVER_CERTIFICATE_TYPE = 20
    PADDING = 21
    ENCRYPT_THEN_MAC = 22
    EXTENDED_MASTER_SECRET = 23
    COMPRESS_CERTIFICATE = 27
    RECORD_SIZE_LIMIT = 28
    SESSION_TICKET = 35
    PRE_SHARED_KEY = 41
    EARLY_DATA = 42
    SUPPORTED_VERSIONS = 43
    COOKIE = 44
    PSK_KEY_EXCHANGE_MODES = 45
    CERTIFICATE_AUTHORITIES = 47
    OID_FILTERS = 48
    POST_HANDSHAKE_AUTH = 49
    SIGNATURE_ALGORITHMS_CERT = 50
    KEY_SHARE = 51
    TRANSPARENCY_INFO = 52
    CONNECTION_ID = 54
    ENCRYPTED_CLIENT_HELLO = 65037
    RENEGOTIATION_INFO = 65281


VERSIONS: dict[int, str] = {
    0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3",
    0xFEFF: "DTLS 1.0", 0xFEFD: "DTLS 1.2", 0xFEFC: "DTLS 1.3",
}
"""Protocol versions by their number on the wire."""

GROUPS: dict[int, str] = {
    19: "secp192r1", 21: "secp224r1", 23: "secp256r1", 24: "secp384r1", 25: "secp521r1",
    26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1", 29: "x25519", 30: "x448",
    31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13",
    41: "curveSM2", 256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
    512: "MLKEM512", 513: "MLKEM768", 514: "MLKEM1024",
    4587: "SecP256r1MLKEM768", 4588: "X25519MLKEM768", 4589: "SecP384r1MLKEM1024",
    4590: "curveSM2MLKEM768",
}
"""Key agreement groups (IANA "TLS Supported Groups")."""

SIGNATURE_SCHEMES: dict[int, str] = {
    0x0201: "rsa_pkcs1_sha1", 0x0202: "dsa_sha1", 0x0203: "ecdsa_sha1",
    0x0301: "rsa_pkcs1_sha224", 0x0302: "dsa_sha224", 0x0303: "ecdsa_sha224",
    0x0401: "rsa_pkcs1_sha256", 0x0402: "dsa_sha256", 0x0403: "ecdsa_secp256r1_sha256",
    0x0501: "rsa_pkcs1_sha384", 0x0502: "dsa_sha384", 0x0503: "ecdsa_secp384r1_sha384",
    0x0601: "rsa_pkcs1_sha512", 0x0602: "dsa_sha512", 0x0603: "ecdsa_secp521r1_sha512", 0x0708: "sm2sig_sm3",
    0x0804: "rsa_pss_rsae_sha256", 0x0805: "rsa_pss_rsae_sha384", 0x0806: "rsa_pss_rsae_sha512",
    0x0807: "ed25519", 0x0808: "ed448",
    0x0809: "rsa_pss_pss_sha256", 0x080A: "rsa_pss_pss_sha384", 0x080B: "rsa_pss_pss_sha512",
    0x081A: "ecdsa_brainpoolP256r1tls13_sha256", 0x081B: "ecdsa_brainpoolP384r1tls13_sha384",
    0x081C: "ecdsa_brainpoolP512r1tls13_sha512",
    0x0904: "mldsa44", 0x0905: "mldsa65", 0x0906: "mldsa87",
}
"""Signature schemes (IANA "TLS SignatureScheme"); in TLS 1.2 the two octets are hash and signature algorithm."""

CERTIFICATE_TYPES: dict[int, str] = {
    1: "rsa_sign", 2: "dss_sign", 3: "rsa_fixed_dh", 4: "dss_fixed_dh", 22: "gost_sign256", 23: "gost_sign512",
    64: "ecdsa_sign", 65: "rsa_fixed_ecdh", 66: "ecdsa_fixed_ecdh",
}
"""ClientCertificateType (RFC 5246 §7.4.4, RFC 8422 §5.5, RFC 9189)."""

POINT_FORMATS: dict[int, str] = {0: "uncompressed", 1: "ansiX962_compressed_prime", 2: "ansiX962_compressed_char2"}
"""ECPointFormat (RFC 8422 §5.1.2)."""

CURVE_TYPES: dict[int, str] = {1: "explicit_prime", 2: "explicit_char2", 3: "named_curve"}
"""ECCurveType (RFC 8422 §5.4)."""

PSK_MODES: dict[int, str] = {0: "psk_ke", 1: "psk_dhe_ke"}
"""PskKeyExchangeMode (RFC 8446 §4.2.9)."""

COMPRESSION_METHODS: dict[int, str] = {0: "null", 1: "DEFLATE"}
"""CompressionMethod (RFC 3749 §2)."""

FRAGMENT_LENGTHS: dict[int, str] = {1: "512 octets", 2: "1024 octets", 3: "2048 octets", 4: "4096 octets"}
"""MaxFragmentLength (RFC 6066 §4)."""

CERTIFICATE_COMPRESSIONS: dict[int, str] = {1: "zlib", 2: "brotli", 3: "zstd"}
"""CertificateCompressionAlgorithm (RFC 8879 §7.3)."""


def grease(number: int) -> bool:
    """Whether a 16-bit number is one that means nothing on purpose (RFC 8701 §2)."""
    return number & 0x0F0F == 0x0A0A and number >> 8 == number & 0xFF


def counted(number: int, what: str) -> str:
    """`1 octet`, `2 octets`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def named(number: int, names: dict[int, str]) -> str:
    """Number and name: `29 x25519`; the number alone where there is no name."""
    return f"{number} {names[number]}" if number in names else str(number)


def enumerated(number: int, names: type[enum.IntEnum]) -> str:
    """Number and name in lower case: `22 handshake`; the number alone where there is no name."""
    try:
        return f"{number} {names(number).name.lower()}"
    except ValueError:
        return str(number)


def coded(number: int, names: dict[int, str]) -> str:
    """Four hexadecimal digits and the name: `0x1301 TLS_AES_128_GCM_SHA256`."""
    if number in names:
        return f"0x{number:04X} {names[number]}"
    return f"0x{number:04X}" + (" (GREASE)" if grease(number) else "")


def version_text(number: int) -> str:
    """`0x0303 TLS 1.2`."""
    return coded(number, VERSIONS)


def suite_text(number: int) -> str:
    """`0x1301 TLS_AES_128_GCM_SHA256`."""
    return coded(number, CIPHER_SUITES)


def suite_name(number: int) -> str:
    """`TLS_AES_128_GCM_SHA256`, or `0x1A1A` where the number has no name."""
    return CIPHER_SUITES.get(number, f"0x{number:04X}")


def group_text(number: int) -> str:
    """`29 x25519`."""
    return named(number, GROUPS) + (" (GREASE)" if grease(number) else "")


def scheme_text(number: int) -> str:
    """`0x0403 ecdsa_secp256r1_sha256`."""
    return coded(number, SIGNATURE_SCHEMES)


def alert_name(number: int) -> str:
    """`close_notify`; `alert 200` where the number has no name."""
    try:
        return Alert(number).name.lower()
    except ValueError:
        return f"alert {number}"


def extension_name(number: int) -> str:
    """`server_name`; `extension 4660` where the number has no name."""
    try:
        return ExtensionType(number).name.lower()
    except ValueError:
        return f"extension {number}"


# Names of messages as the specifications write them.
HANDSHAKE_NAMES: dict[int, str] = {kind: "".join(part.capitalize() for part in kind.name.split("_"))
                                   for kind in HandshakeType}
"""`ClientHello` and the like, by number."""


def handshake_name(number: int) -> str:
    """`ClientHello`; `handshake message 99` where the number has no name."""
    return HANDSHAKE_NAMES.get(number, f"handshake message {number}")
