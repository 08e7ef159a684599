"""MIKEY in the descriptions of a capture, decoded once, for the rules on it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols import sdp
from workbench.protocols.mikey import registry as r
from workbench.protocols.mikey import wire
from workbench.protocols.mikey.messages import Message

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.signalling import Described, DialogSeen

_MOST_DESCRIBED = 256


class Keyed(msgspec.Struct, frozen=True):
    """One a=key-mgmt:mikey, and what it says: a message, or why it can't be read."""

    text: str
    message: Message | None
    error: str = ""

    @property
    def name(self) -> str:
        """`TRANSFER_INIT`; the number where it has no name."""
        return "" if self.message is None else r.named(self.message.header.data_type, r.DataType).partition(" ")[2]


@lru_cache(maxsize=512)
def _read(text: str) -> Keyed | None:
    try:
        found = sdp.KeyManagement.decode(text)
        return Keyed(text, wire.decode(found.message)) if found.protocol == "mikey" else None
    except MalformedMessageError as error:
        return Keyed(text, None, str(error)) if text.lower().startswith("mikey") else None


def said_in(one: Described) -> tuple[Keyed, ...]:
    """The MIKEY messages that hold for a stream."""
    values = sdp.key_management(one.description, one.media)[:8]
    return tuple(found for found in map(_read, values) if found is not None)


def said_by(dialog: DialogSeen) -> Iterator[tuple[Described, Keyed]]:
    """All MIKEY messages in a dialog with the description that has them; one for all streams is given once."""
    told: set[tuple[int, str]] = set()
    for one in dialog.described[:_MOST_DESCRIBED]:
        for keyed in said_in(one):
            if (id(one.draft), keyed.text) not in told:
                told.add((id(one.draft), keyed.text))
                yield one, keyed


def said(report: Report) -> Iterator[tuple[Described, Keyed]]:
    """All MIKEY messages in SIP. On each wire again, since each is another chance to change them."""
    for dialog in report.signalling.dialogs.values():
        yield from said_by(dialog)


def first_seen(report: Report) -> Iterator[tuple[Described, Keyed, Message]]:
    """Each MIKEY message that decodes where it is seen first, however often it goes on; offers and answers apart."""
    told: set[tuple[str, str]] = set()
    for one, keyed in sorted(said(report), key=lambda pair: pair[0].draft.time):
        if keyed.message is not None and (keyed.text, one.role) not in told:
            told.add((keyed.text, one.role))
            yield one, keyed, keyed.message
