"""Messages over time: a plotly figure with a line a wire, and the same as text."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.views.ladder import Row, ladder_rows
from workbench.views.palette import COLOURS, colour_of, figure_text, plain

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_SYMBOLS = {"SIP": "circle", "H.248": "diamond", "TCP": "line-ns-open", "SCTP": "line-ns-open", "TLS": "square",
            "DTLS": "square", "MSRP": "star", "BFCP": "star", "STUN": "triangle-up"}


def timeline_text(report: Report, session: str | None = None, width: int = 100) -> str:
    """A line a wire, a mark a message: S SIP, H H.248, T TCP, C SCTP, L (D)TLS, M MSRP, B BFCP, U STUN, ? rest, * two.
    """
    rows = ladder_rows(report, session=session, fold=False)
    if not rows:
        return "no messages"
    last = max(row.time for row in rows) or 1.0
    letters = {"SIP": "S", "H.248": "H", "TCP": "T", "SCTP": "C", "TLS": "L", "DTLS": "L", "MSRP": "M", "BFCP": "B",
               "STUN": "U"}
    lines: dict[str, list[str]] = {}
    for row in rows:
        line = lines.setdefault(row.wire, ["."] * width)
        at = min(width - 1, int(row.time / last * (width - 1)))
        letter = letters.get(row.protocol, "?")
        line[at] = letter if line[at] in (".", letter) else "*"
    name = max(len(wire) for wire in lines)
    return "\n".join([f"{plain(wire):<{name}}  {''.join(line)}" for wire, line in lines.items()]
                     + [f"{'':<{name}}  0 s{f'{last:.3f} s':>{width - 3}}"])


def timeline_figure(report: Report, session: str | None = None) -> Any:
    """A plotly figure: time to the right, a line a wire, a mark a message; hovering tells who sent what to whom."""
    go: Any = import_module("plotly.graph_objects")
    rows = ladder_rows(report, session=session, fold=False)
    by_protocol: dict[str, list[Row]] = {}
    for row in rows:
        by_protocol.setdefault(row.protocol, []).append(row)
    figure = go.Figure()
    for protocol, mine in by_protocol.items():
        figure.add_trace(go.Scatter(
            x=[row.time for row in mine], y=[figure_text(row.wire) for row in mine], mode="markers", name=protocol,
            marker={"size": 11, "symbol": _SYMBOLS.get(protocol, "x"), "color": COLOURS[colour_of(protocol)][0],
                    "line": {"width": 1.5, "color": COLOURS[colour_of(protocol)][0]}},
            text=[figure_text(row.summary) for row in mine],
            customdata=[[row.message, figure_text(row.source), figure_text(row.destination)] for row in mine],
            hovertemplate="%{x:.6f} s<br>%{customdata[1]} → %{customdata[2]}<br>%{text}<extra>" + protocol
                          + "</extra>"))
    wires = list(dict.fromkeys(figure_text(row.wire) for row in rows))
    figure.update_layout(
        title="Messages over time", template="plotly_white", height=170 + 60 * len(wires), hovermode="closest",
        xaxis={"title": "seconds since the first frame"},
        yaxis={"categoryorder": "array", "categoryarray": wires[::-1], "type": "category"},
        margin={"l": 120, "r": 30, "t": 60, "b": 50},
        legend={"orientation": "h", "y": 1.12, "x": 1, "xanchor": "right"})
    return figure
