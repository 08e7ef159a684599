"""Dialogs (RFC 3261 §12), and the messages that start, answer and end them: for a UA, and for a B2BUA's two halves."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from workbench.errors import LocalProtocolError, UnexpectedMessageError
from workbench.protocols.sip.grammar import NameAddress, address_uri
from workbench.protocols.sip.messages import Headers, Request, Response, canonical, tag_of

Token = Callable[[int], str]

SDP = "application/sdp"

# What a response copies from its request (RFC 3261 §8.2.6.2; Record-Route: §12.1.1).
_COPIED = ("via", "from", "to", "call-id", "cseq", "record-route")

# What a B2BUA makes anew for its other half, or leaves on its own side.
_OWN_HALF = frozenset({
    "via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "content-length", "content-type", "route",
    "record-route", "require", "proxy-require", "security-client", "security-verify", "authorization",
    "proxy-authorization", "path",
})


class Dialog(msgspec.Struct, frozen=True):
    """One side's view of a dialog.

    Args:
        call_id: the Call-ID.
        local, remote: our and the peer's From/To value, with tags.
        target: the peer's Contact URI, where requests go.
        routes: route set, first hop first.
        cseq: number of our last request; 0 before the first.
        invite_cseq: number of our last INVITE, for its ACK.
        remote_cseq: number of the peer's last request; None before the first.

    Source: RFC 3261 §12.
    """

    call_id: str
    local: str
    remote: str
    target: str
    routes: tuple[str, ...] = ()
    cseq: int = 0
    invite_cseq: int = 0
    remote_cseq: int | None = None

    @staticmethod
    def of_caller(request: Request, response: Response) -> Dialog:
        """The dialog that our INVITE and a response with To tag made (§12.1.2)."""
        return Dialog(
            request.call_id, request.headers.get("From") or "", response.headers.get("To") or "",
            response.contact_uri or request.uri, tuple(reversed(response.headers.all("Record-Route"))),
            request.cseq.number, request.cseq.number)

    @staticmethod
    def of_callee(request: Request, response: Response) -> Dialog:
        """The dialog that the peer's INVITE and our response with To tag made (§12.1.1)."""
        return Dialog(
            request.call_id, response.headers.get("To") or "", request.headers.get("From") or "",
            request.contact_uri or address_uri(request.headers.get("From") or ""),
            request.headers.all("Record-Route"), remote_cseq=request.cseq.number)

    @property
    def local_tag(self) -> str:
        """Our tag."""
        return tag_of(self.local)

    @property
    def remote_tag(self) -> str:
        """The peer's tag."""
        return tag_of(self.remote)

    @property
    def next_hop(self) -> str:
        """The URI that says where requests go: the first route, or without any the remote target (§8.1.2)."""
        return address_uri(self.routes[0]) if self.routes else self.target

    def matches(self, request: Request) -> bool:
        """Whether a request of the peer belongs to this dialog: Call-ID and both tags (§12.2.2)."""
        return (request.call_id == self.call_id and request.to_tag == self.local_tag
                and request.from_tag == self.remote_tag)

    def received(self, request: Request) -> Dialog:
        """The dialog after a request of the peer: its CSeq, and its Contact where it refreshes the target (§12.2.2).

        Raises:
            UnexpectedMessageError: its CSeq is not above the last one (answer 500).
        """
        number = request.cseq.number
        if request.method not in ("ACK", "CANCEL") and self.remote_cseq is not None and number <= self.remote_cseq:
            raise UnexpectedMessageError(
                f"CSeq {number} behind {self.remote_cseq}", clause="RFC 3261 §12.2.2")
        contact = request.contact_uri if request.method in ("INVITE", "UPDATE") else ""
        return msgspec.structs.replace(
            self, remote_cseq=max(number, self.remote_cseq or 0), target=contact or self.target)

    def answered(self, response: Response) -> Dialog:
        """The dialog after a 2xx to our re-INVITE or UPDATE: its Contact is the target from now on (§12.2.1.2)."""
        contact = response.contact_uri
        return msgspec.structs.replace(self, target=contact) if contact else self

    def request(
        self, method: str, token: Token | None = None, *, contact: str = "", body: bytes = b"", content_type: str = SDP,
        extra: Iterable[tuple[str, str]] = (),
    ) -> tuple[Dialog, Request]:
        """The next request inside the dialog, and the dialog after it (§12.2.1.1).

        Args:
            method: not ACK (see `ack`) and not CANCEL, which belongs to a transaction.
            contact: our Contact value, in angle brackets; needed for INVITE and UPDATE.
            body, content_type: what it carries.
            extra: further header fields.

        Raises:
            LocalProtocolError: ACK or CANCEL.
        """
        if method in ("ACK", "CANCEL"):
            raise LocalProtocolError(f"{method} is no new request inside a dialog")
        after = msgspec.structs.replace(
            self, cseq=self.cseq + 1, invite_cseq=self.cseq + 1 if method == "INVITE" else self.invite_cseq)
        fields = [*((("Contact", contact),) if contact else ()), *extra]
        if body:
            fields.append(("Content-Type", content_type))
        return after, self._build(method, after.cseq, fields, body)

    def ack(self, body: bytes = b"") -> Request:
        """The ACK for the 2xx to our last INVITE (§13.2.2.4); `body` is the answer where the 2xx had the offer."""
        return self._build("ACK", self.invite_cseq, [("Content-Type", SDP)] if body else [], body)

    def _build(self, method: str, cseq: int, more: Iterable[tuple[str, str]], body: bytes) -> Request:
        """Loose routing is assumed: the target stays the Request-URI (§12.2.1.1)."""
        fields = (
            *(("Route", route) for route in self.routes), ("Max-Forwards", "70"), ("From", self.local),
            ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}"), *more,
        )
        return Request(Headers(fields), body, method=method, uri=self.target)


def invite(
    to: str, *, caller: str, contact: str, token: Token, body: bytes, content_type: str = SDP,
    extra: Iterable[tuple[str, str]] = (),
) -> Request:
    """An INVITE that starts a dialog (§8.1.1, §13.2.1).

    Args:
        to, caller: SIP URIs.
        contact: our Contact value, in angle brackets.
        token: makes that many unpredictable letters and digits.
        body, content_type: the offer.
        extra: further header fields.
    """
    fields = (
        ("Max-Forwards", "70"), ("From", f"<{caller}>;tag={token(10)}"), ("To", f"<{to}>"),
        ("Call-ID", token(24)), ("CSeq", "1 INVITE"), ("Contact", contact), ("Allow", "INVITE, ACK, BYE, CANCEL"),
        *extra, ("Content-Type", content_type),
    )
    return Request(Headers(fields), body, method="INVITE", uri=to)


def invite_onwards(
    received: Request, *, uri: str | None = None, contact: str, token: Token, body: bytes,
) -> Request:
    """The INVITE of a B2BUA's other half: a dialog of its own, and what else the received one says.

    Left behind are the headers of the received half: route, credentials and security agreement among them.

    Args:
        received: the INVITE of the first half.
        uri: Request-URI, such as a registered contact; None keeps the received one.
        contact: our Contact value on the other side, in angle brackets.
        token: makes that many unpredictable letters and digits.
        body: the offer for the other half.
    """
    hops = received.headers.get("Max-Forwards") or "70"
    left = max(int(hops) - 1, 0) if hops.isascii() and hops.isdigit() and len(hops) < 4 else 69
    fields = (
        ("Max-Forwards", str(left)), ("From", f"{_without_tag(received, 'From')};tag={token(10)}"),
        ("To", _without_tag(received, "To")), ("Call-ID", token(24)), ("CSeq", "1 INVITE"), ("Contact", contact),
        *(field for field in received.headers if canonical(field[0]) not in _OWN_HALF),
        ("Content-Type", received.headers.get("Content-Type") or SDP),
    )
    return Request(Headers(fields), body, method="INVITE", uri=uri or received.uri)


def response(
    request: Request, status: int, reason: str, tag: str = "", *, contact: str = "", body: bytes = b"",
    content_type: str = SDP, extra: Iterable[tuple[str, str]] = (),
) -> Response:
    """A response with what it copies from its request (§8.2.6).

    Args:
        request: as the transaction reported it, with `received` and `rport`.
        status, reason: of the status line.
        tag: our To tag; needed unless the request has one or the status is 100.
        contact: our Contact value, in angle brackets; empty for none.
        body, content_type: what it carries.
        extra: further header fields.
    """
    fields: list[tuple[str, str]] = []
    for name, value in request.headers:
        if canonical(name) == "to" and tag and not request.to_tag:
            value = f"{value};tag={tag}"
        if canonical(name) in _COPIED or (status == 100 and canonical(name) == "timestamp"):
            fields.append((name, value))
    if contact:
        fields.append(("Contact", contact))
    fields += extra
    if body:
        fields.append(("Content-Type", content_type))
    return Response(Headers(tuple(fields)), body, status=status, reason=reason)


def warning(code: int, agent: str, text: str) -> str:
    """The value of a Warning header: why something is not acceptable, for people (§20.43).

    Args:
        code: three digits, such as 399 (miscellaneous).
        agent: who says so: host and port, an IPv6 address in brackets.
        text: what is shown; line ends become blanks.
    """
    shown = " ".join(text.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'{code} {agent} "{shown}"'


def _without_tag(request: Request, name: str) -> str:
    address = NameAddress.decode(request.headers.get(name) or "")
    kept = tuple(one for one in address.parameters if one[0].lower() != "tag")
    return str(msgspec.structs.replace(address, parameters=kept))
