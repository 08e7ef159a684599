"""Requests and responses of HTTP as frozen values (RFC 9112 §2)."""

from __future__ import annotations

import msgspec

MIKEY = "application/mikey"
"""The media type of MIKEY messages (registered with IANA; RFC 3830)."""


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header field, whatever its case; None where there is none."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    @property
    def content_type(self) -> str:
        """The media type in lower case, without parameters; empty where there is none."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()


class Request(_Message, frozen=True, kw_only=True):
    """A request: `POST /keys HTTP/1.1`."""

    method: str
    target: str
    version: str = "HTTP/1.1"


class Response(_Message, frozen=True, kw_only=True):
    """A response: `HTTP/1.1 200 OK`."""

    status: int
    reason: str = ""
    version: str = "HTTP/1.1"


Message = Request | Response


def post(target: str, host: str, body: bytes, content_type: str = MIKEY) -> Request:
    """A request that carries octets to a server."""
    return Request(method="POST", target=target, body=body, headers=(
        ("Host", host), ("Content-Type", content_type), ("Content-Length", str(len(body)))))


def answer(status: int, reason: str, body: bytes = b"", content_type: str = MIKEY) -> Response:
    """A response, with octets or without."""
    typed = (("Content-Type", content_type),) if body else ()
    return Response(status=status, reason=reason, body=body, headers=(*typed, ("Content-Length", str(len(body)))))
