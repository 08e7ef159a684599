"""Sequence numbers of both legs over each other, as a plotly figure."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from workbench.views.palette import COLOURS, figure_text
from workbench.views.sequences import Flow, SequenceRow, cells, sequences_of

if TYPE_CHECKING:
    from workbench.analysis.report import Report

# Legs that one picture can keep apart by symbol and line, not by colour alone.
_COLOURS = ("accent", "msrp", "h248", "tls")
_SYMBOLS = ("circle", "diamond", "square", "triangle-up")
_DASHES = ("solid", "dash", "dot", "dashdot")
_PAUSE = 0.05


def without_pauses(times: Sequence[float], longest: float = _PAUSE) -> list[float]:
    """Places on an axis for moments in order: where nothing happens for long, the axis is cut short.

    Args:
        times: seconds, in order.
        longest: what is left of a longer pause, in seconds.
    """
    places: list[float] = []
    for at, time in enumerate(times):
        places.append(0.0 if at == 0 else places[-1] + min(time - times[at - 1], longest))
    return places


def sequences_figure(report: Report, session: str | None = None) -> Any:
    """A plotly figure: a panel a direction, time to the right, relative sequence numbers upwards, all legs in each.

    Filled marks are segments (a bar as long as their payload), open ones acknowledgements that the other end sent for
    this direction. Each leg has its symbol and its line. Long pauses are cut out of the axis.
    """
    go: Any = import_module("plotly.graph_objects")
    subplots: Any = import_module("plotly.subplots")
    found = sequences_of(report, session)
    rows = list(found.rows)
    # A connection that was refused at once has nothing to show beside one that was used.
    used = {row.flow // 2 for row in rows if row.size}
    flows = [flow for flow in found.flows if flow.number // 2 in used or not used]
    rows = [row for row in rows if row.flow // 2 in used or not used]
    places = dict(zip((row.frame for row in rows), without_pauses([row.time for row in rows]), strict=True))
    figure = subplots.make_subplots(
        rows=max(1, len(flows)), cols=1, shared_xaxes=True, vertical_spacing=0.14 / max(1, len(flows) / 2),
        subplot_titles=[figure_text(_title(flow)) for flow in flows])
    legs = list(dict.fromkeys(leg for flow in flows for leg in flow.legs))
    for panel, flow in enumerate(flows, start=1):
        for leg in flow.legs:
            look = legs.index(leg) % len(_COLOURS)
            for trace in _traces(go, rows, flow, leg, look, places, named=panel == 1 or panel > 2):
                figure.add_trace(trace, row=panel, col=1)
        figure.update_yaxes(title_text="number", row=panel, col=1)
    ticks = _ticks(rows, places)
    figure.update_xaxes(tickvals=[place for place, _ in ticks], ticktext=[f"{time:.3f}" for _, time in ticks])
    figure.update_xaxes(title_text="seconds since the first frame; pauses are cut short", row=max(1, len(flows)))
    figure.update_layout(
        title=f"Sequence numbers on both sides of the gateway: {figure_text(found.handling or 'can not be told')}",
        template="plotly_white", height=170 + 260 * max(1, len(flows)), hovermode="closest",
        margin={"l": 80, "r": 30, "t": 132, "b": 60}, legend={"orientation": "h", "yref": "container", "y": 0.93,
                                                              "yanchor": "top", "x": 1, "xanchor": "right"})
    return figure


def _title(flow: Flow) -> str:
    told = ", ".join(f"{gateway}: {word}" for gateway, word in zip(flow.gateways, flow.across, strict=True))
    return f"{flow.sender} to {flow.receiver}" + (f" ({told})" if told else "")


def _ticks(rows: Sequence[SequenceRow], places: dict[int, float]) -> list[tuple[float, float]]:
    """A tick where the axis begins and after each cut."""
    ticks = [(places[rows[0].frame], rows[0].time)] if rows else []
    ticks += [(places[row.frame], row.time) for before, row in pairwise(rows) if row.time - before.time >= _PAUSE]
    return ticks


def _traces(go: Any, rows: Sequence[SequenceRow], flow: Flow, leg: str, look: int, places: dict[int, float], *,
            named: bool) -> list[Any]:
    colour, symbol, dash = COLOURS[_COLOURS[look]][0], _SYMBOLS[look], _DASHES[look]
    back = flow.number ^ 1
    sent = [row for row in rows if row.leg == leg and row.flow == flow.number and (row.size or row.kind != "ACK")]
    heard = [row for row in rows if row.leg == leg and row.flow == back and row.acknowledges is not None]
    common = {"legendgroup": leg, "showlegend": named, "hovertemplate": "%{text}<extra></extra>"}
    return [
        go.Scatter(
            x=[places[row.frame] for row in sent], y=[row.relative for row in sent], mode="lines+markers",
            name=f"{leg}: segments", marker={"symbol": symbol, "size": 10, "color": colour},
            line={"color": colour, "dash": dash, "width": 1.5, "shape": "hv"},
            error_y={"type": "data", "symmetric": False, "array": [row.size for row in sent],
                     "arrayminus": [0 for _ in sent], "color": colour, "thickness": 2, "width": 0},
            text=[_hover(row) for row in sent], **common),
        go.Scatter(
            x=[places[row.frame] for row in heard], y=[row.acknowledges for row in heard], mode="markers",
            name=f"{leg}: acknowledged", marker={"symbol": f"{symbol}-open", "size": 12, "color": colour,
                                                 "line": {"width": 1.8}},
            text=[_hover(row) for row in heard], **common),
    ]


def _hover(row: SequenceRow) -> str:
    time, frame, leg, who, what, number, acknowledges, whence = map(figure_text, cells(row))
    return "<br>".join((f"frame {frame}, {time} s, {leg}", who, f"{what}, number {number}", acknowledges, whence))
