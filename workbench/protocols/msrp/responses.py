"""Responses to requests: whether one is due, where it goes, what it says (RFC 4975 §7.2)."""

from __future__ import annotations

from workbench.protocols.msrp import wire
from workbench.protocols.msrp.messages import Headers, Method, Response, get
from workbench.protocols.msrp.uri import Path

REASONS = {
    400: "Bad Request", 413: "Stop Sending Message", 415: "Media Type Not Supported",
    481: "No Such Session", 501: "Unknown Method", 506: "Session Already In Use",
}
"""What a response says behind its code (RFC 4975 §10)."""


class Refusal(Exception):
    """Why a request is not done, and the response code that says so. Never leaves this room."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def failure_report(headers: Headers) -> str:
    """`yes`, `partial` or `no`; absent means `yes` (RFC 4975 §7.1.1)."""
    return (get(headers, "Failure-Report") or "yes").lower()


def may_refuse(method: str, failure_report: str) -> bool:
    """Whether a request may be told that it failed: a REPORT never, others unless they say `no`.

    Source: RFC 4975 §7.1.2, §7.2.
    """
    return method != Method.REPORT and failure_report != "no"


def response(transaction: str, method: str, status: int, to_path: Path, from_path: Path, comment: str = "") -> bytes:
    """The response to a request with these paths: one hop back for SEND, all the way for other methods.

    Source: RFC 4975 §7.2.
    """
    back = from_path[:1] if method == Method.SEND else from_path
    return wire.encode(Response(transaction, status, comment or REASONS[status], back, to_path[:1]))
