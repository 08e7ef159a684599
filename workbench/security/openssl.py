"""The few places where pyOpenSSL's public interface does not reach, through the same binding of OpenSSL.

OpenSSL picks the alert for a refused certificate from the error that the verification callback leaves behind:
"certificate rejected" gives bad_certificate (42), as RFC 8122 §6.2 wants. pyOpenSSL's own callback can't leave one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL, crypto

_lib: Any = vars(SSL)["_lib"]
_ffi: Any = vars(SSL)["_ffi"]

CERTIFICATE_LIMIT = 65_536
"""Octets of a peer's certificate that are looked at; a longer one is refused."""


def demand_certificate(context: SSL.Context, accept: Callable[[bytes], bool]) -> Any:
    """Make both roles demand a certificate and ask `accept` about the peer's own, given in DER.

    Chains are not followed: the fingerprint names the end's certificate itself. A refusal ends the handshake with
    the fatal alert bad_certificate.

    Returns:
        What has to stay referenced as long as the context is in use.
    """

    def verify(_ok: int, store: Any) -> int:
        try:
            if _lib.X509_STORE_CTX_get_error_depth(store) > 0:
                verdict = True
            else:
                x509 = _lib.X509_STORE_CTX_get_current_cert(store)
                _lib.X509_up_ref(x509)
                verdict = accept(_der(crypto.X509._from_raw_x509_ptr(x509)))
        except Exception:  # whatever goes wrong with a stranger's certificate: it is not accepted
            verdict = False
        _lib.X509_STORE_CTX_set_error(store, _lib.X509_V_OK if verdict else _lib.X509_V_ERR_CERT_REJECTED)
        return int(verdict)

    callback = _ffi.callback("int (*)(int, X509_STORE_CTX *)", verify)
    mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    _lib.SSL_CTX_set_verify(vars(context)["_context"], mode, callback)
    return callback


def peer_certificate(connection: SSL.Connection) -> bytes | None:
    """The certificate that the peer presented, DER; None where it presented none."""
    x509 = connection.get_peer_certificate()
    return None if x509 is None else _der(x509)


def _der(x509: Any) -> bytes:
    octets = crypto.dump_certificate(crypto.FILETYPE_ASN1, x509)
    if len(octets) > CERTIFICATE_LIMIT:
        raise ValueError("certificate too long")
    return octets
