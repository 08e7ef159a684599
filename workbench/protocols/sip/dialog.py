"""Dialogs (RFC 3261 §12), and the messages that start, answer and end them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workbench.protocols.sip.messages import Headers, Request, Response, address_uri

Token = Callable[[int], str]

# Header fields that a response copies from its request (RFC 3261 §8.2.6).
_COPIED = {"via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "record-route"}

# Header fields that a B2BUA makes anew for its other half.
_OWN = {
    "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards", "content-length", "l",
    "content-type", "c", "route", "record-route", "security-verify", "require", "proxy-require",
}


class Dialog(msgspec.Struct, frozen=True):
    """One side's view of a dialog.

    Args:
        local, remote: our and the peer's From/To value, with tags.
        target: the peer's Contact URI.
        routes: route set, first hop first.
        cseq: number of our last request; `invite_cseq` of the INVITE, for its ACK.
    """

    call_id: str
    local: str
    remote: str
    target: str
    routes: tuple[str, ...] = ()
    cseq: int = 0
    invite_cseq: int = 0

    @staticmethod
    def of_caller(request: Request, response: Response) -> Dialog:
        """The dialog that our INVITE and its 2xx made (RFC 3261 §12.1.2)."""
        return Dialog(
            request.call_id, request.headers.get("From") or "", response.headers.get("To") or "",
            address_uri(response.headers.get("Contact") or "") or request.uri,
            tuple(reversed(response.headers.all("Record-Route"))), request.cseq[0], request.cseq[0])

    @staticmethod
    def of_callee(request: Request, response: Response) -> Dialog:
        """The dialog that the peer's INVITE and our 2xx made (RFC 3261 §12.1.1)."""
        return Dialog(
            request.call_id, response.headers.get("To") or "", request.headers.get("From") or "",
            address_uri(request.headers.get("Contact") or "") or address_uri(request.headers.get("From") or ""),
            request.headers.all("Record-Route"))

    def matches(self, request: Request) -> bool:
        """Whether a request of the peer belongs to this dialog: Call-ID and both tags (RFC 3261 §12.2.2)."""
        from workbench.protocols.sip.messages import tag_of

        return (request.call_id == self.call_id and request.to_tag == tag_of(self.local)
                and request.from_tag == tag_of(self.remote))

    def request(self, method: str) -> tuple[Dialog, Request]:
        """The next request inside the dialog, and the dialog after it (RFC 3261 §12.2.1.1)."""
        after = msgspec.structs.replace(self, cseq=self.cseq + 1)
        return after, self._build(method, after.cseq)

    def ack(self) -> Request:
        """The ACK for the 2xx that made the dialog (RFC 3261 §13.2.2.4)."""
        return self._build("ACK", self.invite_cseq)

    def _build(self, method: str, cseq: int) -> Request:
        fields = [
            *(("Route", route) for route in self.routes), ("Max-Forwards", "70"), ("From", self.local),
            ("To", self.remote), ("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}"),
        ]
        return Request(Headers(tuple(fields)), method=method, uri=self.target)


def invite(to: str, *, caller: str, contact: str, token: Token, body: bytes) -> Request:
    """An INVITE with an SDP offer.

    Args:
        to, caller: SIP URIs.
        contact: our Contact value, in angle brackets.
    """
    fields = [
        ("Max-Forwards", "70"), ("From", f"<{caller}>;tag={token(10)}"), ("To", f"<{to}>"),
        ("Call-ID", token(24)), ("CSeq", "1 INVITE"), ("Contact", contact),
        ("Allow", "INVITE, ACK, BYE, CANCEL"), ("Content-Type", "application/sdp"),
    ]
    return Request(Headers(tuple(fields)), body, method="INVITE", uri=to)


def invite_onwards(
    received: Request, *, uri: str | None = None, contact: str, token: Token, body: bytes,
) -> Request:
    """The INVITE of a B2BUA's other half: a dialog of its own, everything else of the received one.

    Args:
        uri: Request-URI (a registered contact); None keeps the received one.
    """
    hops = received.headers.get("Max-Forwards") or "70"
    left = max(int(hops) - 1, 0) if hops.isdecimal() and len(hops) < 4 else 69
    fields = [
        ("Max-Forwards", str(left)),
        ("From", f"<{address_uri(received.headers.get('From') or '')}>;tag={token(10)}"),
        ("To", f"<{address_uri(received.headers.get('To') or '')}>"),
        ("Call-ID", token(24)), ("CSeq", "1 INVITE"), ("Contact", contact),
        *((name, value) for name, value in received.headers.fields if name.lower() not in _OWN),
        ("Content-Type", received.headers.get("Content-Type") or "application/sdp"),
    ]
    return Request(Headers(tuple(fields)), body, method="INVITE", uri=uri or received.uri)


def response(
    request: Request, status: int, reason: str, tag: str = "", *, contact: str = "", body: bytes = b"",
    extra: tuple[tuple[str, str], ...] = (),
) -> Response:
    """A response with what it copies from its request (RFC 3261 §8.2.6).

    Args:
        tag: our To tag; needed unless the request has one or the status is 100.
        contact: our Contact value, in angle brackets; empty for none.
    """
    fields = []
    for name, value in request.headers.fields:
        if name.lower() in _COPIED:
            if name.lower() in ("to", "t") and tag and not request.to_tag:
                value = f"{value};tag={tag}"
            fields.append((name, value))
    if contact:
        fields.append(("Contact", contact))
    fields += extra
    if body:
        fields.append(("Content-Type", "application/sdp"))
    return Response(Headers(tuple(fields)), body, status=status, reason=reason)
