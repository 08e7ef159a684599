"""Registration with a security agreement: REGISTER, 401, REGISTER, 200.

The UE lists in Security-Client what it can do for media (`msrp-tls;mediasec`); the P-CSCF answers with its own list
in Security-Server; the UE repeats that list in Security-Verify, so that nobody in between can shorten it unseen.

The challenge has the shape of IMS AKA (AKAv1-MD5: RAND and AUTN inside the nonce), but there is no ISIM here: what
the card would compute from RAND (RES) is a shared text, and AUTN is not checked.

Source: RFC 3261 §10 and §22, RFC 3310 (AKA), RFC 3329 (sec-agree), TS 24.229 §5.1.1, §5.2.2 and §7.2A.7 (`mediasec`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols.sip.dialog import Token, response
from workbench.protocols.sip.grammar import (
    Credentials,
    NameAddress,
    Parameters,
    Uri,
    address_uri,
    read_parameters,
    uri_key,
    write_parameters,
)
from workbench.protocols.sip.messages import REASONS, Headers, Request, Response

MECHANISMS = ("sdes-srtp", "msrp-tls", "bfcp-tls", "udptl-dtls")
"""Media plane security mechanisms (TS 24.229 §7.2A.7)."""

MEDIASEC = "mediasec"
"""Header field parameter, and option tag of Require and Proxy-Require (TS 24.229 §5.1.1.2.1)."""

OPENS_TOO = "+sip.opens-too"
"""Media feature tag of a UE that opens TCP although it is passive (TR 29.828 Annex D suggests one and names none).

Provisional: this name is ours, and the one place where it stands.
"""

EXPIRES = 600_000
"""Seconds that a UE asks for (TS 24.229 §5.1.1.2.1)."""

_ALGORITHM = "AKAv1-MD5"


class Mechanism(msgspec.Struct, frozen=True):
    """One member of a Security-Client, -Server or -Verify list: a name and parameters (RFC 3329 §2.2)."""

    name: str
    parameters: Parameters = ()

    @property
    def for_media(self) -> bool:
        """It is about media: it has the `mediasec` parameter."""
        return any(name.lower() == MEDIASEC for name, _ in self.parameters)

    def __str__(self) -> str:
        return self.name + write_parameters(self.parameters)


class MediaSecurity(msgspec.Struct, frozen=True):
    """What a side can do for media, such as `("msrp-tls",)`."""

    mechanisms: tuple[str, ...]

    def fields(self, name: str) -> tuple[tuple[str, str], ...]:
        """Header fields of that name, one for each mechanism."""
        return tuple((name, str(Mechanism(one, ((MEDIASEC, None),)))) for one in self.mechanisms)


class Accepted(msgspec.Struct, frozen=True):
    """A registration that the registrar took.

    Args:
        uri: whose it is: the public user identity of To.
        contact: URI under which the UE is reached.
        mechanisms: what both sides can do for media, as the network prefers.
        expires: seconds until it ends; 0: the UE took it back.
    """

    uri: str
    contact: str
    mechanisms: tuple[str, ...]
    expires: int


def agreement(headers: Headers, name: str) -> tuple[Mechanism, ...]:
    """The list in Security-Client, Security-Server or Security-Verify.

    Raises:
        MalformedMessageError: a member without a name, or with broken parameters.
    """
    found = []
    for value in headers.all(name):
        mechanism, _, rest = value.partition(";")
        if not mechanism.strip():
            raise MalformedMessageError(f"{name} without a mechanism", clause="RFC 3329 §2.2")
        found.append(Mechanism(mechanism.strip(), read_parameters(";" + rest) if rest else ()))
    return tuple(found)


def media_security(headers: Headers, name: str) -> tuple[str, ...]:
    """Mechanisms with the `mediasec` parameter in header fields of that name, in order; none where they are broken."""
    try:
        return tuple(one.name.lower() for one in agreement(headers, name) if one.for_media)
    except MalformedMessageError:
        return ()


def opens_too(request: Request) -> bool:
    """Whether the Contact of a REGISTER has the feature tag `OPENS_TOO`; broken parameters have none."""
    try:
        parameters = NameAddress.decode(request.headers.get("Contact") or "").parameters
    except MalformedMessageError:
        return False
    return any(name.lower() == OPENS_TOO for name, _ in parameters)


# The UE's side

def register(
    uri: str, sent_by: str, *, token: Token, client: MediaSecurity | None, private: str | None = None,
    expires: int = EXPIRES, opens_too: bool = False,
) -> Request:
    """The first REGISTER of a UE (TS 24.229 §5.1.1.2).

    Args:
        uri: public user identity, such as `sip:alice@home.example`.
        sent_by: `host:port` of the Contact.
        token: makes that many unpredictable letters and digits.
        client: what the UE can do for media; None leaves the agreement out.
        private: private user identity; None takes user and domain of `uri`.
        expires: seconds asked for.
        opens_too: the Contact has the feature tag `OPENS_TOO`.
    """
    who = Uri.decode(uri)
    home = f"sip:{who.host}"
    credentials = Credentials("Digest", (
        ("username", private or f"{who.user}@{who.host}"), ("realm", who.host), ("nonce", ""), ("uri", home),
        ("response", "")))
    contact = f"<sip:{who.user}@{sent_by}>" + (f";{OPENS_TOO}" if opens_too else "")
    fields = [
        ("Max-Forwards", "70"), ("From", f"<{uri}>;tag={token(10)}"), ("To", f"<{uri}>"), ("Call-ID", token(24)),
        ("CSeq", "1 REGISTER"), ("Contact", contact), ("Expires", str(expires)),
        ("Authorization", str(credentials)), ("Supported", "path"),
    ]
    if client is not None:
        fields += [("Require", MEDIASEC), ("Proxy-Require", MEDIASEC), *client.fields("Security-Client")]
    return Request(Headers(tuple(fields)), method="REGISTER", uri=home)


def register_again(
    first: Request, challenge: Response, *, user: str | None = None, password: str, token: Token,
) -> Request:
    """The REGISTER that answers a 401: credentials, and Security-Verify with the P-CSCF's own list.

    Args:
        first: the REGISTER that was challenged.
        challenge: the 401.
        user: user name for the digest; None takes that of the first REGISTER.
        password: RES, shared with the registrar.
        token: makes that many unpredictable letters and digits.

    Raises:
        MalformedMessageError: the 401 has no challenge that can be answered.

    Source: RFC 3310 §3, RFC 3329 §2.3.1, TS 24.229 §5.1.1.5.1.
    """
    asked = Credentials.decode(challenge.headers.get("WWW-Authenticate") or "")
    realm, nonce = asked.get("realm"), asked.get("nonce")
    if asked.scheme.lower() != "digest" or realm is None or not nonce:
        raise MalformedMessageError("no digest challenge", clause="RFC 3261 §22.4")
    before = _credentials(first)
    name = user or (before.get("username") if before is not None else None) or ""
    cnonce = token(16)
    parameters = [("username", name), ("realm", realm), ("nonce", nonce), ("uri", first.uri)]
    qop = "auth" if "auth" in (asked.get("qop") or "").replace(" ", "").split(",") else ""
    answer = digest(name, realm, password, first.method, first.uri, nonce, qop, "00000001", cnonce)
    parameters += [("response", answer), ("algorithm", asked.get("algorithm") or "MD5")]
    parameters += [("qop", qop), ("nc", "00000001"), ("cnonce", cnonce)] if qop else []
    headers = first.headers.without("Via").with_("CSeq", f"{first.cseq.number + 1} REGISTER")
    headers = headers.with_("Authorization", str(Credentials("Digest", tuple(parameters)))).without("Security-Verify")
    for value in challenge.headers.all("Security-Server"):
        headers = headers.added("Security-Verify", value)
    return first.with_headers(headers)


def digest(
    user: str, realm: str, password: str, method: str, uri: str, nonce: str, qop: str = "", count: str = "",
    cnonce: str = "",
) -> str:
    """The response of digest authentication with MD5; AKAv1-MD5 is the same with RES as password.

    Source: RFC 3261 §22.4, RFC 2617 §3.2.2.1, RFC 3310 §3.3.
    """
    first, second = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    return _md5(f"{first}:{nonce}:{count}:{cnonce}:{qop}:{second}" if qop else f"{first}:{nonce}:{second}")


# The network's side

class Registrar:
    """The network's side of registration: P-CSCF for the security agreement, registrar for the rest.

    Args:
        realm: of the challenge; the home domain.
        mechanisms: what the network can do for media, preferred first.
        token: makes that many unpredictable letters and digits.
        password: gives the RES of a public user identity.
        most: challenges kept at a time; the oldest goes first.
        service_route: Service-Route of the 200, as URIs in angle brackets (RFC 3608).
    """

    def __init__(
        self, realm: str, mechanisms: tuple[str, ...], token: Token, password: Callable[[str], str], most: int = 4_096,
        service_route: Iterable[str] = (),
    ) -> None:
        self._realm = realm
        self._server = MediaSecurity(mechanisms)
        self._token = token
        self._password = password
        self._most = most
        self._service_route = tuple(service_route)
        # By nonce: for whom it was made, and the list of its Security-Client.
        self._challenges: OrderedDict[str, tuple[str, tuple[str, ...]]] = OrderedDict()

    def answer(self, request: Request, source: object = None) -> tuple[Response, Accepted | None]:
        """Answer a REGISTER: 401 with our list, 200, or what is wrong with it.

        Args:
            request: the REGISTER.
            source: where it came from; the answer does not depend on it.

        Returns:
            The response, and the registration if it was accepted.

        Source: RFC 3261 §10.3, RFC 3329 §2.3.1, TS 24.229 §5.2.2.
        """
        uri = address_uri(request.headers.get("To") or "")
        contacts = request.headers.all("Contact")
        if len(contacts) != 1 or not uri:
            return self._refused(request, 400), None
        try:
            credentials, contact = _credentials(request), contacts[0]
            offered = tuple(one.name.lower() for one in agreement(request.headers, "Security-Client") if one.for_media)
            taken_back = contact == "*"
            where = None if taken_back else NameAddress.decode(contact)
        except MalformedMessageError:
            return self._refused(request, 400), None
        nonce = credentials.get("nonce") if credentials is not None else None
        if credentials is None or not nonce or nonce not in self._challenges:
            return self._challenge(request, uri, offered), None
        owner, announced = self._challenges.pop(nonce)
        if owner != uri_key(uri) or not self._proves(credentials, request, uri):
            return self._refused(request, 403), None
        verified = media_security(request.headers, "Security-Verify")
        if announced and (verified != self._server.mechanisms or offered != announced):
            # A list that differs from what was sent was changed on the way (RFC 3329 §2.3.1).
            return self._refused(request, 494, self._server.fields("Security-Server")), None
        asked = where.parameter("expires") if where is not None else "0"
        expires = _seconds(asked or request.headers.get("Expires") or str(EXPIRES))
        common = tuple(one for one in self._server.mechanisms if one in announced)
        accepted = Accepted(uri, where.uri if where is not None else "", common, expires)
        more = [("P-Associated-URI", f"<{uri}>"), *(("Service-Route", route) for route in self._service_route)]
        more += [("Path", path) for path in request.headers.lines("Path")]
        bound = f"<{accepted.contact}>;expires={expires}" if expires and where is not None else ""
        return response(request, 200, "OK", self._token(10), contact=bound, extra=more), accepted

    def _challenge(self, request: Request, uri: str, offered: tuple[str, ...]) -> Response:
        # 16 octets RAND and 16 octets AUTN (RFC 3310 §3.2).
        nonce = base64.b64encode(hashlib.sha256(self._token(32).encode()).digest()).decode("ascii")
        self._challenges[nonce] = (uri_key(uri), offered)
        while len(self._challenges) > self._most:
            self._challenges.popitem(last=False)
        challenge = Credentials("Digest", (
            ("realm", self._realm), ("nonce", nonce), ("algorithm", _ALGORITHM), ("qop", "auth")))
        more = self._server.fields("Security-Server") if offered else ()
        return self._refused(request, 401, (("WWW-Authenticate", str(challenge)), *more))

    def _proves(self, credentials: Credentials, request: Request, uri: str) -> bool:
        """The digest is the one that whoever knows RES makes for this request."""
        names = ("username", "realm", "uri", "nonce", "qop", "nc", "cnonce")
        said = {name: credentials.get(name) or "" for name in names}
        wanted = digest(
            said["username"], said["realm"], self._password(uri), request.method, said["uri"], said["nonce"],
            said["qop"], said["nc"], said["cnonce"])
        given = (credentials.get("response") or "").lower()
        return said["realm"] == self._realm and said["uri"] == request.uri and hmac.compare_digest(
            wanted.encode(), given.encode())

    def _refused(self, request: Request, status: int, more: Iterable[tuple[str, str]] = ()) -> Response:
        return response(request, status, REASONS[status], self._token(10), extra=more)


def _credentials(request: Request) -> Credentials | None:
    value = request.headers.get("Authorization")
    return None if value is None else Credentials.decode(value)


def _seconds(text: str) -> int:
    """Of Expires; what can't be read counts as the default (RFC 3261 §20.19)."""
    whole = text.isascii() and text.isdigit() and len(text) < 10
    return min(int(text), EXPIRES) if whole else EXPIRES


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
