"""Values of the work item's tables, as their files give them, and what came of their proofs."""

from __future__ import annotations

import msgspec


class Proof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shows an entry: a scenario, and what of its capture counts.

    Args:
        scenario: its id, or a pattern such as `e2ae-*` for all that match.
        knobs: what its knobs are set to; those not named have their defaults.
        control: name of a weakened variant: it shows what happens without the rule, and must break what it names.
        sentences: the scenario's expectations that bear the entry out; empty: all of them.
        elements: patterns of what must stand in its H.248 messages (`workplan.elements` says how they are written),
            each at least once. `{tcp-change}` stands for the name that the package registry has for that role.
        absent: patterns of what must stand in none of them.
    """

    scenario: str
    knobs: dict[str, str] = {}
    control: str = ""
    sentences: tuple[str, ...] = ()
    elements: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the entries of all tables have.

    Args:
        id: `N8`, `R-33.328-1`, `IE-PSK`.
        subject: one line.
        proofs: what shows it.
        reason: why nothing shows it, where that is known beforehand.
    """

    id: str
    subject: str
    proofs: tuple[Proof, ...] = ()
    reason: str = ""


class Row(_Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the work plan.

    Args:
        part: `study` (completed), `open` (study), `normative`, or `CT1` (dependencies).
        spec, source, meeting, cr: as the plan has them; empty where it has nothing.
        state: what the plan says about its progress.
        table: `gaps` or `requirements`, where the row is a table of its own: it is shown as far as that table is.
    """

    part: str
    spec: str = ""
    source: str = ""
    meeting: str = ""
    cr: str = ""
    state: str = ""
    table: str = ""


class Requirement(_Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A security requirement for TS 33.328 (row C16).

    Args:
        form: which form of media plane security it is about: `e2ae TLS`, `e2ae DTLS`, `e2e`.
        clause: where it comes from.
        provisional: it was not read in a specification.
    """

    form: str
    clause: str
    provisional: bool = False


class Gap(_Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a 3GPP procedure asks of H.248, and what ITU-T has for it (row C15).

    Args:
        interface: `Iq`, `Ix`, `Mp`, or several with blanks between.
        clause: of the stage 2 specification.
        met_by: `package`, `SDP`, `descriptor` (of H.248.1), or `gap`.
        element: the package item, SDP element or descriptor; for a gap what stands in for it here, or nothing.
        note: what is not known about it.
        provisional: names were not read in a specification.
    """

    interface: str
    clause: str
    met_by: str
    element: str = ""
    note: str = ""
    provisional: bool = False


class Tables(msgspec.Struct, frozen=True):
    """All tables."""

    rows: tuple[Row, ...]
    requirements: tuple[Requirement, ...]
    gaps: tuple[Gap, ...]


Entry = Row | Requirement | Gap


class Shown(msgspec.Struct, frozen=True):
    """What one sentence or element of a proof came to on a capture.

    Args:
        scenario, knobs, control: the run.
        sentence: the expectation, or the element that was looked for.
        verdict: `pass`, `fail` or `inconclusive`; of a control `pass` says that it broke what it names.
        capture: file name of the run's capture; empty where nothing could be run.
        frames: of that capture, from 1.
        reason: why it did not pass.
    """

    scenario: str
    knobs: dict[str, str]
    control: str
    sentence: str
    verdict: str
    capture: str = ""
    frames: tuple[int, ...] = ()
    reason: str = ""
