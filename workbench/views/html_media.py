"""What the HTML report shows of floors, DTLS handshakes and faxes; nothing where a capture has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.views.arrivals import ARRIVALS_STYLE, arrivals_html
from workbench.views.conversation import CONVERSATION_STYLE, conversation_html
from workbench.views.flights import FLIGHTS_STYLE, flights_html
from workbench.views.floors import FLOORS_STYLE, floors_html
from workbench.views.pages import PAGES_STYLE, pages_html
from workbench.views.palette import escape

if TYPE_CHECKING:
    from workbench.analysis.report import Report

MEDIA_STYLE = FLOORS_STYLE + FLIGHTS_STYLE + PAGES_STYLE + CONVERSATION_STYLE + ARRIVALS_STYLE
_MOST_WIRES = 6


def media_html(report: Report) -> str:
    """Sections with headings of their own, in the order in which a call has them."""
    protocols = {message.protocol for message in report.messages}
    parts = []
    if "BFCP" in protocols:
        parts.append(f"<h3>Floors</h3>{floors_html(report, style=False)}")
    if "DTLS" in protocols:
        parts.append(_under("DTLS handshakes", flights_html(report, style=False)))
    if "UDPTL" in protocols:
        wires = dict.fromkeys(message.wire for message in report.messages if message.protocol == "UDPTL")
        parts.append(_under("Fax pages", pages_html(report, style=False)))
        parts.append(_under("Fax packets", arrivals_html(report, style=False)))
        parts += [_folded(f"What the fax terminals say on {wire}", conversation_html(report, wire, style=False))
                  for wire in list(wires)[:_MOST_WIRES]]
    return "".join(parts)


def _under(heading: str, markup: str) -> str:
    return f'<h3>{escape(heading)}</h3><div class="scroll">{markup}</div>' if markup else ""


def _folded(heading: str, markup: str) -> str:
    return f"<details><summary>{escape(heading)}</summary>{markup}</details>" if markup else ""
