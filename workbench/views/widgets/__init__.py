"""Ladder, stepper, octets, roles, timeline, sequences, knobs and exercises for JupyterLab. They draw finished values.

Rows, steps and explanations come from the pure functions of this package; here they only meet buttons. Without
anywidget the same pictures show themselves as HTML, and everything prints as text. No script is fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from workbench.analysis.explain import explain_frame, explain_message
from workbench.views.bearers import bearers_html, bearers_text
from workbench.views.beside import beside_html, beside_text
from workbench.views.endings import endings_html, endings_text
from workbench.views.floors import floors_html, floors_text
from workbench.views.heat_map import heat_map_html, heat_map_text
from workbench.views.journeys import journeys_html, journeys_text
from workbench.views.ladder import ladder_lanes, ladder_rows, ladder_text
from workbench.views.ladder_picture import ladder_svg, width_of
from workbench.views.octets import octets_html, octets_text
from workbench.views.palette import escape
from workbench.views.paths import paths_html, paths_text
from workbench.views.roles import roles_html, roles_text
from workbench.views.steps import step_text, steps
from workbench.views.widgets.grid import grid_class
from workbench.views.widgets.live import classes
from workbench.views.widgets.media import arrivals, arriving, conversation, download, flights, pages, received
from workbench.views.widgets.own import OwnCapture, own_capture
from workbench.views.widgets.panels import Choice, ChoicePanel, EncodingsPanel, Exercise, KnobPanel
from workbench.views.widgets.pictures import (
    Drawn,
    Picture,
    escape_lines,
    report_of,
    verdict_html,
    verdicts,
    widgets_here,
)
from workbench.views.widgets.plan import PlanPanel, plan

__all__ = ["Drawn", "OwnCapture", "Picture", "PlanPanel", "arrivals", "arriving", "bearers", "beside", "choices",
           "conversation", "download", "encodings", "endings", "exercise", "flights", "floors", "heat_map", "journeys",
           "knobs", "ladder", "octets", "overview", "own_capture", "pages", "paths", "plan", "received", "roles",
           "sequences", "stepper", "timeline", "verdicts"]

# JupyterLab makes pictures as narrow as the page. A ladder shrinks to three quarters at most, and is scrolled then.
_STAGE = (".wb-stage{overflow:auto;max-height:40em}.wb-stage svg{max-width:none!important;height:auto!important;"
          "width:min(var(--wide),max(100%,calc(var(--wide)*.75)))!important}")


def ladder(shown: Any, between: Iterable[str] | None = None, session: str | None = None) -> Any:
    """A ladder whose messages can be clicked, or walked with Tab and the arrow keys.

    Args:
        shown: a run or a report.
        between, session: as in `views.ladder_rows`.

    Returns:
        A widget. `selected` is the index in `Report.messages` of the chosen message (-1: none) and can be set and
        observed; `detail` is the HTML of its explanation; `message` is the message itself. `str()` gives the text form.
    """
    report = report_of(shown)
    names = list(between) if between is not None else None
    if not widgets_here():
        return Picture(ladder_svg(report, names, session, link=lambda row: f"#m{row.message}"),
                       ladder_text(report, names, session))
    return classes()["Ladder"](report, names, session)


def stepper(shown: Any, session: str | None = None) -> Any:
    """One message at a time: previous and next (buttons or arrow keys), its explanation, every node's state so far.

    Returns:
        A widget. `position` is the index of the step and can be set and observed; `step` is the step itself.
    """
    report = report_of(shown)
    if not widgets_here():
        found = steps(report, session)
        return Picture("".join(f"<pre>{escape_lines(step_text(step))}</pre>" for step in found),
                       "\n\n".join(map(step_text, found)))
    return classes()["Stepper"](report, session)


def octets(shown: Any, frame: int | None = None, message: int | None = None, *, meanings: bool = True) -> Any:
    """One frame, or one message, octet by octet.

    Args:
        shown: a run or a report.
        frame: number of the frame, from 1.
        message: index in `Report.messages`, instead of a frame.
        meanings: as in `views.octets_text`, for the text form.
    """
    report = report_of(shown)
    if message is not None:
        explained: Any = explain_message(report, report.messages[message])
    else:
        explained = explain_frame(report, frame or 1)
    text = octets_text(explained, meanings=meanings)
    if not widgets_here():
        return Picture(octets_html(explained), text)
    return classes()["Shown"](octets_html(explained, script=False), text)


def roles(shown: Any, session: str | None = None) -> Picture:
    """The role table of each media leg."""
    report = report_of(shown)
    return Picture(roles_html(report, session), roles_text(report, session))


def bearers(shown: Any, session: str | None = None) -> Picture:
    """What each gateway does with TCP, and why we say so; the bindings of the NATs."""
    report = report_of(shown)
    text = bearers_text(report, session)
    return Picture(bearers_html(report, session) or f"<p>{escape(text)}</p>", text)


def timeline(shown: Any, session: str | None = None) -> Any:
    """Messages over time as a plotly figure, a line a wire; see `views.timeline`."""
    from workbench.views.timeline import timeline_figure

    return timeline_figure(report_of(shown), session)


def sequences(shown: Any, session: str | None = None) -> Any:
    """Sequence numbers on both sides of the gateway, over each other, as a plotly figure; see `views.sequences`."""
    from workbench.views.sequences import sequences_html, sequences_text
    from workbench.views.sequences_picture import sequences_figure

    report = report_of(shown)
    text = sequences_text(report, session)
    if find_spec("plotly") is None:
        return Picture(sequences_html(report, session), text)
    return Drawn(sequences_figure(report, session), text)


def knobs(scenario: Any, seed: int = 1, *, view: Callable[[Any], Any] | None = None) -> Any:
    """A panel with a choice for each knob of a scenario and a button that runs it.

    Args:
        scenario: a scenario of the catalogue.
        seed: for each run.
        view: what to show of a finished run; its expectations with their verdicts by default.

    Returns:
        A panel. `run` is the newest run or None, `choose(name=value, ...)` sets knobs from code, `start()` runs.
    """
    return KnobPanel(scenario, seed, view)


def choices(
    title: str, offered: Mapping[str, Sequence[str]], make: Callable[..., Any], *, view: Callable[[Any], Any],
    meanings: Mapping[str, str] | None = None, sliders: Iterable[str] = (),
) -> ChoicePanel:
    """A panel with a choice for each thing that may be changed, and a button that does it.

    Args:
        title: what is chosen.
        offered: the values of each thing, the first one chosen.
        make: is given what is chosen, by name; gives what is shown.
        view: how to show it.
        meanings: a line for each thing.
        sliders: things that are chosen with a slider, since their values are steps of one scale.

    Returns:
        A panel. `choose(name=value, ...)` chooses from code, `start()` does it, `result` is the newest result.
    """
    told = meanings or {}
    return ChoicePanel(title, {name: Choice(tuple(values), values[0], told.get(name, ""))
                               for name, values in offered.items()}, make, view, sliders)


def heat_map(table: Any, other: Any = None, *, on_choose: Callable[[Any, Any], None] | None = None) -> Any:
    """A table of calls by NAT behaviour whose cells can be clicked, or walked with the arrow keys.

    Args:
        table, other: as in `views.heat_map_text`.
        on_choose: is given row and column of each cell that is chosen.

    Returns:
        A widget. `choose(row, column)` chooses from code, by name or by what stands in the table; `chosen` is the row
        and column, `why` what became of that call. `str()` gives the text form.
    """
    if not widgets_here():
        return Picture(heat_map_html(table, other), heat_map_text(table, other))
    return grid_class()(table, other, on_choose)


def paths(shown: Any, session: str | None = None) -> Picture:
    """What MSRP's addresses say on each leg: a=path, c= and m=, To-Path, From-Path."""
    report = report_of(shown)
    return Picture(paths_html(report, session), paths_text(report, session))


def floors(shown: Any) -> Picture:
    """Who asks for a floor, waits for it and holds it, over time: see `views.floor_rows`."""
    report = report_of(shown)
    return Picture(floors_html(report), floors_text(report))


def beside(shown: Mapping[str, Any], **chosen: Any) -> Picture:
    """Two captures beside one another, aligned.

    Args:
        shown: two runs or reports, by the names to show.
        chosen: as in `views.beside_rows`: `since` and `until` in seconds, `wires`, `protocols`.
    """
    reports = {name: report_of(one) for name, one in shown.items()}
    return Picture(beside_html(reports, **chosen), beside_text(reports, **chosen))


def endings(shown: Mapping[str, Any]) -> Picture:
    """How the connections of calls end: a row for each run or report, by the names to show; see `views.endings`."""
    reports = {name: report_of(one) for name, one in shown.items()}
    return Picture(endings_html(reports), endings_text(reports))


def journeys(shown: Any, *, texts_only: bool = False) -> Picture:
    """Which way each message of the users takes, and where it is inside TLS; see `views.journeys`."""
    report = report_of(shown)
    return Picture(journeys_html(report, texts_only=texts_only), journeys_text(report, texts_only=texts_only))


def overview(shown: Any, outcome: Any = None, *, between: Iterable[str] | None = None) -> Picture:
    """One picture of a call: what came of it, what the gateways do with TCP, the bindings of the NATs, the ladder.

    Args:
        shown: a run or a report.
        outcome: has `works` and `why`; by default the verdicts of the run, if it has some.
        between: as in `views.ladder_rows`.
    """
    report = report_of(shown)
    names = list(between) if between is not None else None
    wide = width_of(ladder_lanes(report, ladder_rows(report, names)))
    parts = [Picture(bearers_html(report), bearers_text(report)),
             Picture(f'<style>{_STAGE}</style><div class="wb-stage" style="--wide:{wide}px" tabindex="0" role="region" '
                     f'aria-label="ladder">{ladder_svg(report, names)}</div>', ladder_text(report, names))]
    if outcome is not None:
        said = f"{'It works' if outcome.works else 'It does not work'}: {outcome.why}"
        parts.insert(0, Picture(verdict_html(outcome.works, said), said))
    elif getattr(shown, "verdicts", ()):
        parts.insert(0, verdicts(shown))
    return Picture("".join(part._repr_html_() for part in parts), "\n\n".join(map(str, parts)))


def encodings(source: str, *, on_change: Callable[[Any], None] | None = None) -> EncodingsPanel:
    """An H.248 message to type at, and what it is in long text, in short text and in binary.

    Args:
        source: the message to begin with, in long or short text.
        on_change: is given each message tree that could be read.

    Returns:
        A panel. `write(text)` changes the message from code; `found` is the newest `views.Encodings`, None while what
        stands there is no message, and `error` says why, with line and column.
    """
    return EncodingsPanel(source, on_change)


def exercise(
    prompt: str, check: Callable[[Any], bool], solution: str, *, explanation: str = "", choices: Iterable[str] = (),
) -> Exercise:
    """A question that checks its own answer.

    Args:
        prompt: the question.
        check: tells whether an answer is right; an error that it raises counts as no.
        solution: one right answer, folded away until asked for.
        explanation: why; shown with the solution and after a right answer.
        choices: answers to choose from; a text field without them.

    Returns:
        An exercise: call `.answer(value)` in a cell, or type into the panel. `.solved` tells whether it was right.
    """
    return Exercise(prompt, check, solution, explanation, tuple(choices))
