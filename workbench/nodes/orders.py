"""What a person asks of a node: the vocabulary of a scenario's script."""

from __future__ import annotations

import msgspec


class Register(msgspec.Struct, frozen=True):
    """Register with the network, media plane security included if the UE has it."""


class Call(msgspec.Struct, frozen=True):
    """Invite `to` (a SIP URI) to an MSRP session. Waits until an earlier order is done."""

    to: str


class SendText(msgspec.Struct, frozen=True):
    """Say something in the running session; done when the other end has reported it delivered."""

    text: str


class HangUp(msgspec.Struct, frozen=True):
    """Release the call once `after_heard` messages of the other end have arrived."""

    after_heard: int = 0


Order = Register | Call | SendText | HangUp
