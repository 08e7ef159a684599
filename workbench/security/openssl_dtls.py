"""DTLS 1.2 in OpenSSL, as `openssl` has TLS: one SSL object between two pieces of memory, fed record by record."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL

from workbench.security import openssl
from workbench.security.progress import Fault, Progress

_lib: Any = vars(SSL)["_lib"]
_ffi: Any = vars(SSL)["_ffi"]

# More than a record, whatever protects it (RFC 6347 §4.1).
_RECORD = 16_384 + 2048
_COOKIE = b"checked"
# Room for a record, for as many threads as ever were at work at one time.
_rooms: list[Any] = []


@_ffi.callback("int (*)(SSL *, unsigned char *, unsigned int *)")  # type: ignore[untyped-decorator]
def _make_cookie(_ssl: Any, cookie: Any, size: Any) -> int:
    # Cookies are made and checked before there is a session (`cookies`); here one has to have been there.
    _ffi.memmove(cookie, _COOKIE, len(_COOKIE))
    size[0] = len(_COOKIE)
    return 1


@_ffi.callback("int (*)(SSL *, const unsigned char *, unsigned int)")  # type: ignore[untyped-decorator]
def _check_cookie(_ssl: Any, _cookie: Any, _size: int) -> int:
    return 1


class DtlsEngine(openssl.Engine):
    """One end of one session.

    OpenSSL's own timer asks the wall clock, when it is fed. What it repeats then is for the caller to leave out.

    Args:
        context: from `openssl.context`.
        client: whether it sends the ClientHello.
        owner: asked and told during the calls; held weakly.
        mtu: octets of a datagram at most.
        after_cookie: a server's first ClientHello was answered with a cookie, which came back.
    """

    __slots__ = ("_in",)

    def __init__(
        self, context: SSL.Context, client: bool, owner: openssl.Owner, mtu: int, *, after_cookie: bool = False
    ) -> None:
        super().__init__(context, client, owner)
        self._in = _lib.BIO_new(_lib.BIO_s_mem())
        _lib.SSL_set_bio(self._ssl, self._in, self._out)
        options: int = _lib.SSL_OP_NO_QUERY_MTU  # without it the MTU is not taken
        if after_cookie:
            raw = vars(context)["_context"]
            _lib.SSL_CTX_set_cookie_generate_cb(raw, _make_cookie)
            _lib.SSL_CTX_set_cookie_verify_cb(raw, _check_cookie)
            options |= _lib.SSL_OP_COOKIE_EXCHANGE
        _lib.SSL_set_options(self._ssl, options)
        _lib.SSL_set_mtu(self._ssl, mtu)

    def feed(self, octets: bytes) -> None:
        """The next record, or records of one datagram that are no longer than one may be."""
        if octets:
            _lib.BIO_write(self._in, octets, len(octets))

    def open(self, octets: bytes) -> bytes | None:
        """The payload of a record; None: it has none, or is none of this session."""
        _lib.BIO_write(self._in, octets, len(octets))
        room = _rooms.pop() if _rooms else _ffi.new("char[]", _RECORD)
        result = _lib.SSL_read(self._ssl, room, _RECORD)
        payload: bytes | None = None
        if result > 0:
            payload = _ffi.unpack(room, result)
        else:
            _lib.ERR_clear_error()
        _rooms.append(room)
        return payload

    def next(self) -> tuple[bytes | None, Progress | Fault]:
        """The payload of the next record, if there is one; otherwise why not."""
        room = _rooms.pop() if _rooms else _ffi.new("char[]", _RECORD)
        result = _lib.SSL_read(self._ssl, room, _RECORD)
        octets: bytes | None = _ffi.unpack(room, result) if result > 0 else None
        _rooms.append(room)
        return octets, Progress.MORE if octets is not None else self._outcome(result)

    def _outcome(self, result: int) -> Progress | Fault:
        error = _lib.SSL_get_error(self._ssl, result)
        if error == _lib.SSL_ERROR_WANT_READ:
            return Progress.MORE
        return Progress.ENDED if error == _lib.SSL_ERROR_ZERO_RETURN else openssl._fault()

    def write(self, payload: bytes) -> bytes | Fault:
        """Protect one payload in one record."""
        if _lib.SSL_write(self._ssl, payload, len(payload)) <= 0:
            return openssl._fault()
        room = _rooms.pop() if _rooms else _ffi.new("char[]", _RECORD)
        octets: bytes = _ffi.unpack(room, max(0, _lib.BIO_read(self._out, room, _RECORD)))
        _rooms.append(room)
        return octets
