"""What two fax terminals say to each other on one wire: tones, training, T.30 frames and pages, in order of time.

Source: T.30 §5.3; its signals as T.38 §7 carries them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.analysis.calls.fax_pages import FaxDirection, fax_directions
from workbench.protocols.t38.messages import DataType, Field, FieldType, Indicator
from workbench.protocols.t38.pages import TRAININGS
from workbench.protocols.t38.t30 import MEANINGS
from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report

COLUMNS = ("seconds", "phase", "who", "signal", "meaning")
_T4 = (FieldType.T4_NON_ECM_DATA, FieldType.T4_NON_ECM_SIG_END)
_TONES = {Indicator.CNG: ("CNG", "I am a fax terminal, and I call"), Indicator.CED: ("CED", "I am one, and I answer")}
_AFTER = {"DIS": "B", "DTC": "B", "DCS": "B", "CFR": "B", "FTT": "B", "MCF": "D", "RTP": "D", "RTN": "D", "DCN": "E"}
PHASES = {"A": "the call is set up", "B": "they agree and train", "C": "the page is sent", "D": "the page is confirmed",
          "E": "the call ends"}
"""T.30 §5.1: the phases of a fax call."""


class Said(msgspec.Struct, frozen=True):
    """One thing that a terminal says.

    Args:
        time: when it was complete.
        phase: `A` to `E`.
        who: the node that said it on this wire.
        signal: such as `CED`, `DCS`, `TCF`, `page`.
        meaning: what it says.
        message: index in `Report.messages` of the packet that completed it.
    """

    time: float
    phase: str
    who: str
    signal: str
    meaning: str
    message: int

    def cells(self) -> tuple[str, ...]:
        """The texts in the order of `COLUMNS`."""
        return f"{self.time:.2f}", self.phase, self.who, self.signal, self.meaning


def conversation_rows(report: Report, wire: str, session: str | None = None) -> list[Said]:
    """What is said on a wire, by both terminals."""
    said = [one for direction in fax_directions(report, session) if direction.wire == wire
            for one in _of(direction)]
    rows: list[Said] = []
    phase = "A"
    for one in sorted(said, key=lambda row: (row.time, row.message)):
        phase = _phase(one.signal, phase)
        rows.append(msgspec.structs.replace(one, phase=phase))
    return rows


def _phase(signal: str, before: str) -> str:
    if signal in ("page", "FCD"):
        return "C"
    if signal.startswith(("PPS", "EOP", "MPS", "EOM", "PRI")):
        return "D"
    if signal in ("TCF", "CSI", "TSI", "NSF", "CIG"):
        return "B"
    return _AFTER.get(signal, before)


def _of(direction: FaxDirection) -> list[Said]:
    """What one terminal says. The modem's data is one line: as the training check, or as the page."""
    who = direction.source.node
    rows = [Said(frame.time, "", who, frame.name, _meaning(frame.name, frame.says), frame.message)
            for frame in direction.frames]
    heard: int | None = None
    trains = False
    for arrival in direction.arrivals:
        packet = arrival.packet
        if packet is None:
            continue
        if packet.indicator is not None and packet.indicator != heard:
            heard = packet.indicator
            if heard in _TONES:
                rows.append(Said(arrival.time, "", who, *_TONES[Indicator(heard)], arrival.message))
            trains = heard in TRAININGS
        elif trains and packet.data != DataType.V21 and packet.fields:
            rows.append(Said(arrival.time, "", who, *_begins(packet.fields), arrival.message))
            trains = False
    rows += [_page(direction, number) for number in range(len(direction.pages))]
    return rows


def _begins(fields: tuple[Field, ...]) -> tuple[str, str]:
    """What the modem's first data behind its training is."""
    if not any(field.kind in _T4 for field in fields):
        return "page", "it begins, cut into numbered frames"
    if not any(any(field.octets or b"") for field in fields):
        return "TCF", "training check: zeros for 1.5 s, to see whether the modems understand"
    return "page", "its lines begin, as T.4 data"


def _page(direction: FaxDirection, number: int) -> Said:
    page = direction.pages[number]
    places = [piece.place for piece in page.pieces]
    last = direction.arrivals[min(max(places, default=0), len(direction.arrivals) - 1)]
    state = "nothing is missing" if page.whole else f"about {page.missing} octets are missing" if page.missing else (
        "no command ended it")
    return Said(last.time, "", direction.source.node, "page",
                f"page {number + 1} is over, {page.octets} octets: {state}", last.message)


def _meaning(name: str, says: str) -> str:
    base = name.partition("-")[0]
    last = MEANINGS.get(name.partition("-")[2], "")
    parts = [MEANINGS.get(base, "") + (f": {last}" if last else ""), says]
    return "; ".join(part for part in parts if part)


def conversation_text(report: Report, wire: str, session: str | None = None) -> str:
    """A line for each thing that is said."""
    rows = conversation_rows(report, wire, session)
    if not rows:
        return f"no fax on {plain(wire)}"
    wide = max(len(row.who) for row in rows)
    lines = [f"{row.time:8.2f}  {row.phase}  {row.who:<{wide}}  {row.signal:<8} {row.meaning}" for row in rows]
    return "\n".join(map(plain, lines))


CONVERSATION_STYLE = themed(".wb-talk") + """
.wb-talk{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;overflow:auto;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-talk table{border-collapse:collapse}
.wb-talk caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-talk th,.wb-talk td{text-align:left!important;vertical-align:top;padding:.25em .8em;
border-bottom:1px solid var(--wb-line)}
.wb-talk th{font-weight:600;background:var(--wb-panel)}
.wb-talk .signal{font:600 12px/1.6 ui-monospace,Menlo,Consolas,monospace}
"""


def conversation_html(report: Report, wire: str, session: str | None = None, *, style: bool = True) -> str:
    """The rows as a table; empty where there is no fax on that wire."""
    rows = conversation_rows(report, wire, session)
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{name}</th>' for name in COLUMNS)
    body = "".join("<tr>" + "".join(
        f'<td{" class=signal" if name == "signal" else ""}>{escape(cell)}'
        f'{f" ({PHASES[cell]})" if name == "phase" else ""}</td>'
        for name, cell in zip(COLUMNS, row.cells(), strict=True)) + "</tr>" for row in rows)
    return (f"{f'<style>{CONVERSATION_STYLE}</style>' if style else ''}"
            '<div class="wb-talk" tabindex="0" role="region" aria-label="what the fax terminals say"><table>'
            f"<caption>What the terminals say on {escape(wire)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
