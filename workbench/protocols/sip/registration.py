"""Registration with a security agreement: RFC 3261 §10, RFC 3329, RFC 2617 digest, and `mediasec` of TS 24.229.

The UE lists in Security-Client what it can do for media (`msrp-tls;mediasec`), the P-CSCF answers with its own
list in Security-Server, and the UE repeats that list in Security-Verify, so that nobody in between can shorten it.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from workbench.protocols.sip.dialog import Token, response
from workbench.protocols.sip.messages import Headers, Request, Response, address, address_uri, uri_key

MECHANISMS = ("sdes-srtp", "msrp-tls", "bfcp-tls", "udptl-dtls")
"""Media plane security mechanisms (TS 24.229 §7.2A.7; names GK in the stage-2 digest, R-24.229-1)."""

EXPIRES = 3600
_PARAMETER = re.compile(r'([A-Za-z0-9\-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^,\s"]+)')


class MediaSecurity(msgspec.Struct, frozen=True):
    """What a side can do for media, as lists in Security-Client, -Server and -Verify (RFC 3329 §2.2)."""

    mechanisms: tuple[str, ...]

    def fields(self, name: str) -> tuple[tuple[str, str], ...]:
        """Header fields of that name, one for each mechanism."""
        return tuple((name, f"{mechanism};mediasec") for mechanism in self.mechanisms)


class Accepted(msgspec.Struct, frozen=True):
    """A registration that the registrar took: whose, where to reach it, and what both sides can do for media."""

    uri: str
    contact: str
    mechanisms: tuple[str, ...]
    expires: int


def media_security(headers: Headers, name: str) -> tuple[str, ...]:
    """Mechanisms with the `mediasec` parameter in header fields of that name, in their order."""
    found = []
    for value in headers.all(name):
        mechanism, *parameters = (part.strip() for part in value.split(";"))
        if "mediasec" in (parameter.lower() for parameter in parameters):
            found.append(mechanism.lower())
    return tuple(found)


def register(uri: str, sent_by: str, *, token: Token, client: MediaSecurity | None) -> Request:
    """The first REGISTER of a UE.

    Args:
        uri: public identity, such as `sip:alice@home1.example`.
        sent_by: `host:port` of the Contact.
        client: what the UE can do for media; None leaves the agreement out.
    """
    domain = uri.partition("@")[2]
    fields = [
        ("Max-Forwards", "70"), ("From", f"<{uri}>;tag={token(10)}"), ("To", f"<{uri}>"), ("Call-ID", token(24)),
        ("CSeq", "1 REGISTER"), ("Contact", f"<sip:{uri.removeprefix('sip:').partition('@')[0]}@{sent_by}>"),
        ("Expires", str(EXPIRES)),
    ]
    if client is not None:
        fields += [("Require", "mediasec"), ("Proxy-Require", "mediasec"), *client.fields("Security-Client")]
    return Request(Headers(tuple(fields)), method="REGISTER", uri=f"sip:{domain}")


def register_again(first: Request, challenge: Response, *, user: str, password: str, token: Token) -> Request:
    """The REGISTER that answers a 401: credentials, and Security-Verify with the P-CSCF's own list.

    Args:
        user: user name for the digest.
        password: shared with the registrar.
    """
    parameters = digest_parameters(challenge.headers.get("WWW-Authenticate") or "")
    cnonce = token(12)
    realm, nonce = parameters.get("realm", ""), parameters.get("nonce", "")
    answer = digest(user, realm, password, "REGISTER", first.uri, nonce, "00000001", cnonce)
    credentials = (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{first.uri}", response="{answer}", '
        f'algorithm=MD5, qop=auth, nc=00000001, cnonce="{cnonce}"')
    headers = first.headers.without("Via").with_("CSeq", f"{first.cseq[0] + 1} REGISTER")
    headers = headers.with_("Authorization", credentials)
    for value in challenge.headers.all("Security-Server"):
        headers = Headers((*headers.fields, ("Security-Verify", value)))
    return msgspec.structs.replace(first, headers=headers)


def digest_parameters(value: str) -> dict[str, str]:
    """The parameters of a digest challenge or of credentials, names in lower case, quotation marks taken off."""
    _, _, rest = value.strip().partition(" ")
    return {m[1].lower(): m[2].strip('"') for m in _PARAMETER.finditer(rest)}


def digest(
    user: str, realm: str, password: str, method: str, uri: str, nonce: str, count: str, cnonce: str,
) -> str:
    """The response of digest authentication with MD5 and qop=auth (RFC 2617 §3.2.2.1)."""
    first = _md5(f"{user}:{realm}:{password}")
    second = _md5(f"{method}:{uri}")
    return _md5(f"{first}:{nonce}:{count}:{cnonce}:auth:{second}")


class Registrar:
    """The network's side of registration: P-CSCF for the security agreement, registrar for the rest.

    Args:
        realm: of the digest challenge.
        mechanisms: what the network can do for media, preferred first.
        password: gives a user's shared secret.
        most: challenges kept at a time; the oldest goes first.
    """

    def __init__(
        self, realm: str, mechanisms: tuple[str, ...], token: Token, password: Callable[[str], str], most: int = 10_000,
    ) -> None:
        self._realm = realm
        self._server = MediaSecurity(mechanisms)
        self._token = token
        self._password = password
        self._most = most
        self._challenges: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def answer(self, request: Request) -> tuple[Response, Accepted | None]:
        """Answer a REGISTER: 401 with our list, 200, or what is wrong with it.

        Returns:
            The response, and the registration if it was accepted.
        """
        uri = address_uri(request.headers.get("To") or "")
        contact = request.headers.get("Contact")
        if not uri_key(uri) or contact is None:
            return response(request, 400, "Bad Request", self._token(10)), None
        offered = media_security(request.headers, "Security-Client")
        credentials = digest_parameters(request.headers.get("Authorization") or "")
        nonce = credentials.get("nonce", "")
        if nonce not in self._challenges:
            return self._challenge(request, offered), None
        if credentials.get("response") != digest(
                uri, self._realm, self._password(uri), "REGISTER", credentials.get("uri", ""), nonce,
                credentials.get("nc", ""), credentials.get("cnonce", "")):
            return response(request, 403, "Forbidden", self._token(10)), None
        before = self._challenges.pop(nonce)
        verified = media_security(request.headers, "Security-Verify")
        if before and (verified != self._server.mechanisms or offered != before):
            # RFC 3329 §2.3.1: a list that differs was changed on the way, or never seen.
            return response(request, 494, "Security Agreement Required", self._token(10),
                            extra=self._server.fields("Security-Server")), None
        common = tuple(mechanism for mechanism in self._server.mechanisms if mechanism in before)
        expires = request.headers.get("Expires") or str(EXPIRES)
        granted = min(int(expires), EXPIRES) if expires.isdecimal() and len(expires) < 9 else EXPIRES
        taken = Accepted(uri, str(address(contact).uri), common, granted)
        ok = response(request, 200, "OK", self._token(10), contact=f"<{taken.contact}>;expires={granted}")
        return ok, taken

    def _challenge(self, request: Request, offered: tuple[str, ...]) -> Response:
        nonce = self._token(24)
        self._challenges[nonce] = offered
        while len(self._challenges) > self._most:
            self._challenges.popitem(last=False)
        challenge = f'Digest realm="{self._realm}", nonce="{nonce}", algorithm=MD5, qop="auth"'
        agreement = self._server.fields("Security-Server") if offered else ()
        return response(request, 401, "Unauthorized", self._token(10),
                        extra=(("WWW-Authenticate", challenge), *agreement))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
