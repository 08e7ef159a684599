"""What rules ask of each MSRP message. A file comes in very many of them, so no more than that is made of each."""

from __future__ import annotations

from sys import intern

import msgspec

from workbench.analysis.drafts import Draft
from workbench.protocols.msrp import messages as msrp
from workbench.protocols.msrp.uri import Path


class Chunk(msgspec.Struct, frozen=True, gc=False):
    """An MSRP request that decodes, or a response.

    Args:
        index: among the messages of the report.
        time: seconds since the first frame.
        direction: of its connection.
        transaction: what joins request and response.
        method: of a request; empty for a response.
        status: of a response; 0 for a request.
        to_path: where it goes.
        message_id, byte_range, failure_report: of a request; empty where it has no such header.
        flag: at its end.
        octets: of a request's body.
    """

    index: int
    time: float
    direction: int
    transaction: str
    method: str
    status: int
    to_path: Path
    message_id: str = ""
    byte_range: str = ""
    failure_report: str = ""
    flag: msrp.Flag = msrp.Flag.COMPLETE
    octets: int = 0


def chunk_of(index: int, draft: Draft) -> Chunk | None:
    """What a draft says; None: it is no request that decodes, and no response."""
    value = draft.value
    if isinstance(value, msrp.Response):
        return Chunk(index, draft.time, draft.direction, value.transaction, "", value.status, value.to_path)
    if not isinstance(value, msrp.Request) or draft.error or draft.repeated:
        return None
    return Chunk(
        index, draft.time, draft.direction, value.transaction, value.method, 0, value.to_path,
        intern(value.get("Message-ID") or ""), value.get("Byte-Range") or "", value.get("Failure-Report") or "",
        value.flag, len(value.body or b""))
