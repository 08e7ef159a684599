"""Handshake messages and alerts, field by field (RFC 5246 §7.4, RFC 8446 §4): one grammar for values and for spans."""

from __future__ import annotations

from collections.abc import Callable

from workbench.protocols.cursor import Cursor
from workbench.protocols.tls import extensions, registry, x509
from workbench.protocols.tls.messages import (
    RETRY_RANDOM,
    AlertMessage,
    Certificate,
    CertificateEntry,
    CertificateRequest,
    CertificateVerify,
    ClientHello,
    ClientKeyExchange,
    EncryptedExtensions,
    Finished,
    Handshake,
    HandshakeBody,
    HelloVerifyRequest,
    KeyUpdate,
    NewSessionTicket,
    OtherHandshake,
    ServerHello,
    ServerHelloDone,
    ServerKeyExchange,
)
from workbench.protocols.tls.registry import Alert, AlertLevel, HandshakeType, enumerated
from workbench.protocols.tls.suites import CIPHER_SUITES

TLS_1_3 = 0x0304

# Clauses that faults in a message are held against.
_CLAUSES = {
    HandshakeType.CLIENT_HELLO: "RFC 8446 §4.1.2", HandshakeType.SERVER_HELLO: "RFC 8446 §4.1.3",
    HandshakeType.ENCRYPTED_EXTENSIONS: "RFC 8446 §4.3.1", HandshakeType.CERTIFICATE: "RFC 8446 §4.4.2",
    HandshakeType.CERTIFICATE_REQUEST: "RFC 8446 §4.3.2", HandshakeType.CERTIFICATE_VERIFY: "RFC 8446 §4.4.3",
    HandshakeType.FINISHED: "RFC 8446 §4.4.4", HandshakeType.NEW_SESSION_TICKET: "RFC 8446 §4.6.1",
    HandshakeType.KEY_UPDATE: "RFC 8446 §4.6.3", HandshakeType.SERVER_KEY_EXCHANGE: "RFC 5246 §7.4.3",
    HandshakeType.HELLO_VERIFY_REQUEST: "RFC 6347 §4.2.1",
    HandshakeType.CLIENT_KEY_EXCHANGE: "RFC 5246 §7.4.7", HandshakeType.SERVER_HELLO_DONE: "RFC 5246 §7.4.5",
}


def handshake(cursor: Cursor, version: int | None, suite: int | None = None) -> Handshake | None:
    """Read one handshake message, header included, which has to be whole.

    Args:
        cursor: stands before the message type.
        version: what was negotiated (0x0303, 0x0304), or None where nothing is known yet.
        suite: the cipher suite, which says how key exchange messages look; None if unknown.

    Returns:
        The message; None only where a lenient cursor met octets that do not decode.
    """
    start = cursor.at
    kind = cursor.octets[start] if cursor.left else 0
    size = 4 + int.from_bytes(cursor.octets[start + 1 : start + 4])
    if cursor.left < 4 or size > cursor.left:
        raise cursor.fault("handshake message cut short")
    body: HandshakeBody | None = None
    with cursor.group("tls.handshake", size, registry.handshake_name(kind)) as message:
        message.number("tls.handshake.type", 1, _type_text)
        message.number("tls.handshake.length", 3)
        message.clause = _CLAUSES.get(HandshakeType(kind), "RFC 8446 §4") if kind in _BODIES else "RFC 8446 §4"
        reader = _BODIES.get(kind)
        if reader is None:
            body = OtherHandshake(kind, message.rest("tls.handshake.octets"))
        else:
            body = reader(message, version, suite)
            if isinstance(body, ServerHello) and body.retry:
                message.value = "HelloRetryRequest"
    return None if body is None else Handshake(kind, body, cursor.octets[start : start + size])


def alert(cursor: Cursor) -> AlertMessage:
    """Read an alert (RFC 8446 §6)."""
    level = cursor.number("tls.alert.level", 1, lambda number: enumerated(number, AlertLevel))
    description = cursor.number("tls.alert.description", 1, lambda number: enumerated(number, Alert))
    return AlertMessage(level, description)


def _type_text(kind: int) -> str:
    return enumerated(kind, HandshakeType)


def _client_hello(cursor: Cursor, version: int | None, suite: int | None) -> ClientHello:
    legacy = cursor.number("tls.client_hello.version", 2, registry.version_text)
    random = cursor.take("tls.client_hello.random", 32)
    session_id = cursor.opaque("tls.client_hello.session_id", 1)
    cookie = cursor.opaque("tls.client_hello.cookie", 1) if legacy >> 8 == 0xFE else None
    suites: list[int] = []
    with cursor.vector("tls.client_hello.cipher_suites", 2) as inside:
        while inside.left:
            suites.append(inside.number("tls.client_hello.cipher_suite", 2, registry.suite_text))
        inside.value = registry.counted(len(suites), "cipher suite")
    methods: list[int] = []
    with cursor.vector("tls.client_hello.compression_methods", 1) as inside:
        while inside.left:
            methods.append(inside.number("tls.client_hello.compression_method", 1, _compression_text))
    found = extensions.read(cursor, HandshakeType.CLIENT_HELLO)
    return ClientHello(legacy, random, session_id, tuple(suites), tuple(methods), found, cookie)


def _hello_verify_request(cursor: Cursor, version: int | None, suite: int | None) -> HelloVerifyRequest:
    said = cursor.number("tls.hello_verify_request.version", 2, registry.version_text)
    return HelloVerifyRequest(said, cursor.opaque("tls.hello_verify_request.cookie", 1))


def _server_hello(cursor: Cursor, version: int | None, suite: int | None) -> ServerHello:
    legacy = cursor.number("tls.server_hello.version", 2, registry.version_text)
    retry = cursor.octets[cursor.at : cursor.at + 32] == RETRY_RANDOM
    random = cursor.take("tls.server_hello.random", 32, "HelloRetryRequest" if retry else "")
    session_id = cursor.opaque("tls.server_hello.session_id", 1)
    chosen = cursor.number("tls.server_hello.cipher_suite", 2, registry.suite_text)
    method = cursor.number("tls.server_hello.compression_method", 1, _compression_text)
    found = extensions.read(cursor, HandshakeType.SERVER_HELLO, retry=retry)
    return ServerHello(legacy, random, session_id, chosen, method, found)


def _compression_text(number: int) -> str:
    return registry.named(number, registry.COMPRESSION_METHODS)


def _encrypted_extensions(cursor: Cursor, version: int | None, suite: int | None) -> EncryptedExtensions:
    return EncryptedExtensions(extensions.read(cursor, HandshakeType.ENCRYPTED_EXTENSIONS))


def _certificate(cursor: Cursor, version: int | None, suite: int | None) -> Certificate:
    # TLS 1.2 begins with the length of the list, 1.3 with a context: where nobody says which it is, the lengths do.
    size = int.from_bytes(cursor.octets[cursor.at : cursor.at + 3])
    modern = version == TLS_1_3 if version is not None else size != cursor.left - 3
    context = cursor.opaque("tls.certificate.context", 1) if modern else None
    entries: list[CertificateEntry] = []
    with cursor.vector("tls.certificate.list", 3) as inside:
        while inside.left:
            entries.append(_entry(inside, modern))
        inside.value = registry.counted(len(entries), "certificate")
    return Certificate(tuple(entries), context)


def _entry(cursor: Cursor, modern: bool) -> CertificateEntry:
    size = cursor.number("tls.certificate.der.length", 3)
    start = cursor.at
    with cursor.group("tls.certificate.der", size) as inside:
        inside.value = x509.fields(inside)
    found = extensions.read(cursor, HandshakeType.CERTIFICATE) if modern else ()
    return CertificateEntry(cursor.octets[start : start + size], found)


def _server_key_exchange(cursor: Cursor, version: int | None, suite: int | None) -> ServerKeyExchange:
    octets = cursor.octets[cursor.at : cursor.end]
    name = CIPHER_SUITES.get(suite or 0, "") if suite is not None else _guess(octets)
    exchange = name.partition("_WITH_")[0]
    hint = cursor.opaque("tls.server_key_exchange.identity_hint", 2, _utf8) if "PSK" in exchange else None
    if "ECDH" in exchange:
        kind = cursor.number("tls.server_key_exchange.curve_type", 1,
                             lambda number: registry.named(number, registry.CURVE_TYPES))
        if kind != 3:
            cursor.rest("tls.server_key_exchange.octets")
            return ServerKeyExchange(octets, hint)
        cursor.number("tls.server_key_exchange.group", 2, registry.group_text)
        cursor.opaque("tls.server_key_exchange.public_key", 1)
    elif "DH" in exchange:
        cursor.opaque("tls.server_key_exchange.dh_p", 2, _bits)
        cursor.opaque("tls.server_key_exchange.dh_g", 2)
        cursor.opaque("tls.server_key_exchange.dh_ys", 2)
    if cursor.left and "DH" in exchange and "anon" not in exchange and "PSK" not in exchange:
        cursor.number("tls.server_key_exchange.scheme", 2, registry.scheme_text)
        cursor.opaque("tls.server_key_exchange.signature", 2)
    if cursor.left and exchange in ("", "TLS_RSA"):
        cursor.rest("tls.server_key_exchange.octets")
    return ServerKeyExchange(octets, hint)


def _guess(octets: bytes) -> str:
    """What a ServerKeyExchange is for, told from its first octet: a named curve, a hint, or parameters of DH."""
    if octets[:1] == b"\x03":
        return "TLS_ECDHE_ECDSA_WITH_"
    if len(octets) >= 2 and int.from_bytes(octets[:2]) == len(octets) - 2:
        return "TLS_PSK_WITH_"
    return ""


def _client_key_exchange(cursor: Cursor, version: int | None, suite: int | None) -> ClientKeyExchange:
    octets = cursor.octets[cursor.at : cursor.end]
    exchange = CIPHER_SUITES.get(suite or 0, "").partition("_WITH_")[0]
    if suite is None and octets and octets[0] == len(octets) - 1:
        exchange = "TLS_ECDHE_ECDSA"
    identity = cursor.opaque("tls.client_key_exchange.identity", 2, _utf8) if "PSK" in exchange else None
    if "ECDH" in exchange:
        cursor.opaque("tls.client_key_exchange.public_key", 1)
    elif "DH" in exchange:
        cursor.opaque("tls.client_key_exchange.dh_yc", 2)
    elif "RSA" in exchange:
        cursor.opaque("tls.client_key_exchange.encrypted_premaster", 2)
    elif suite is None and len(octets) >= 2 and int.from_bytes(octets[:2]) == len(octets) - 2:
        cursor.opaque("tls.client_key_exchange.value", 2)
    if cursor.left and suite is None:
        cursor.rest("tls.client_key_exchange.octets")
    return ClientKeyExchange(octets, identity)


def _certificate_request(cursor: Cursor, version: int | None, suite: int | None) -> CertificateRequest:
    # TLS 1.3: a context (empty in the handshake) and extensions that fill the message. TLS 1.2: at least one type.
    modern = version == TLS_1_3 if version is not None else (
        cursor.octets[cursor.at : cursor.at + 1] == b"\0"
        and int.from_bytes(cursor.octets[cursor.at + 1 : cursor.at + 3]) == cursor.left - 3
    )
    if modern:
        context = cursor.opaque("tls.certificate_request.context", 1)
        found = extensions.read(cursor, HandshakeType.CERTIFICATE_REQUEST)
        value = next((one.octets for one in found if one.type == registry.ExtensionType.SIGNATURE_ALGORITHMS), b"")
        schemes = tuple(int.from_bytes(value[at : at + 2]) for at in range(2, len(value) - 1, 2))
        return CertificateRequest(schemes, context=context, extensions=found)
    kinds: list[int] = []
    with cursor.vector("tls.certificate_request.types", 1) as inside:
        while inside.left:
            kinds.append(inside.number("tls.certificate_request.type", 1,
                                       lambda number: registry.named(number, registry.CERTIFICATE_TYPES)))
    numbers: list[int] = []
    with cursor.vector("tls.certificate_request.schemes", 2) as inside:
        while inside.left:
            numbers.append(inside.number("tls.certificate_request.scheme", 2, registry.scheme_text))
    names: list[bytes] = []
    with cursor.vector("tls.certificate_request.authorities", 2) as inside:
        while inside.left:
            names.append(inside.opaque("tls.certificate_request.authority", 2))
    return CertificateRequest(tuple(numbers), tuple(names), tuple(kinds))


def _server_hello_done(cursor: Cursor, version: int | None, suite: int | None) -> ServerHelloDone:
    return ServerHelloDone()


def _certificate_verify(cursor: Cursor, version: int | None, suite: int | None) -> CertificateVerify:
    scheme = cursor.number("tls.certificate_verify.scheme", 2, registry.scheme_text)
    return CertificateVerify(scheme, cursor.opaque("tls.certificate_verify.signature", 2))


def _finished(cursor: Cursor, version: int | None, suite: int | None) -> Finished:
    return Finished(cursor.rest("tls.finished.verify_data"))


def _new_session_ticket(cursor: Cursor, version: int | None, suite: int | None) -> NewSessionTicket:
    lifetime = cursor.number("tls.new_session_ticket.lifetime", 4, lambda seconds: f"{seconds} s")
    size = int.from_bytes(cursor.octets[cursor.at : cursor.at + 2])
    modern = version == TLS_1_3 if version is not None else size != cursor.left - 2
    if not modern:
        return NewSessionTicket(lifetime, cursor.opaque("tls.new_session_ticket.ticket", 2))
    age_add = cursor.number("tls.new_session_ticket.age_add", 4, lambda number: f"0x{number:08X}")
    nonce = cursor.opaque("tls.new_session_ticket.nonce", 1)
    ticket = cursor.opaque("tls.new_session_ticket.ticket", 2)
    found = extensions.read(cursor, HandshakeType.NEW_SESSION_TICKET)
    return NewSessionTicket(lifetime, ticket, age_add, nonce, found)


def _key_update(cursor: Cursor, version: int | None, suite: int | None) -> KeyUpdate:
    names = {0: "update_not_requested", 1: "update_requested"}
    request = cursor.number("tls.key_update.request", 1, lambda number: registry.named(number, names))
    return KeyUpdate(request == 1)


def _utf8(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")


def _bits(octets: bytes) -> str:
    return f"{int.from_bytes(octets).bit_length()} bits"


_BODIES: dict[int, Callable[[Cursor, int | None, int | None], HandshakeBody]] = {
    HandshakeType.CLIENT_HELLO: _client_hello,
    HandshakeType.SERVER_HELLO: _server_hello,
    HandshakeType.HELLO_VERIFY_REQUEST: _hello_verify_request,
    HandshakeType.NEW_SESSION_TICKET: _new_session_ticket,
    HandshakeType.ENCRYPTED_EXTENSIONS: _encrypted_extensions,
    HandshakeType.CERTIFICATE: _certificate,
    HandshakeType.SERVER_KEY_EXCHANGE: _server_key_exchange,
    HandshakeType.CERTIFICATE_REQUEST: _certificate_request,
    HandshakeType.SERVER_HELLO_DONE: _server_hello_done,
    HandshakeType.CERTIFICATE_VERIFY: _certificate_verify,
    HandshakeType.CLIENT_KEY_EXCHANGE: _client_key_exchange,
    HandshakeType.FINISHED: _finished,
    HandshakeType.KEY_UPDATE: _key_update,
}
