"""The main fields of a certificate (RFC 5280 §4.1), far enough to show where each lies. Nothing is verified here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from workbench.errors import MalformedMessageError
from workbench.protocols.cursor import Cursor

_CLAUSE = "RFC 5280 §4.1"

_OIDS = {
    "2a8648ce3d0201": "id-ecPublicKey", "2a8648ce3d030107": "secp256r1", "2b81040022": "secp384r1",
    "2b81040023": "secp521r1", "2a8648ce3d040302": "ecdsa-with-SHA256", "2a8648ce3d040303": "ecdsa-with-SHA384",
    "2a8648ce3d040304": "ecdsa-with-SHA512", "2a8648ce3d0401": "ecdsa-with-SHA1",
    "2a864886f70d010101": "rsaEncryption", "2a864886f70d01010b": "sha256WithRSAEncryption",
    "2a864886f70d01010c": "sha384WithRSAEncryption", "2a864886f70d01010d": "sha512WithRSAEncryption",
    "2a864886f70d010105": "sha1WithRSAEncryption", "2a864886f70d01010a": "id-RSASSA-PSS",
    "2b6570": "id-Ed25519", "2b6571": "id-Ed448",
    "550403": "CN", "550406": "C", "550407": "L", "550408": "ST", "55040a": "O", "55040b": "OU",
    "550405": "serialNumber",
    "551d0e": "subjectKeyIdentifier", "551d0f": "keyUsage", "551d11": "subjectAltName", "551d13": "basicConstraints",
    "551d23": "authorityKeyIdentifier", "551d25": "extKeyUsage",
}


def fingerprint(der: bytes) -> str:
    """`AB:CD:...`: SHA-256 over the whole certificate, as `a=fingerprint` writes it (RFC 8122 §5)."""
    return hashlib.sha256(der).digest().hex(":").upper()


def fields(cursor: Cursor) -> str:
    """Take a certificate apart into its main fields; one leaf where it does not decode.

    Returns:
        What the certificate as a whole says: its SHA-256 fingerprint.
    """
    der = cursor.octets[cursor.at : cursor.end]
    text = f"SHA-256 fingerprint {fingerprint(der)}"
    start = cursor.at
    try:
        _fields(cursor)
        if cursor.left:
            raise cursor.fault("octets behind the certificate")
    except MalformedMessageError:
        cursor.at = start
        cursor.spans.clear()
        cursor.rest("tls.x509.octets")
    return text


def _fields(cursor: Cursor) -> None:
    _enter(cursor, "tls.x509.header")
    body = _element(cursor)[2]
    _enter(cursor, "tls.x509.tbs_header")
    if cursor.octets[cursor.at : cursor.at + 1] == b"\xa0":
        start, _, end = _element(cursor)
        version = cursor.octets[end - 1]
        cursor.take("tls.x509.version", end - start, f"v{version + 1}")
    start, value, end = _element(cursor)
    cursor.take("tls.x509.serial", end - start, cursor.octets[value:end].hex())
    _leaf(cursor, "tls.x509.tbs_signature_algorithm", _algorithm)
    _leaf(cursor, "tls.x509.issuer", _name)
    _leaf(cursor, "tls.x509.validity", _validity)
    _leaf(cursor, "tls.x509.subject", _name)
    _leaf(cursor, "tls.x509.public_key", _algorithm)
    while cursor.at < body:
        _leaf(cursor, "tls.x509.extensions", _extension_names)
    _leaf(cursor, "tls.x509.signature_algorithm", _algorithm)
    _leaf(cursor, "tls.x509.signature", None)


def _enter(cursor: Cursor, name: str) -> None:
    start, value, _ = _element(cursor)
    if cursor.octets[start] != 0x30:
        raise cursor.fault("not a SEQUENCE")
    # The outer header ends where its content starts; its end is checked by what follows.
    cursor.take(name, value - start, "SEQUENCE")


def _leaf(cursor: Cursor, name: str, show: Callable[[bytes], str] | None) -> None:
    start, value, end = _element(cursor)
    cursor.take(name, end - start, "" if show is None else show(cursor.octets[value:end]))


def _element(cursor: Cursor) -> tuple[int, int, int]:
    """Where the next DER element starts, its content starts, and it ends."""
    start, value, end = _tlv(cursor.octets, cursor.at, cursor.end)
    return start, value, end


def _tlv(octets: bytes, at: int, limit: int) -> tuple[int, int, int]:
    if at + 2 > limit:
        raise MalformedMessageError("DER cut short", clause=_CLAUSE, offset=limit)
    size = octets[at + 1]
    value = at + 2
    if size & 0x80:
        count = size & 0x7F
        if count == 0 or count > 4 or value + count > limit:
            raise MalformedMessageError("DER length", clause=_CLAUSE, offset=at + 1)
        size = int.from_bytes(octets[value : value + count])
        value += count
    if value + size > limit:
        raise MalformedMessageError("DER cut short", clause=_CLAUSE, offset=limit)
    return at, value, value + size


def _inside(octets: bytes) -> list[tuple[int, bytes]]:
    """Tags and contents of the elements in a constructed one."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        start, value, end = _tlv(octets, at, len(octets))
        found.append((octets[start], octets[value:end]))
        at = end
    return found


def _algorithm(octets: bytes, depth: int = 2) -> str:
    """The names of the object identifiers in an AlgorithmIdentifier, or at the start of a SubjectPublicKeyInfo."""
    names: list[str] = []
    for tag, content in _inside(octets)[:2]:
        if tag == 0x06:
            names.append(_OIDS.get(content.hex(), content.hex()))
        elif tag == 0x30 and not names and depth:
            return _algorithm(content, depth - 1)
    return " ".join(names)


def _name(octets: bytes) -> str:
    parts: list[str] = []
    for _, relative in _inside(octets):
        for _, pair in _inside(relative):
            items = _inside(pair)
            if len(items) == 2:
                kind = _OIDS.get(items[0][1].hex(), items[0][1].hex())
                parts.append(f"{kind}={items[1][1].decode('utf-8', 'backslashreplace')}")
    return ", ".join(parts)


def _validity(octets: bytes) -> str:
    return " to ".join(_date(tag, content) for tag, content in _inside(octets))


def _date(tag: int, content: bytes) -> str:
    text = content.decode("ascii", "backslashreplace")
    if tag == 0x17 and len(text) == 13:
        text = ("19" if text[0] >= "5" else "20") + text
    if len(text) != 15:
        return text
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]}:{text[12:14]} UTC"


def _extension_names(octets: bytes) -> str:
    names: list[str] = []
    for _, sequence in _inside(octets):
        for _, one in _inside(sequence):
            items = _inside(one)
            if items:
                names.append(_OIDS.get(items[0][1].hex(), items[0][1].hex()))
    return ", ".join(names)
