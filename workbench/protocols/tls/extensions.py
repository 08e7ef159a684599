"""What stands in each extension (RFC 8446 §4.2, RFC 6066, RFC 8422); the message that carries it decides the form."""

from __future__ import annotations

from collections.abc import Callable

from workbench.protocols.cursor import Cursor
from workbench.protocols.tls import registry
from workbench.protocols.tls.messages import Extension, Extensions
from workbench.protocols.tls.registry import ExtensionType, HandshakeType, extension_name

_PREFIX = "tls.extension"


def read(cursor: Cursor, message: int, *, retry: bool = False) -> Extensions:
    """Read the extensions of a message, up to the end of what `cursor` covers; none there is legal in TLS 1.2.

    Args:
        cursor: stands before the length of the extensions.
        message: number of the handshake message that carries them.
        retry: it is a HelloRetryRequest.

    Source: RFC 8446 §4.2, RFC 5246 §7.4.1.4.
    """
    found: list[Extension] = []
    if not cursor.left:
        return ()
    with cursor.vector("tls.extensions", 2) as inside:
        while inside.left:
            found.append(_one(inside, message, retry))
        inside.value = registry.counted(len(found), "extension")
    return tuple(found)


def _one(cursor: Cursor, message: int, retry: bool) -> Extension:
    kind = int.from_bytes(cursor.octets[cursor.at : cursor.at + 2])
    size = int.from_bytes(cursor.octets[cursor.at + 2 : cursor.at + 4])
    if cursor.left < 4 or size > cursor.left - 4:
        raise cursor.fault("extension cut short")
    name = extension_name(kind) if not extension_name(kind).startswith("extension ") else "unknown"
    start = cursor.at + 4
    with cursor.group(f"{_PREFIX}.{name}", 4 + size, extension_name(kind)) as inside:
        inside.number(f"{_PREFIX}.type", 2, _type_text)
        inside.number(f"{_PREFIX}.length", 2)
        grammar = _GRAMMARS.get(kind)
        if size and grammar is not None:
            grammar(inside, HandshakeType.HELLO_REQUEST if retry else message)
        else:
            inside.rest(f"{_PREFIX}.octets")
    return Extension(kind, cursor.octets[start : start + size])


def _type_text(kind: int) -> str:
    return f"{kind} {extension_name(kind)}" + (" (GREASE)" if registry.grease(kind) else "")


def _list(name: str, item: str, length_size: int, size: int,
          show: Callable[[int], str]) -> Callable[[Cursor, int], None]:
    """Grammar of a vector of numbers."""

    def grammar(cursor: Cursor, message: int) -> None:
        with cursor.vector(f"{_PREFIX}.{name}", length_size) as inside:
            while inside.left:
                inside.number(f"{_PREFIX}.{item}", size, show)

    return grammar


def _server_name(cursor: Cursor, message: int) -> None:
    with cursor.vector(f"{_PREFIX}.server_name.list", 2) as names:
        while names.left:
            kind = names.number(f"{_PREFIX}.server_name.kind", 1, lambda kind: registry.named(kind, {0: "host_name"}))
            names.opaque(f"{_PREFIX}.server_name.name", 2, _ascii if kind == 0 else None)


def _status_request(cursor: Cursor, message: int) -> None:
    kind = cursor.number(f"{_PREFIX}.status_request.kind", 1, lambda kind: registry.named(kind, {1: "ocsp"}))
    if message == HandshakeType.CLIENT_HELLO and kind == 1:
        with cursor.vector(f"{_PREFIX}.status_request.responders", 2) as responders:
            while responders.left:
                responders.opaque(f"{_PREFIX}.status_request.responder", 2)
        cursor.opaque(f"{_PREFIX}.status_request.extensions", 2)
    elif message == HandshakeType.CERTIFICATE:
        cursor.opaque(f"{_PREFIX}.status_request.response", 3)
    else:
        cursor.rest(f"{_PREFIX}.octets")


def _protocols(cursor: Cursor, message: int) -> None:
    with cursor.vector(f"{_PREFIX}.alpn.list", 2) as names:
        while names.left:
            names.opaque(f"{_PREFIX}.alpn.protocol", 1, _ascii)


def _supported_versions(cursor: Cursor, message: int) -> None:
    if message == HandshakeType.CLIENT_HELLO:
        with cursor.vector(f"{_PREFIX}.supported_versions.list", 1) as versions:
            while versions.left:
                versions.number(f"{_PREFIX}.supported_versions.version", 2, registry.version_text)
    else:
        cursor.number(f"{_PREFIX}.supported_versions.selected", 2, registry.version_text)


def _key_share(cursor: Cursor, message: int) -> None:
    if message == HandshakeType.CLIENT_HELLO:
        with cursor.vector(f"{_PREFIX}.key_share.list", 2) as shares:
            while shares.left:
                _share(shares)
    elif message == HandshakeType.SERVER_HELLO:
        _share(cursor)
    else:  # HelloRetryRequest: the group that the server wants
        cursor.number(f"{_PREFIX}.key_share.group", 2, registry.group_text)


def _share(cursor: Cursor) -> None:
    cursor.number(f"{_PREFIX}.key_share.group", 2, registry.group_text)
    cursor.opaque(f"{_PREFIX}.key_share.key_exchange", 2)


def _pre_shared_key(cursor: Cursor, message: int) -> None:
    if message != HandshakeType.CLIENT_HELLO:
        cursor.number(f"{_PREFIX}.pre_shared_key.selected", 2)
        return
    with cursor.vector(f"{_PREFIX}.pre_shared_key.identities", 2) as identities:
        while identities.left:
            identities.opaque(f"{_PREFIX}.pre_shared_key.identity", 2, _identity)
            identities.number(f"{_PREFIX}.pre_shared_key.age", 4)
    with cursor.vector(f"{_PREFIX}.pre_shared_key.binders", 2) as binders:
        while binders.left:
            binders.opaque(f"{_PREFIX}.pre_shared_key.binder", 1)


def _authorities(cursor: Cursor, message: int) -> None:
    with cursor.vector(f"{_PREFIX}.certificate_authorities.list", 2) as names:
        while names.left:
            names.opaque(f"{_PREFIX}.certificate_authorities.name", 2)


def _compress_certificate(cursor: Cursor, message: int) -> None:
    with cursor.vector(f"{_PREFIX}.compress_certificate.list", 1) as names:
        while names.left:
            names.number(f"{_PREFIX}.compress_certificate.algorithm", 2,
                         lambda number: registry.named(number, registry.CERTIFICATE_COMPRESSIONS))


def _early_data(cursor: Cursor, message: int) -> None:
    cursor.number(f"{_PREFIX}.early_data.max_size", 4)


def _cookie(cursor: Cursor, message: int) -> None:
    cursor.opaque(f"{_PREFIX}.cookie.cookie", 2)


def _renegotiation(cursor: Cursor, message: int) -> None:
    cursor.opaque(f"{_PREFIX}.renegotiation_info.connection", 1)


def _record_size(cursor: Cursor, message: int) -> None:
    cursor.number(f"{_PREFIX}.record_size_limit.limit", 2, lambda size: registry.counted(size, "octet"))


def _fragment_length(cursor: Cursor, message: int) -> None:
    cursor.number(f"{_PREFIX}.max_fragment_length.code", 1,
                  lambda number: registry.named(number, registry.FRAGMENT_LENGTHS))


def _ticket(cursor: Cursor, message: int) -> None:
    cursor.rest(f"{_PREFIX}.session_ticket.ticket", registry.counted(cursor.left, "octet"))


def _padding(cursor: Cursor, message: int) -> None:
    cursor.rest(f"{_PREFIX}.padding.zeros", registry.counted(cursor.left, "octet"))


def _identity(octets: bytes) -> str:
    """A name agreed on outside; a ticket is none."""
    text = octets.decode("utf-8", "backslashreplace")
    return text if text.isprintable() and "\\x" not in text else registry.counted(len(octets), "octet")


def _ascii(octets: bytes) -> str:
    return octets.decode("ascii", "backslashreplace")


_GRAMMARS: dict[int, Callable[[Cursor, int], None]] = {
    ExtensionType.SERVER_NAME: _server_name,
    ExtensionType.MAX_FRAGMENT_LENGTH: _fragment_length,
    ExtensionType.STATUS_REQUEST: _status_request,
    ExtensionType.SUPPORTED_GROUPS: _list("supported_groups.list", "supported_groups.group", 2, 2, registry.group_text),
    ExtensionType.EC_POINT_FORMATS: _list("ec_point_formats.list", "ec_point_formats.format", 1, 1,
                                          lambda number: registry.named(number, registry.POINT_FORMATS)),
    ExtensionType.SIGNATURE_ALGORITHMS: _list("signature_algorithms.list", "signature_algorithms.scheme", 2, 2,
                                              registry.scheme_text),
    ExtensionType.SIGNATURE_ALGORITHMS_CERT: _list("signature_algorithms_cert.list",
                                                   "signature_algorithms_cert.scheme", 2, 2, registry.scheme_text),
    ExtensionType.APPLICATION_LAYER_PROTOCOL_NEGOTIATION: _protocols,
    ExtensionType.PADDING: _padding,
    ExtensionType.COMPRESS_CERTIFICATE: _compress_certificate,
    ExtensionType.RECORD_SIZE_LIMIT: _record_size,
    ExtensionType.SESSION_TICKET: _ticket,
    ExtensionType.PRE_SHARED_KEY: _pre_shared_key,
    ExtensionType.EARLY_DATA: _early_data,
    ExtensionType.SUPPORTED_VERSIONS: _supported_versions,
    ExtensionType.COOKIE: _cookie,
    ExtensionType.PSK_KEY_EXCHANGE_MODES: _list("psk_key_exchange_modes.list", "psk_key_exchange_modes.mode", 1, 1,
                                                lambda number: registry.named(number, registry.PSK_MODES)),
    ExtensionType.CERTIFICATE_AUTHORITIES: _authorities,
    ExtensionType.KEY_SHARE: _key_share,
    ExtensionType.RENEGOTIATION_INFO: _renegotiation,
}
