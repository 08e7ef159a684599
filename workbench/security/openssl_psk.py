"""Pre-shared keys in OpenSSL: the two callbacks of pyOpenSSL's binding, which its public interface does not reach.

They serve TLS 1.2 (RFC 4279) and, as external keys with SHA-256, TLS 1.3 (RFC 8446 §4.2.11). A key passes from its
owner straight into the room that OpenSSL gives for it: nothing is kept here, and no handle lives longer than a call.
An identity passes as a C string, so it has no zero octet and at most `IDENTITY_LIMIT` octets.
"""

from __future__ import annotations

import base64
import functools
from typing import Any, Literal, Protocol

from OpenSSL import SSL

from workbench.security import openssl

_lib: Any = vars(SSL)["_lib"]
_ffi: Any = vars(SSL)["_ffi"]

IDENTITY_LIMIT = 256
"""Octets of an identity that OpenSSL has room for (`PSK_MAX_IDENTITY_LEN`); RFC 4279 §5.3 asks for 128."""
KEY_LIMIT = 512
"""The same of a key (`PSK_MAX_PSK_LEN`); RFC 4279 §5.3 asks for 64."""

_CONTEXTS = 32
# A key without a hash of its own is one for SHA-256 (RFC 8446 §4.2.11): no other suite of TLS 1.3 goes with it.
_SUITES_13 = b"TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"


class Owner(openssl.Owner, Protocol):
    """Whose session it is."""

    def offer(self, hint: bytes) -> tuple[bytes, bytes] | None:
        """A client's identity and key, after the server's hint (empty: it gave none); None: it has none."""

    def find(self, identity: bytes) -> bytes | None:
        """A server's key for the identity of a client; None: it knows none."""


@_ffi.callback(  # type: ignore[untyped-decorator]
    "unsigned int (*)(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int)")
def _client(ssl: Any, hint: Any, identity_room: Any, identity_size: int, key_room: Any, key_size: int) -> int:
    # Returning 0 ends the handshake; an exception here could reach nobody.
    try:
        owner: Any = openssl._owners[ssl]
        identity, key = owner.offer(b"" if hint == _ffi.NULL else _ffi.string(hint)) or (b"", b"")
    except Exception:
        return 0
    if len(identity) > identity_size or len(key) > key_size:
        return 0
    _ffi.memmove(identity_room, identity + b"\0", len(identity) + 1)
    _ffi.memmove(key_room, key, len(key))
    return len(key)


@_ffi.callback("unsigned int (*)(SSL *, const char *, unsigned char *, unsigned int)")  # type: ignore[untyped-decorator]
def _server(ssl: Any, identity: Any, room: Any, size: int) -> int:
    try:
        owner: Any = openssl._owners[ssl]
        key = owner.find(_ffi.string(identity)) or b""
    except Exception:
        return 0
    if len(key) > size:
        return 0
    _ffi.memmove(room, key, len(key))
    return len(key)


@functools.lru_cache(maxsize=_CONTEXTS)
def context(
    client: bool, versions: tuple[str, ...], suites: bytes, hint: bytes, secrets: Literal[b"", b"C", b"S"] = b""
) -> SSL.Context:
    """What sessions with pre-shared keys have in common; no key is in it, and no certificate.

    Args:
        client: whose sessions they are.
        versions: of `1.2` and `1.3`.
        suites: of TLS 1.2, in OpenSSL's words.
        hint: which identity a server would like to see, sent in TLS 1.2; empty: none.
        secrets: as with `openssl.context`.
    """
    made = openssl.make_context(None, versions, suites, secrets)
    raw = vars(made)["_context"]
    _lib.SSL_CTX_set_ciphersuites(raw, _SUITES_13)
    if client:
        _lib.SSL_CTX_set_psk_client_callback(raw, _client)
        return made
    # A key of TLS 1.3 is a session for OpenSSL, and a server that asks for certificates takes one of its own name only.
    made.set_session_id(b"psk")
    _lib.SSL_CTX_set_psk_server_callback(raw, _server)
    if b"DHE-PSK" in suites or b"DHEPSK" in suites:
        _lib.SSL_CTX_set_tmp_dh(raw, _ffdhe2048())
    if hint:
        _lib.SSL_CTX_use_psk_identity_hint(raw, hint)
    return made


@functools.cache
def _ffdhe2048() -> Any:
    """The group of DHE_PSK for clients that name none: the prime of RFC 7919 App. A.1, made as that says."""
    # Euler's number, times 2 ** 1918: the sum of 1 / k!, with some bits to spare.
    spare = 64
    term = euler = 1 << 1918 + spare
    count = 0
    while term:
        count += 1
        term //= count
        euler += term
    prime = 2**2048 - 2**1984 + ((euler >> spare) + 560_316) * 2**64 - 1
    # DHParameter of PKCS #3: a SEQUENCE of the prime and the generator 2.
    der = bytes.fromhex("30820108 02820101") + prime.to_bytes(257) + bytes.fromhex("020102")
    pem = b"-----BEGIN DH PARAMETERS-----\n" + base64.encodebytes(der) + b"-----END DH PARAMETERS-----\n"
    bio = _ffi.gc(_lib.BIO_new_mem_buf(pem, len(pem)), _lib.BIO_free)
    return _ffi.gc(_lib.PEM_read_bio_DHparams(bio, _ffi.NULL, _ffi.NULL, _ffi.NULL), _lib.DH_free)
