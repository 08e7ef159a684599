"""MIKEY in the descriptions of a capture and between users and KMS, decoded once, for the rules on it."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from workbench.errors import MalformedMessageError
from workbench.protocols import sdp
from workbench.protocols.http.messages import MIKEY, Request, Response
from workbench.protocols.mikey import registry as r
from workbench.protocols.mikey import wire
from workbench.protocols.mikey.messages import Message

if TYPE_CHECKING:
    from workbench.analysis.calls.signalling import Described, DialogSeen
    from workbench.analysis.report import Report

_MOST_DESCRIBED = 256
_DIALOGS: weakref.WeakKeyDictionary[Report, dict[str, DialogSeen]] = weakref.WeakKeyDictionary()
_SEEN: weakref.WeakKeyDictionary[Report, list[Seen]] = weakref.WeakKeyDictionary()


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
    for dialog in keyed_dialogs(report).values():
        yield from said_by(dialog)


class Seen(msgspec.Struct, frozen=True):
    """A MIKEY message where it is seen first.

    Args:
        keyed: with a message that decodes, or with why it doesn't.
        role: `offer` or `answer` in SDP, `request` or `response` with a KMS.
        who: the name of its sender.
        time: seconds since the first frame.
        ends: between which it goes, the sender first.
    """

    keyed: Keyed
    role: str
    frames: tuple[int, ...]
    who: str
    time: float
    ends: tuple[str, str]

    @property
    def message(self) -> Message:
        """The message; only of what decodes."""
        assert self.keyed.message is not None
        return self.keyed.message


def keyed_dialogs(report: Report) -> dict[str, DialogSeen]:
    """By their Call-IDs the dialogs that say a=key-mgmt, of whatever protocol; most captures have none."""
    found = _DIALOGS.get(report)
    if found is None:
        found = _DIALOGS[report] = {call_id: dialog for call_id, dialog in report.signalling.dialogs.items() if any(
            sdp.key_management(one.description, one.media) for one in dialog.described[:_MOST_DESCRIBED])}
    return found


def seen(report: Report) -> list[Seen]:
    """Every message once for each role, in order of time, however often it goes on; what does not decode too."""
    kept = _SEEN.get(report)
    if kept is None:
        kept = _SEEN[report] = _once(report)
    return kept


def _once(report: Report) -> list[Seen]:
    found = [Seen(keyed, one.role, one.draft.frames, report.names(one.draft.source.host), one.draft.time,
                  (one.draft.source.host, one.draft.destination.host)) for one, keyed in said(report)]
    found += with_kms(report)
    told: set[tuple[str, str]] = set()
    kept: list[Seen] = []
    for each in sorted(found, key=lambda each: each.time):
        if (each.keyed.text, each.role) not in told:
            told.add((each.keyed.text, each.role))
            kept.append(each)
    return kept


def first_seen(report: Report) -> list[Seen]:
    """Those of `seen` that decode."""
    return [one for one in seen(report) if one.keyed.message is not None]


def with_kms(report: Report) -> list[Seen]:
    """What users and KMS say to each other over HTTP."""
    found: list[Seen] = []
    for one in report.messages_of("HTTP"):
        value = one.value
        if not isinstance(value, Request | Response) or value.content_type != MIKEY or not value.body:
            continue
        role = "request" if isinstance(value, Request) else "response"
        keyed = _decoded(value.body)
        source, destination = (f"{end.address} {end.port}" for end in (one.source, one.destination))
        found.append(Seen(keyed, role, one.frames, one.source.node, one.time, (source, destination)))
        if len(found) == _MOST_DESCRIBED:
            break
    return found


@lru_cache(maxsize=512)
def _decoded(octets: bytes) -> Keyed:
    text = f"mikey {wire.encode_base64(octets)}"
    try:
        return Keyed(text, wire.decode(octets))
    except MalformedMessageError as error:
        return Keyed(text, None, str(error))
