"""What a media session has to tell the person who uses it."""

from __future__ import annotations

import msgspec


class Heard(msgspec.Struct, frozen=True):
    """The other end said something, complete."""

    content_type: str
    body: bytes


class Told(msgspec.Struct, frozen=True):
    """The other end reported that it has this message of ours."""

    message_id: str


class NotTold(msgspec.Struct, frozen=True):
    """A message of ours did not get through: status as in a response or REPORT, 0 where there was none."""

    message_id: str
    status: int
    reason: str


class Up(msgspec.Struct, frozen=True):
    """Messages can be sent now."""


class Down(msgspec.Struct, frozen=True):
    """The session is over; `reason` is empty after an orderly release."""

    reason: str = ""


class Remark(msgspec.Struct, frozen=True):
    """Something that the person may like to know, in words."""

    text: str


News = Heard | Told | NotTold | Up | Down | Remark
