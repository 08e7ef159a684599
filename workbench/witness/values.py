"""What two witnesses say of one capture. Frozen values that the command line, notebooks and JSON are made from."""

from __future__ import annotations

from typing import Any

import msgspec


class Disagreement(msgspec.Struct, frozen=True):
    """One frame and field where the two witnesses do not say the same.

    Args:
        frame: number in the capture, from 1 as in Wireshark.
        protocol: `SIP`, `SDP`, `H.248`, `TLS`, ... as in `Report.messages`.
        field: a name of the table in `fields`, or `messages`: one of the two sees no message of this protocol there.
        ours, theirs: the values in the order of the frame.
        reason: why, for a known difference; empty for one that nobody has explained.
        known: id of the known difference; empty where it is none.
        inside: it was read in the decrypted twin: the frame's octets are protected.
    """

    frame: int
    protocol: str
    field: str
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    reason: str = ""
    known: str = ""
    inside: bool = False


class Tally(msgspec.Struct, frozen=True):
    """How often both said the same of one field, and how often not.

    Args:
        agreed: values that are equal.
        known: frames that differ for a known reason.
        differing: frames that differ and should not.
    """

    protocol: str
    field: str
    agreed: int = 0
    known: int = 0
    differing: int = 0


class Summary(msgspec.Struct, frozen=True):
    """What was compared of one protocol.

    Args:
        messages: seen by both.
        agreed: values of fields that are equal.
        known, differing: fields of a frame that differ, for a known reason and for none; `messages` is one of them.
    """

    protocol: str
    messages: int
    agreed: int
    known: int
    differing: int

    @property
    def compared(self) -> int:
        """Fields that were compared; what differs for a known reason is none, or was compared apart."""
        return self.agreed + self.differing


class Opinion(msgspec.Struct, frozen=True):
    """What the second witness says of a capture.

    Args:
        witness: its name and version.
        tallies: one a protocol and field, in the order of the table.
        disagreements: nobody has explained them yet; the first ones of them, `left_out` more were found.
        known: those with a reason; the first ones too, `known_left_out` more were found.
        notes: what could not be compared, and why.
        missing: why there is no other witness; empty where there is one.
    """

    witness: str
    tallies: tuple[Tally, ...]
    disagreements: tuple[Disagreement, ...] = ()
    known: tuple[Disagreement, ...] = ()
    left_out: int = 0
    known_left_out: int = 0
    notes: tuple[str, ...] = ()
    missing: str = ""

    def __str__(self) -> str:
        from workbench.witness.words import opinion_text

        return opinion_text(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from workbench.witness.words import opinion_html

        return opinion_html(self)

    @property
    def agrees(self) -> bool:
        """No difference but known ones."""
        return not self.disagreements

    def agreed(self, protocol: str, field: str = "messages") -> int:
        """How many values of a field (else: messages) both have read the same."""
        return sum(one.agreed for one in self.tallies if (one.protocol, one.field) == (protocol, field))

    def summaries(self) -> list[Summary]:
        """One a protocol, in the order of the table."""
        found = []
        for protocol in dict.fromkeys(one.protocol for one in self.tallies):
            rows = [one for one in self.tallies if one.protocol == protocol]
            found.append(Summary(protocol, self.agreed(protocol),
                                 sum(one.agreed for one in rows if one.field != "messages"),
                                 sum(one.known for one in rows), sum(one.differing for one in rows)))
        return found

    def to_json(self) -> dict[str, Any]:
        """As plain values: `witness` in the JSON of `workbench analyze --witness`."""
        return {**msgspec.to_builtins(self), "agrees": self.agrees}
