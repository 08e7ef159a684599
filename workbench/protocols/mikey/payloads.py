"""The payloads of MIKEY behind their Next Payload, each read by one function (RFC 3830 §6, RFC 6043 §6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workbench.protocols.cursor import Cursor
from workbench.protocols.mikey import registry as r
from workbench.protocols.mikey import times
from workbench.protocols.mikey.fields import next_payload, protocol_text, whole
from workbench.protocols.mikey.messages import (
    Certificate,
    CertificateHash,
    DiffieHellman,
    Envelope,
    Extension,
    Failure,
    Identity,
    Interval,
    Kemac,
    KeyData,
    Payload,
    Policy,
    Rand,
    Sign,
    Spi,
    Timestamp,
    Verification,
)
from workbench.protocols.mikey.registry import PayloadType, named

Reader = tuple[str, str, Callable[[Cursor], Payload]]
"""Name of the span, clause, and what reads the payload behind its Next Payload."""

MOST_KEYS = 255
"""Key data of one KEMAC that are read."""
_WITH_SALT = (r.KeyType.TGK_SALT, r.KeyType.TEK_SALT, r.KeyType.GTGK_SALT)


def keys(cursor: Cursor) -> tuple[KeyData, ...]:
    """What KEMAC encrypts: key data and nothing else, the first unannounced (RFC 3830 §6.2, §6.13)."""
    found: list[KeyData] = []
    following: int = PayloadType.KEY_DATA
    while following == PayloadType.KEY_DATA and (cursor.left or not cursor.lenient):
        if len(found) == MOST_KEYS:
            raise cursor.fault(f"more than {MOST_KEYS} keys")
        cursor.clause = "RFC 3830 §6.13"
        following = PayloadType.LAST
        with whole(cursor, "mikey.key_data") as one:
            following = next_payload(one)
            found.append(_key_data(one))
    if following not in (PayloadType.LAST, PayloadType.KEY_DATA):
        raise cursor.fault(f"payload {named(following, PayloadType)} among key data")
    if cursor.left:
        raise cursor.fault(f"{cursor.left} octets behind the last key")
    return tuple(found)


def _key_data(cursor: Cursor) -> KeyData:
    kind = cursor.number("mikey.key_data.type", 1, _key_type)
    cursor.value = named(kind >> 4, r.KeyType)
    key = cursor.opaque("mikey.key_data.key", 2, lambda octets: f"{8 * len(octets)} bits")
    salt = cursor.opaque("mikey.key_data.salt", 2) if kind >> 4 in _WITH_SALT else None
    return KeyData(kind >> 4, key, salt, _validity(cursor, kind & 0x0F))


def _key_type(octet: int) -> str:
    return f"{named(octet >> 4, r.KeyType)}, validity {named(octet & 0x0F, r.KeyValidity)}"


def _validity(cursor: Cursor, kind: int) -> Spi | Interval | None:
    match kind:
        case r.KeyValidity.NULL:
            return None
        case r.KeyValidity.SPI:
            return Spi(cursor.opaque("mikey.validity.spi", 1, bytes.hex))
        case r.KeyValidity.INTERVAL:
            begin = cursor.opaque("mikey.validity.from", 1, bytes.hex)
            return Interval(begin, cursor.opaque("mikey.validity.to", 1, bytes.hex))
    raise cursor.fault(f"key validity {kind} is not known, so its length is not either")


def _sized(cursor: Cursor, name: str, kinds: Mapping[int, int], registry: type) -> tuple[int, int]:
    """An algorithm or type, and how many octets go with it."""
    kind = cursor.number(f"mikey.{name}", 1, lambda number: named(number, registry))
    if kind not in kinds:
        raise cursor.fault(f"{name.replace('.', ' ')} {kind} is not known, so its length is not either")
    return kind, kinds[kind]


def _timestamp(cursor: Cursor, role: int | None = None) -> Timestamp:
    kind, size = _sized(cursor, "timestamp.type", r.TIMESTAMP_OCTETS, r.TimestampType)
    value = cursor.number("mikey.timestamp.value", size, lambda number: times.text(kind, number))
    told = times.text(kind, value)
    cursor.value = told if role is None else f"{named(role, r.TimestampRole)}: {told}"
    return Timestamp(kind, value, role)


def _timestamp_with_role(cursor: Cursor) -> Timestamp:
    return _timestamp(cursor, cursor.number("mikey.timestamp.role", 1, lambda number: named(number, r.TimestampRole)))


def _rand(cursor: Cursor, role: int | None = None) -> Rand:
    cursor.value = "" if role is None else named(role, r.RandRole)
    return Rand(cursor.opaque("mikey.rand.data", 1, lambda octets: f"{len(octets)} octets"), role)


def _rand_with_role(cursor: Cursor) -> Rand:
    return _rand(cursor, cursor.number("mikey.rand.role", 1, lambda number: named(number, r.RandRole)))


def _identity(cursor: Cursor, role: int | None = None) -> Identity:
    kind = cursor.number("mikey.id.type", 1, lambda number: named(number, r.IdType))
    found = Identity(kind, cursor.opaque("mikey.id.data", 2, lambda octets: Identity(kind, octets).text), role)
    cursor.value = found.text if role is None else f"{named(role, r.IdRole)}: {found.text}"
    return found


def _identity_with_role(cursor: Cursor) -> Identity:
    return _identity(cursor, cursor.number("mikey.id.role", 1, lambda number: named(number, r.IdRole)))


def _certificate(cursor: Cursor) -> Certificate:
    kind = cursor.number("mikey.cert.type", 1, lambda number: named(number, r.CertificateType))
    return Certificate(kind, cursor.opaque("mikey.cert.data", 2, lambda octets: f"{len(octets)} octets"))


def _certificate_hash(cursor: Cursor) -> CertificateHash:
    function, size = _sized(cursor, "chash.function", r.HASH_OCTETS, r.Hash)
    return CertificateHash(function, cursor.take("mikey.chash.value", size))


def _kemac(cursor: Cursor) -> Kemac:
    encryption = cursor.number("mikey.kemac.encryption", 1, lambda number: named(number, r.Encryption))
    cursor.value = named(encryption, r.Encryption)
    data = _kemac_data(cursor, encryption)
    algorithm, mac = _mac(cursor)
    return Kemac(encryption, data, algorithm, mac)


def _kemac_data(cursor: Cursor, encryption: int) -> bytes:
    """The encrypted part; key data that nothing encrypts is laid out where it can be read."""
    if not cursor.lenient or encryption != r.Encryption.NULL:
        return cursor.opaque("mikey.kemac.data", 2, lambda octets: f"{len(octets)} octets")
    start = cursor.at + 2
    with cursor.vector("mikey.kemac.data", 2) as inner:
        if inner.left:
            keys(inner)
    return cursor.octets[start : cursor.at]


def _mac(cursor: Cursor) -> tuple[int, bytes]:
    algorithm, size = _sized(cursor, "mac.algorithm", r.MAC_OCTETS, r.Mac)
    return algorithm, cursor.take("mikey.mac", size)


def _envelope(cursor: Cursor) -> Envelope:
    size = cursor.number("mikey.pke.cache_length", 2, lambda number: f"cache {number >> 14}, {number & 0x3FFF} octets")
    return Envelope(cursor.take("mikey.pke.data", size & 0x3FFF), size >> 14)


def _diffie_hellman(cursor: Cursor) -> DiffieHellman:
    group, size = _sized(cursor, "dh.group", r.DH_OCTETS, r.DhGroup)
    value = cursor.take("mikey.dh.value", size)
    kind = cursor.number("mikey.dh.validity", 1, lambda octet: f"validity {named(octet & 0x0F, r.KeyValidity)}")
    return DiffieHellman(group, value, _validity(cursor, kind & 0x0F), kind >> 4)


def _sign(cursor: Cursor) -> Sign:
    size = cursor.number("mikey.sign.type_length", 2,
                         lambda number: f"{named(number >> 12, r.Signature)}, {number & 0xFFF} octets")
    return Sign(size >> 12, cursor.take("mikey.sign.signature", size & 0xFFF))


def _verification(cursor: Cursor) -> Verification:
    algorithm, mac = _mac(cursor)
    cursor.value = named(algorithm, r.Mac)
    return Verification(algorithm, mac)


def _policy(cursor: Cursor) -> Policy:
    number = cursor.number("mikey.sp.number", 1)
    protocol = cursor.number("mikey.sp.protocol", 1, protocol_text)
    cursor.value = f"policy {number}: {protocol_text(protocol)}"
    parameters: list[tuple[int, bytes]] = []
    with cursor.vector("mikey.sp.parameters", 2) as inner:
        while inner.left:
            with whole(inner, "mikey.sp.parameter") as one:
                parameters.append(_parameter(one, protocol))
    return Policy(number, protocol, tuple(parameters))


def _parameter(cursor: Cursor, protocol: int) -> tuple[int, bytes]:
    names = r.SRTP_PARAMETERS if protocol == 0 else {}
    kind = cursor.number("mikey.sp.parameter.type", 1, lambda number: f"{number} {names.get(number, '')}".rstrip())
    value = cursor.opaque("mikey.sp.parameter.value", 1, lambda octets: str(int.from_bytes(octets)))
    cursor.value = f"{names.get(kind, f'parameter {kind}')} = {int.from_bytes(value)}"
    return kind, value


def _failure(cursor: Cursor) -> Failure:
    code = cursor.number("mikey.err.code", 1, lambda number: named(number, r.Error))
    cursor.value = named(code, r.Error)
    return Failure(code, cursor.number("mikey.err.reserved", 2))


def _extension(cursor: Cursor) -> Extension:
    kind = cursor.number("mikey.extension.type", 1, lambda number: named(number, r.ExtensionType))
    if kind == r.ExtensionType.SDP_IDS:
        return Extension(kind, cursor.opaque("mikey.extension.sdp_ids", 2, lambda octets: octets.decode("latin-1")))
    return Extension(kind, cursor.opaque("mikey.extension.data", 2, lambda octets: f"{len(octets)} octets"))


READERS: dict[int, Reader] = {
    PayloadType.KEMAC: ("mikey.kemac", "RFC 3830 §6.2", _kemac),
    PayloadType.PKE: ("mikey.pke", "RFC 3830 §6.3", _envelope),
    PayloadType.DH: ("mikey.dh", "RFC 3830 §6.4", _diffie_hellman),
    PayloadType.SIGN: ("mikey.sign", "RFC 3830 §6.5", _sign),
    PayloadType.T: ("mikey.t", "RFC 3830 §6.6", _timestamp),
    PayloadType.ID: ("mikey.id", "RFC 3830 §6.7", _identity),
    PayloadType.CERT: ("mikey.cert", "RFC 3830 §6.7", _certificate),
    PayloadType.CHASH: ("mikey.chash", "RFC 3830 §6.8", _certificate_hash),
    PayloadType.V: ("mikey.v", "RFC 3830 §6.9", _verification),
    PayloadType.SP: ("mikey.sp", "RFC 3830 §6.10", _policy),
    PayloadType.RAND: ("mikey.rand", "RFC 3830 §6.11", _rand),
    PayloadType.ERR: ("mikey.err", "RFC 3830 §6.12", _failure),
    PayloadType.TR: ("mikey.tr", "RFC 6043 §6.3", _timestamp_with_role),
    PayloadType.IDR: ("mikey.idr", "RFC 6043 §6.4", _identity_with_role),
    PayloadType.RANDR: ("mikey.randr", "RFC 6043 §6.5", _rand_with_role),
    PayloadType.KEY_DATA: ("mikey.key_data", "RFC 3830 §6.13", _key_data),
    PayloadType.GENERAL_EXTENSION: ("mikey.extension", "RFC 3830 §6.15", _extension),
}
