"""OpenSSL below pyOpenSSL's public interface, through the same binding: one SSL object between two pieces of memory.

What its sessions have in common (certificate, key, versions, suites) is loaded once and kept, as a bounded number of
contexts. What a callback has to know about one session it finds by the address of the SSL object.

Octets pass with few calls: what came in is read where it lies; all complete records are decrypted into one buffer,
one behind the other; what goes out is collected the same way.

OpenSSL picks the alert for a refused certificate from the error that the verification callback leaves behind:
"certificate rejected" gives bad_certificate (42), as RFC 8122 §6.2 wants. pyOpenSSL's own callback can't leave one.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, Literal, Protocol

from OpenSSL import SSL

from workbench.security.progress import Fault, Progress

if TYPE_CHECKING:
    from workbench.security.identities import Identity

_lib: Any = vars(SSL)["_lib"]
_ffi: Any = vars(SSL)["_ffi"]

DTLS_1_2 = "DTLS 1.2"
"""What `context` takes for DTLS, and sessions report as version."""
CERTIFICATE_LIMIT = 65_536
"""Octets of a peer's certificate that are looked at; a longer one is refused."""

_CONTEXTS = 32
# What is written at once, so that the memory which OpenSSL keeps for a session's output stays small.
_WRITTEN_AT_ONCE = 32_768
# What is collected at once, in a buffer that stays.
_AT_ONCE = 1 << 20
# More than a record, of which OpenSSL may hold a part that came before.
_RECORD = 32_768
# Reasons of errors from here on are alerts of the peer: its description is added (OpenSSL's ssl.h).
_ALERT_REASONS = range(1000, 1256)


# Where a verification keeps the session that it is for.
_SESSION: int = _lib.SSL_get_ex_data_X509_STORE_CTX_idx()


class Owner(Protocol):
    """Whose session it is. `judged`: what it said about the peer's certificate, once it has been asked."""

    judged: bool | None

    def judge(self, certificate: bytes) -> bool:
        """Whether to accept the peer's certificate (DER)."""

    def learn(self, line: bytes) -> None:
        """A secret, in the form of RFC 9850."""


# Buffers for what a call yields, kept from call to call: one, unless sessions are used by several threads at once.
_rooms: list[Any] = []


def _take_room(size: int) -> Any:
    """A buffer of so many octets at least; goes back into `_rooms`."""
    room = _rooms.pop() if _rooms else _ffi.NULL
    return room if room and len(room) >= size else _ffi.new("char[]", size)


_owners: weakref.WeakValueDictionary[Any, Owner] = weakref.WeakValueDictionary()


@_ffi.callback("int (*)(int, X509_STORE_CTX *)")  # type: ignore[untyped-decorator]
def _verify(_ok: int, store: Any) -> int:
    # Chains are not followed: the fingerprint names the end's certificate itself.
    try:
        if _lib.X509_STORE_CTX_get_error_depth(store) > 0:
            verdict = True
        else:
            ssl = _lib.X509_STORE_CTX_get_ex_data(store, _SESSION)
            verdict = _verdict(_owners[ssl], _lib.X509_STORE_CTX_get_current_cert(store))
    except Exception:  # whatever goes wrong with a stranger's certificate: it is not accepted
        verdict = False
    _lib.X509_STORE_CTX_set_error(store, _lib.X509_V_OK if verdict else _lib.X509_V_ERR_CERT_REJECTED)
    return int(verdict)


def _verdict(owner: Owner, x509: Any) -> bool:
    # OpenSSL asks about the same certificate once for each doubt of its own; a handshake has one.
    return owner.judge(_der(x509)) if owner.judged is None else owner.judged


def _keylog(first: bytes) -> Any:
    """A callback that tells secrets to their owner: those whose line begins with this letter, if there is one."""
    @_ffi.callback("void (*)(const SSL *, const char *)")  # type: ignore[untyped-decorator]
    def tell(ssl: Any, line: Any) -> None:
        if first and line[0] != first:
            return
        owner = _owners.get(ssl)
        if owner is not None:
            owner.learn(_ffi.string(line))

    return tell


# Lines of a client's secrets begin with CLIENT_, those of a server's with SERVER_ (RFC 9850).
_KEYLOGS = {first: _keylog(first) for first in (b"", b"C", b"S")}


def _der(x509: Any) -> bytes:
    bio = _lib.BIO_new(_lib.BIO_s_mem())
    try:
        where = _ffi.new("char **")
        size = _lib.BIO_get_mem_data(bio, where) if _lib.i2d_X509_bio(bio, x509) == 1 else 0
        if not 0 < size <= CERTIFICATE_LIMIT:
            raise ValueError("certificate too long")
        return bytes(_ffi.buffer(where[0], size))
    finally:
        _lib.BIO_free(bio)


def make_context(
    identity: Identity | None, versions: tuple[str, ...], suites: bytes, secrets: Literal[b"", b"C", b"S"] = b""
) -> SSL.Context:
    """What sessions of one end have in common: both roles demand a certificate, nothing is kept for resumption.

    Args:
        identity: our certificate and key; None: none is presented.
        versions: of `1.2` and `1.3`; or `DTLS_1_2` alone.
        suites: of (D)TLS 1.2, in OpenSSL's words.
        secrets: whose the owner of a session learns: the client's, the server's, or all (empty).
    """
    known = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION, DTLS_1_2: 0xFEFD}
    made = SSL.Context(SSL.DTLS_METHOD if versions == (DTLS_1_2,) else SSL.TLS_METHOD)
    made.set_min_proto_version(min(known[version] for version in versions))
    made.set_max_proto_version(max(known[version] for version in versions))
    made.set_cipher_list(suites)
    # A session does not outlive its connection (TS 23.334 §5.11.2).
    made.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    if identity is not None:
        from cryptography import x509

        made.use_certificate(x509.load_der_x509_certificate(identity.certificate))
        made.use_privatekey(identity.key)
    raw = vars(made)["_context"]
    _lib.SSL_CTX_set_mode(raw, _lib.SSL_MODE_RELEASE_BUFFERS | _lib.SSL_MODE_AUTO_RETRY)
    _lib.SSL_CTX_clear_mode(raw, _lib.SSL_MODE_ENABLE_PARTIAL_WRITE)
    _lib.SSL_CTX_set_verify(raw, SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
    _lib.SSL_CTX_set_keylog_callback(raw, _KEYLOGS[secrets])
    return made


context = functools.lru_cache(maxsize=_CONTEXTS)(make_context)
"""`make_context`, once for each end."""


class Engine:
    """One end of one session: octets of the transport and payload, both ways.

    Args:
        context: from `context`.
        client: whether it sends the ClientHello.
        owner: asked and told during the calls; held weakly.
    """

    __slots__ = ("_came", "_fed", "_out", "_ssl")

    def __init__(self, context: SSL.Context, client: bool, owner: Owner) -> None:
        self._ssl = _ffi.gc(_lib.SSL_new(vars(context)["_context"]), _lib.SSL_free)
        self._out = _lib.BIO_new(_lib.BIO_s_mem())
        _lib.SSL_set_bio(self._ssl, _lib.BIO_new(_lib.BIO_s_mem()), self._out)
        (_lib.SSL_set_connect_state if client else _lib.SSL_set_accept_state)(self._ssl)
        self._came: Any = None
        self._fed = 0
        _owners[self._ssl] = owner

    # What comes in

    def feed(self, octets: bytes) -> None:
        """The next octets of the transport, unchanging; those of the call before are used up, or will never be."""
        self._came = _ffi.from_buffer(octets)  # OpenSSL reads it in place, so it has to stay
        self._fed = len(octets)
        bio = _lib.BIO_new_mem_buf(self._came, self._fed)
        _lib.BIO_set_mem_eof_return(bio, -1)
        _lib.SSL_set_bio(self._ssl, bio, self._out)

    def shake(self) -> Progress | Fault:
        """Go on with the handshake, as far as what came in allows."""
        result = _lib.SSL_do_handshake(self._ssl)
        return Progress.DONE if result == 1 else self._outcome(result)

    def read(self) -> tuple[bytes, Progress | Fault]:
        """Payload of all complete records, and why there is no more of it."""
        read, ssl, at = _lib.SSL_read, self._ssl, 0
        size = min(self._fed, _AT_ONCE) + _RECORD
        room = _take_room(size)
        parts: list[bytes] = []
        while (result := read(ssl, room + at, size - at)) > 0:
            at += result
            if at == size:
                parts.append(_ffi.buffer(room, at)[:])
                at = 0
        outcome = self._outcome(result)
        octets: bytes = _ffi.buffer(room, at)[:]
        _rooms.append(room)
        return b"".join([*parts, octets]) if parts else octets, outcome

    def _outcome(self, result: int) -> Progress | Fault:
        error = _lib.SSL_get_error(self._ssl, result)
        if error == _lib.SSL_ERROR_WANT_READ:
            self._came, self._fed = None, 0  # all of it has been read
            return Progress.MORE
        outcome = Progress.ENDED if error == _lib.SSL_ERROR_ZERO_RETURN else _fault()
        self.feed(b"")
        return outcome

    # What goes out

    def write(self, payload: bytes) -> bytes | Fault:
        """Protect payload: the records for the transport."""
        size, at, made = len(payload), 0, 0
        limit = min(size, _AT_ONCE) * 9 // 8 + 2 * _WRITTEN_AT_ONCE
        room, source = _take_room(limit), _ffi.from_buffer(payload)
        parts: list[bytes] = []
        while at < size:
            result = _lib.SSL_write(self._ssl, source + at, min(_WRITTEN_AT_ONCE, size - at))
            if result <= 0:
                return _fault()
            at += result
            made += max(0, _lib.BIO_read(self._out, room + made, limit - made))
            if limit - made < 2 * _WRITTEN_AT_ONCE:
                parts.append(_ffi.buffer(room, made)[:])
                made = 0
        octets: bytes = _ffi.buffer(room, made)[:]
        _rooms.append(room)
        return b"".join([*parts, octets]) if parts else octets

    def output(self) -> bytes:
        """The octets that have to leave."""
        waiting = _lib.BIO_get_mem_data(self._out, _ffi.NULL)
        if waiting <= 0:
            return b""
        room = _take_room(waiting)
        octets: bytes = _ffi.buffer(room, max(0, _lib.BIO_read(self._out, room, waiting)))[:]
        _rooms.append(room)
        return octets

    def shut(self) -> bool:
        """Send close_notify; False: the session is in no state for it."""
        if _lib.SSL_shutdown(self._ssl) >= 0:
            return True
        _lib.ERR_clear_error()
        return False

    # What was agreed

    @property
    def version(self) -> str:
        """Such as `1.3`."""
        name: bytes = _ffi.string(_lib.SSL_get_version(self._ssl))
        return name.decode("ascii").removeprefix("TLSv")

    @property
    def suite(self) -> str:
        """The library's name of the cipher suite; empty before there is one."""
        cipher = _lib.SSL_get_current_cipher(self._ssl)
        if cipher == _ffi.NULL:
            return ""
        name: bytes = _ffi.string(_lib.SSL_CIPHER_get_name(cipher))
        return name.decode("ascii")

    @property
    def secrets_12(self) -> tuple[bytes, bytes, bytes] | None:
        """Master secret, and the client's and the server's random, of TLS 1.2."""
        session = _lib.SSL_get_session(self._ssl)
        if session == _ffi.NULL:
            return None
        master = self._copied(_lib.SSL_SESSION_get_master_key, session, 48)
        randoms = [self._copied(get, self._ssl, 32) for get in (_lib.SSL_get_client_random, _lib.SSL_get_server_random)]
        return (master, *randoms) if len(master) == 48 else None  # type: ignore[return-value]

    @staticmethod
    def _copied(get: Any, of: Any, size: int) -> bytes:
        room = _ffi.new("unsigned char[]", size)
        return bytes(_ffi.buffer(room, get(of, room, size)))


def _fault() -> Fault:
    """What OpenSSL's queue of errors says; it is empty afterwards."""
    reasons: dict[str, None] = {}
    alert = None
    while code := _lib.ERR_get_error():
        text = _lib.ERR_reason_error_string(code)
        if text != _ffi.NULL:
            reasons[_ffi.string(text).decode()] = None
        if _lib.ERR_GET_REASON(code) in _ALERT_REASONS:
            alert = _lib.ERR_GET_REASON(code) - _ALERT_REASONS.start
    return Fault("; ".join(reasons) or "TLS failed", alert)
