"""Our messages beside tshark's frames: what both say of each, and where they do not say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from workbench.analysis.values import Message
from workbench.witness.fields import BINARY, OF, PROTOCOLS, Field
from workbench.witness.known import Known, reason_of
from workbench.witness.tshark import Row
from workbench.witness.values import Disagreement, Tally

MESSAGES = "messages"
SOURCES = ("SIP", "H.248")      # what has SDP as lines inside


class Read(NamedTuple):
    """One of our messages: in which frame the other witness has it, and in which frame of our capture it ended."""

    at: int
    frame: int
    message: Message


def protocol_of(message: Message) -> str:
    """The rows of the table that a message is compared by: H.248 has other ones in BER."""
    return BINARY if message.protocol == "H.248" and message.octets[:1] == b"\x30" else message.protocol


def left_out(messages: Iterable[Message], row: Row | None) -> str:
    """SDP in BER is told by the rows of H.248 in BER, any other by those of SDP: the one that says nothing here."""
    binary = (row is not None and "h248" in row.layers) or any(protocol_of(one) == BINARY for one in messages)
    return "SDP" if binary else BINARY


class Comparison:
    """Counts what both have read the same, and keeps what they have not, up to a limit.

    Args:
        most: disagreements, and known differences, that are kept; more are counted.
        inside: what is compared was protected.
        apart: each message stands by itself: known differences that are due to what is around it explain nothing here.

    Attributes:
        again: messages whose values were not compared: they have to be, apart.
    """

    def __init__(self, most: int, *, inside: bool = False, apart: bool = False) -> None:
        self.found: list[Disagreement] = []
        self.known: list[Disagreement] = []
        self.left_out = self.known_left_out = 0
        self._most = most
        self._inside = inside
        self._apart = apart
        self.again: list[Message] = []
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def frame(self, reads: Sequence[Read], row: Row | None, protocols: Iterable[str], frame: int) -> None:
        """All that both say of one frame.

        Args:
            reads: our messages that end there, in order.
            row: tshark's; None where it has nothing that is compared.
            protocols: those to compare; each may have messages on both sides, on one or on none.
            frame: its number in our capture.
        """
        out = left_out([one.message for one in reads], row)
        for protocol in protocols:
            if protocol == out:
                continue
            own = [one.message for one in reads if protocol_of(one.message) in (SOURCES if protocol == "SDP"
                                                                                 else (protocol,))]
            self._protocol(protocol, own, row, frame)

    def _protocol(self, protocol: str, own: list[Message], row: Row | None, frame: int) -> None:
        pairs = [(field, said_by_us(field, own), said_by_them(field, row)) for field in OF[protocol]]
        counting = [(ours, theirs) for field, ours, theirs in pairs if field.counts]
        here, there = (sum(len(pair[side]) for pair in counting) for side in (0, 1))
        differing = [(field.name, ours, theirs) for field, ours, theirs in pairs if ours != theirs]
        if here != there:
            # One line says it, in place of one for each field.
            differing = [(MESSAGES, [str(here)], [str(there)])]
        told = [self._told(protocol, *one, frame) for one in differing]
        known = [reason_of(one, own, row) for one in told]
        if not self._apart and self._is_told_once(told, known, own):
            return
        for one, reason in zip(told, known, strict=True):
            self.tell(one, None if reason is not None and reason.again is not None else reason)
        if here != there:
            return
        self._counts[protocol, MESSAGES, "agreed"] += here
        for field, ours, theirs in pairs:
            if ours == theirs:
                self._counts[protocol, field.name, "agreed"] += len(ours)

    def _is_told_once(self, told: Sequence[Disagreement], known: Sequence[Known | None], own: list[Message]) -> bool:
        """A known difference of messages that are compared `again`, apart: nothing of them counts here."""
        for one, reason in zip(told, known, strict=True):
            if reason is not None and reason.again is not None:
                self.tell(one, reason)
                self.again += [reason.again(message) for message in own if message.value is not None]
                return True
        return False

    def _told(self, protocol: str, field: str, ours: Sequence[str], theirs: Sequence[str], frame: int) -> Disagreement:
        return Disagreement(frame, protocol, field, tuple(ours), tuple(theirs), inside=self._inside)

    def tell(self, told: Disagreement, known: Known | None) -> None:
        """Count a difference, and keep it with its reason as long as there is room."""
        protocol, field = told.protocol, told.field
        kept = self.found if known is None else self.known
        if known is not None:
            told = msgspec.structs.replace(told, reason=known.reason, known=known.id)
        self._counts[protocol, field, "differing" if known is None else "known"] += 1
        if len(kept) < self._most:
            kept.append(told)
        elif known is None:
            self.left_out += 1
        else:
            self.known_left_out += 1

    def tallies(self, *more: Comparison) -> tuple[Tally, ...]:
        """One a protocol and field of which anything was said, in the order of the table; `more` are added up."""
        counts = sum((one._counts for one in more), Counter(self._counts))
        found = []
        for protocol in PROTOCOLS:
            for name in (MESSAGES, *(field.name for field in OF[protocol])):
                numbers = [counts[protocol, name, kind] for kind in ("agreed", "known", "differing")]
                if any(numbers):
                    found.append(Tally(protocol, name, *numbers))
        return tuple(found)


def said_by_us(field: Field, messages: Iterable[Message]) -> list[str]:
    """The values of one field in our messages; none of a message that did not decode."""
    found: list[str] = []
    for message in messages:
        subject = message if field.whole else message.value
        if subject is not None:
            found += field.read(subject)
    return found


def said_by_them(field: Field, row: Row | None) -> list[str]:
    """The values of one field in a frame of tshark's, as our words."""
    return [] if row is None else field.tidy(*row.columns(field.theirs))


def merged(reads: Iterable[Read], rows: Iterable[Row]) -> Iterator[tuple[list[Read], Row | None]]:
    """Both sides frame by frame: `reads` by `at`, rows by `frame`, each in rising order."""
    ours, theirs = iter(reads), iter(rows)
    read, row = next(ours, None), next(theirs, None)
    while read is not None or row is not None:
        here = min(one for one in (read.at if read else None, row.frame if row else None) if one is not None)
        own: list[Read] = []
        while read is not None and read.at == here:
            own.append(read)
            read = next(ours, None)
        beside = None
        if row is not None and row.frame == here:
            beside, row = row, next(theirs, None)
        yield own, beside
