"""Ladder, stepper, octets, roles, timeline, sequences, knobs and exercises for JupyterLab. They draw finished values.

Rows, steps and explanations come from the pure functions of this package; here they only meet buttons. Without
anywidget the same pictures show themselves as HTML, and everything prints as text. No script is fetched.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from workbench.analysis.explain import explain_frame, explain_message
from workbench.errors import PeerError
from workbench.views.bearers import bearers_html, bearers_text
from workbench.views.encodings import encodings as encodings_of
from workbench.views.encodings import encodings_html, encodings_text, error_text
from workbench.views.ladder import (
    HEAD_SCRIPT,
    HEAD_STYLE,
    SVG_STYLE,
    draw,
    head_html,
    ladder_lanes,
    ladder_rows,
    ladder_svg,
    ladder_text,
)
from workbench.views.octets import OCTETS_SCRIPT, OCTETS_STYLE, octets_html, octets_text
from workbench.views.palette import escape, themed
from workbench.views.roles import roles_html, roles_text
from workbench.views.steps import STATE_STYLE, state_html, step_text, steps

if TYPE_CHECKING:
    from workbench.analysis.report import Report

_LONGEST_MESSAGE = 65_536
"""Characters of a message that is typed."""


class Picture:
    """HTML for a notebook and text for a terminal: what every view is where no widget can be."""

    def __init__(self, markup: str, text: str) -> None:
        self._markup = markup
        self._text = text

    def _repr_html_(self) -> str:
        return self._markup

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text


class Drawn:
    """A plotly figure in a notebook, and text in a terminal. `figure` is the figure."""

    def __init__(self, figure: Any, text: str) -> None:
        self.figure = figure
        self._text = text

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return {**self.figure._repr_mimebundle_(**kwargs), "text/plain": self._text}

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text


def ladder(shown: Any, between: Iterable[str] | None = None, session: str | None = None) -> Any:
    """A ladder whose messages can be clicked, or walked with Tab and the arrow keys.

    Args:
        shown: a run or a report.
        between, session: as in `views.ladder_rows`.

    Returns:
        A widget. `selected` is the index in `Report.messages` of the chosen message (-1: none) and can be set and
        observed; `detail` is the HTML of its explanation; `message` is the message itself. `str()` gives the text form.
    """
    report = _report(shown)
    names = list(between) if between is not None else None
    if not _widgets_here():
        return Picture(ladder_svg(report, names, session, link=lambda row: f"#m{row.message}"),
                       ladder_text(report, names, session))
    return _classes()["Ladder"](report, names, session)


def stepper(shown: Any, session: str | None = None) -> Any:
    """One message at a time: previous and next (buttons or arrow keys), its explanation, every node's state so far.

    Returns:
        A widget. `position` is the index of the step and can be set and observed; `step` is the step itself.
    """
    report = _report(shown)
    if not _widgets_here():
        found = steps(report, session)
        return Picture("".join(f"<pre>{escape_lines(step_text(step))}</pre>" for step in found),
                       "\n\n".join(map(step_text, found)))
    return _classes()["Stepper"](report, session)


def octets(shown: Any, frame: int | None = None, message: int | None = None, *, meanings: bool = True) -> Any:
    """One frame, or one message, octet by octet.

    Args:
        shown: a run or a report.
        frame: number of the frame, from 1.
        message: index in `Report.messages`, instead of a frame.
        meanings: as in `views.octets_text`, for the text form.
    """
    report = _report(shown)
    if message is not None:
        explained: Any = explain_message(report, report.messages[message])
    else:
        explained = explain_frame(report, frame or 1)
    text = octets_text(explained, meanings=meanings)
    if not _widgets_here():
        return Picture(octets_html(explained), text)
    return _classes()["Shown"](octets_html(explained, script=False), text)


def roles(shown: Any, session: str | None = None) -> Picture:
    """The role table of each media leg."""
    report = _report(shown)
    return Picture(roles_html(report, session), roles_text(report, session))


def bearers(shown: Any, session: str | None = None) -> Picture:
    """What each gateway does with TCP, and why we say so; the bindings of the NATs."""
    report = _report(shown)
    text = bearers_text(report, session)
    return Picture(bearers_html(report, session) or f"<p>{escape(text)}</p>", text)


def timeline(shown: Any, session: str | None = None) -> Any:
    """Messages over time as a plotly figure, a line a wire; see `views.timeline`."""
    from workbench.views.timeline import timeline_figure

    return timeline_figure(_report(shown), session)


def sequences(shown: Any, session: str | None = None) -> Any:
    """Sequence numbers on both sides of the gateway, over each other, as a plotly figure; see `views.sequences`."""
    from workbench.views.sequences import sequences_figure, sequences_html, sequences_text

    report = _report(shown)
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


class Exercise:
    """See `exercise`."""

    def __init__(
        self, prompt: str, check: Callable[[Any], bool], solution: str, explanation: str, choices: tuple[str, ...],
    ) -> None:
        self.prompt = prompt
        self.solution = solution
        self.explanation = explanation
        self.choices = choices
        self.solved = False
        self._check = check

    def answer(self, value: Any) -> Picture:
        """Check an answer; the result shows itself."""
        # A learner's answer may be of any type, and the check need not be ready for all of them.
        try:
            right = bool(self._check(value))
        except Exception:
            right = False
        self.solved = self.solved or right
        said = f"Right. {self.explanation}".strip() if right else "Not yet. Look again, or unfold the solution."
        return Picture(_verdict_html(right, said), said)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not _widgets_here():
            return {"text/plain": str(self), "text/html": self._static_html()}
        return self._panel()._repr_mimebundle_(**kwargs)

    def _static_html(self) -> str:
        return (f"<p><b>Exercise.</b> {escape(self.prompt)}</p><details><summary>Solution</summary>"
                f"<p>{escape(self.solution)} {escape(self.explanation)}</p></details>")

    def _panel(self) -> Any:
        w: Any = import_module("ipywidgets")
        question = w.HTML(f"<p><b>Exercise.</b> {escape(self.prompt)}</p>")
        field = (w.RadioButtons(options=list(self.choices), value=None, description="Answer") if self.choices
                 else w.Text(description="Answer", continuous_update=False))
        button = w.Button(description="Check", tooltip="Check the answer")
        result = w.HTML()
        folded = w.HTML(f"<details><summary>Solution</summary><p>{escape(self.solution)} "
                        f"{escape(self.explanation)}</p></details>")

        def check(_: Any) -> None:
            result.value = self.answer(field.value)._repr_html_()

        button.on_click(check)
        return w.VBox([question, field, button, result, folded])

    def __str__(self) -> str:
        choices = f"\nChoices: {', '.join(self.choices)}" if self.choices else ""
        return f"Exercise: {self.prompt}{choices}"

    def __repr__(self) -> str:
        return str(self)


class KnobPanel:
    """See `knobs`."""

    def __init__(self, scenario: Any, seed: int, view: Callable[[Any], Any] | None) -> None:
        self.scenario = scenario
        self.seed = seed
        self.run: Any = None
        self.error = ""
        self.chosen: dict[str, str] = {name: knob.default for name, knob in scenario.knobs.items()}
        self._touched: dict[str, str] = {}
        self._view = view

    def choose(self, **values: str) -> KnobPanel:
        """Set knobs; a value that can't be is reported by `start`."""
        self._touched.update(values)
        self.chosen.update(values)
        return self

    def start(self) -> Any:
        """Run the scenario with the chosen knobs. The run; raises ScenarioError where the choice can't be."""
        self.run = self.scenario.run(seed=self.seed, **self._touched)
        return self.run

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not _widgets_here():
            return {"text/plain": str(self)}
        return self._panel()._repr_mimebundle_(**kwargs)

    def _panel(self) -> Any:
        from workbench.errors import ScenarioError

        w: Any = import_module("ipywidgets")
        wide = {"description_width": "9em"}
        fields = {
            name: w.ToggleButtons(options=list(knob.allowed), value=self.chosen[name], description=name,
                                  tooltips=[knob.meaning] * len(knob.allowed), style=wide)
            for name, knob in self.scenario.knobs.items()
        }
        notes = {name: w.HTML(f"<span style='opacity:.85'>{escape(knob.meaning)}</span>")
                 for name, knob in self.scenario.knobs.items()}
        button = w.Button(description="Run", button_style="primary", tooltip="Run the scenario with these knobs")
        result = w.HTML()

        def start(_: Any) -> None:
            self.choose(**{name: field.value for name, field in fields.items()
                           if name in self._touched or field.value != self.scenario.knobs[name].default})
            try:
                run = self.start()
            except ScenarioError as error:
                self.error = str(error)
                result.value = _verdict_html(False, str(error))
                return
            self.error = ""
            result.value = _html_of(self._view(run) if self._view is not None else verdicts(run))

        button.on_click(start)
        rows = [part for name in fields for part in (fields[name], notes[name])]
        return w.VBox([*rows, button, result])

    def __str__(self) -> str:
        lines = [f"knobs of {self.scenario.id}:"]
        lines += [f"  {name} = {self.chosen[name]} ({' | '.join(knob.allowed)}): {knob.meaning}"
                  for name, knob in self.scenario.knobs.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


class EncodingsPanel:
    """See `encodings`."""

    def __init__(self, source: str, on_change: Callable[[Any], None] | None = None) -> None:
        self.source = ""
        self.found: Any = None
        self.error = ""
        self._on_change = on_change
        self.write(source)

    def write(self, source: str) -> Any:
        """Take another message; what it is in every encoding, or None if it is none."""
        self.source, self.found, self.error = source, None, ""
        if len(source) > _LONGEST_MESSAGE:
            self.error = f"longer than {_LONGEST_MESSAGE} characters"
            return None
        try:
            self.found = encodings_of(source)
        except PeerError as error:
            self.error = error_text(error, source)
            return None
        if self._on_change is not None:
            self._on_change(self.found.message)
        return self.found

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not _widgets_here():
            return {"text/plain": str(self), "text/html": self._markup()}
        return self._panel()._repr_mimebundle_(**kwargs)

    def _markup(self) -> str:
        return encodings_html(self.found) if self.found is not None else _verdict_html(False, self.error)

    def _panel(self) -> Any:
        w: Any = import_module("ipywidgets")
        field = w.Textarea(
            value=self.source, rows=min(self.source.count("\n") + 2, 28), description="Message",
            layout=w.Layout(width="100%"), continuous_update=True)
        result = w.HTML(self._markup())

        def typed(change: Any) -> None:
            self.write(change["new"])
            result.value = self._markup()

        field.observe(typed, "value")
        return w.VBox([field, result])

    def __str__(self) -> str:
        return encodings_text(self.found) if self.found is not None else self.error

    def __repr__(self) -> str:
        return str(self)


def verdicts(run: Any) -> Picture:
    """The expectations of a run with their verdicts and frames."""
    lines = [f"{verdict.verdict:12}  {verdict.name}"
             f"{'  frames ' + ', '.join(map(str, verdict.frames[:8])) if verdict.frames else ''}"
             f"{chr(10) + ' ' * 14 + verdict.reason if verdict.reason else ''}" for verdict in run.verdicts]
    rows = "".join(
        f'<tr><td class="{verdict.verdict}">{escape(verdict.verdict)}</td><td>{escape(verdict.name)}'
        f"{'<br>' + escape(verdict.reason) if verdict.reason else ''}</td>"
        f"<td>{escape(', '.join(map(str, verdict.frames[:8])))}</td></tr>" for verdict in run.verdicts)
    return Picture(
        f"<style>{_VERDICT_STYLE}</style>"
        '<table class="wb-verdicts"><thead><tr><th scope="col">verdict</th><th scope="col">expectation</th>'
        f'<th scope="col">frames</th></tr></thead><tbody>{rows}</tbody></table>', "\n".join(lines))


_VERDICT_STYLE = themed(".wb-verdicts") + """
.wb-verdicts{background:var(--wb-paper);color:var(--wb-ink);border-radius:4px}
.wb-verdicts td,.wb-verdicts th{text-align:left!important;padding:.2em .7em;vertical-align:top}
.wb-verdicts .pass{color:var(--wb-good);font-weight:600}
.wb-verdicts .fail{color:var(--wb-bad);font-weight:600}
.wb-verdicts .inconclusive{color:var(--wb-unsure);font-weight:600}
"""


def escape_lines(text: str) -> str:
    """Lines of our own text views, made safe for a `pre` element (line ends stay)."""
    return html.escape(text)


def _verdict_html(right: bool, said: str) -> str:
    return (f'<style>{_VERDICT_STYLE}</style><p class="wb-verdicts" role="status" style="padding:.4em .7em">'
            f'<span class="{"pass" if right else "fail"}">{escape(said)}</span></p>')


def _html_of(shown: Any) -> str:
    markup = getattr(shown, "_repr_html_", None)
    return str(markup()) if markup is not None else f"<pre>{escape_lines(str(shown))}</pre>"


def _report(shown: Any) -> Report:
    report: Report = getattr(shown, "report", shown)
    return report


def _widgets_here() -> bool:
    return find_spec("anywidget") is not None


_ROOT_STYLE = themed(".wb-widget") + """
.wb-widget{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;
font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-widget .stage{display:grid;grid-template-columns:minmax(0,3fr) minmax(20em,2fr);gap:1em;align-items:start}
.wb-widget .stage.narrow{grid-template-columns:minmax(0,1fr)}
.wb-widget .stage.narrow .picture{max-height:26em}
.wb-widget .picture,.wb-widget .detail{overflow:auto;max-height:36em}
.wb-widget .detail{padding:.2em .6em}
.wb-widget .detail h4{margin:.4em 0;overflow-wrap:anywhere}
.wb-widget .detail p{margin:.3em 0;color:var(--wb-quiet)}
.wb-widget.shown{max-height:44em;overflow:auto}
.wb-widget .bar{display:flex;gap:.6em;align-items:center;padding:.4em 0;flex-wrap:wrap}
.wb-widget button.step{font:inherit;color:var(--wb-ink);background:var(--wb-panel);border:1px solid var(--wb-line);
border-radius:6px;padding:.3em .9em;cursor:pointer}
.wb-widget button.step:disabled{color:var(--wb-quiet);cursor:default}
.wb-widget :focus-visible{outline:2px solid var(--wb-accent);outline-offset:1px}
.wb-widget input[type=range]{flex:1;min-width:8em;accent-color:var(--wb-accent)}
"""

_LADDER_SCRIPT = OCTETS_SCRIPT + HEAD_SCRIPT + """
function render({model,el}){
  const root=document.createElement('div');root.className='wb-widget';
  const stage=document.createElement('div');stage.className='stage';
  const picture=document.createElement('div');picture.className='picture';
  const detail=document.createElement('div');detail.className='detail';
  detail.setAttribute('role','region');detail.setAttribute('aria-label','explanation of the chosen message');
  detail.setAttribute('aria-live','polite');detail.tabIndex=0;
  stage.append(picture,detail);root.append(stage);el.append(root);
  picture.innerHTML=model.get('svg');wbOctets(detail);wbHead(picture);
  const all=()=>[...picture.querySelectorAll('.wb-m')];
  const mark=()=>{const s=String(model.get('selected'));all().forEach(m=>{
    m.setAttribute('aria-pressed',m.dataset.message===s?'true':'false');});};
  const show=()=>{detail.innerHTML=model.get('detail');detail.scrollTop=0;};
  const choose=m=>{model.set('selected',Number(m.dataset.message));model.save_changes();mark();};
  picture.addEventListener('click',e=>{const m=e.target.closest('.wb-m');if(m)choose(m);});
  picture.addEventListener('keydown',e=>{const m=e.target.closest('.wb-m');if(!m)return;
    if(e.key==='Enter'||e.key===' '){e.preventDefault();choose(m);}
    else if(e.key==='ArrowDown'||e.key==='ArrowUp'){e.preventDefault();e.stopPropagation();
      const l=all(),n=l[l.indexOf(m)+(e.key==='ArrowDown'?1:-1)];if(n){n.focus();choose(n);}}});
  model.on('change:selected',mark);model.on('change:detail',show);
  model.on('change:svg',()=>{picture.innerHTML=model.get('svg');wbHead(picture);mark();});
  const fit=()=>stage.classList.toggle('narrow',root.clientWidth<1400);
  const watch=new ResizeObserver(fit);watch.observe(root);mark();show();fit();
  return ()=>watch.disconnect();
}
export default {render};
"""

_STEPPER_SCRIPT = OCTETS_SCRIPT + """
function render({model,el}){
  const root=document.createElement('div');root.className='wb-widget';root.setAttribute('role','group');
  root.setAttribute('aria-label','message stepper');
  root.innerHTML='<div class="bar"><button class="step" type="button">&#8592; Previous</button>'+
    '<button class="step" type="button">Next &#8594;</button>'+
    '<input type="range" min="0" aria-label="step"><span role="status"></span></div>'+
    '<div class="state"></div><div class="detail" tabindex="0" role="region" aria-label="explanation"></div>';
  el.append(root);
  const [back,on]=root.querySelectorAll('button'),range=root.querySelector('input'),
    said=root.querySelector('[role=status]'),state=root.querySelector('.state'),detail=root.querySelector('.detail');
  wbOctets(detail);
  const go=n=>{n=Math.max(0,Math.min(model.get('count')-1,n));model.set('position',n);model.save_changes();};
  const show=()=>{const n=model.get('position'),c=model.get('count');range.max=Math.max(0,c-1);range.value=n;
    said.textContent=model.get('label');back.disabled=n<=0;on.disabled=n>=c-1;
    range.setAttribute('aria-valuetext',model.get('label'));
    state.innerHTML=model.get('state');detail.innerHTML=model.get('detail');detail.scrollTop=0;};
  back.addEventListener('click',()=>go(model.get('position')-1));
  on.addEventListener('click',()=>go(model.get('position')+1));
  range.addEventListener('input',()=>go(Number(range.value)));
  root.addEventListener('keydown',e=>{if(e.target===range||e.target===detail)return;
    if(e.key==='ArrowRight'){e.preventDefault();go(model.get('position')+1);}
    if(e.key==='ArrowLeft'){e.preventDefault();go(model.get('position')-1);}});
  for(const name of ['position','detail','state','label','count'])model.on('change:'+name,show);
  show();
}
export default {render};
"""

_SHOWN_SCRIPT = OCTETS_SCRIPT + """
function render({model,el}){const root=document.createElement('div');root.className='wb-widget shown';
  root.tabIndex=0;root.setAttribute('role','region');root.setAttribute('aria-label','octets and their explanation');
  root.innerHTML=model.get('markup');el.append(root);wbOctets(root);}
export default {render};
"""


@cache
def _classes() -> dict[str, Any]:
    """The widget classes, made when the first widget is: anywidget takes its time to load."""
    anywidget: Any = import_module("anywidget")
    traitlets: Any = import_module("traitlets")

    class Ladder(anywidget.AnyWidget):  # type: ignore[misc]
        """See `ladder`."""

        _esm = _LADDER_SCRIPT
        _css = _ROOT_STYLE + HEAD_STYLE + SVG_STYLE + OCTETS_STYLE
        svg = traitlets.Unicode("").tag(sync=True)
        detail = traitlets.Unicode("").tag(sync=True)
        selected = traitlets.Int(-1).tag(sync=True)

        def __init__(self, report: Report, between: list[str] | None, session: str | None) -> None:
            self.report = report
            self.rows = ladder_rows(report, between, session)
            self.lanes = ladder_lanes(report, self.rows)
            self._shown = (between, session)
            svg = head_html(self.lanes) + draw(self.rows, self.lanes, style=False)
            super().__init__(svg=svg, detail="<p>Choose a message: click it, or walk with Tab and the arrow keys.</p>")

        @traitlets.observe("selected")  # type: ignore[untyped-decorator]
        def _explain(self, change: Any) -> None:
            index = change["new"]
            chosen = 0 <= index < len(self.report.messages)
            self.detail = detail_html(self.report, index) if chosen else ""

        @property
        def message(self) -> Any:
            """The chosen message, or None."""
            return self.report.messages[self.selected] if 0 <= self.selected < len(self.report.messages) else None

        def __str__(self) -> str:
            return ladder_text(self.report, *self._shown)

    class Stepper(anywidget.AnyWidget):  # type: ignore[misc]
        """See `stepper`."""

        _esm = _STEPPER_SCRIPT
        _css = _ROOT_STYLE + STATE_STYLE + OCTETS_STYLE
        position = traitlets.Int(0).tag(sync=True)
        count = traitlets.Int(0).tag(sync=True)
        label = traitlets.Unicode("").tag(sync=True)
        state = traitlets.Unicode("").tag(sync=True)
        detail = traitlets.Unicode("").tag(sync=True)

        def __init__(self, report: Report, session: str | None) -> None:
            self.report = report
            self.steps = steps(report, session)
            super().__init__(count=len(self.steps))
            self._show()

        @traitlets.observe("position")  # type: ignore[untyped-decorator]
        def _moved(self, change: Any) -> None:
            self._show()

        def _show(self) -> None:
            step = self.step
            if step is None:
                self.label = "no messages"
                return
            self.label = f"message {step.index + 1} of {len(self.steps)}"
            self.state = state_html(step, style=False)
            self.detail = detail_html(self.report, step.message.index)

        @property
        def step(self) -> Any:
            """The step that is shown, or None where there are no messages."""
            if not self.steps:
                return None
            return self.steps[max(0, min(self.position, len(self.steps) - 1))]

        def __str__(self) -> str:
            return step_text(self.step) if self.steps else "no messages"

    class Shown(anywidget.AnyWidget):  # type: ignore[misc]
        """HTML with linked octets."""

        _esm = _SHOWN_SCRIPT
        _css = _ROOT_STYLE
        markup = traitlets.Unicode("").tag(sync=True)

        def __init__(self, markup: str, text: str) -> None:
            self._text = text
            super().__init__(markup=markup)

        def __str__(self) -> str:
            return self._text

    return {"Ladder": Ladder, "Stepper": Stepper, "Shown": Shown}


def detail_html(report: Report, index: int) -> str:
    """The explanation of one message as the ladder and the stepper show it."""
    message = report.messages[index]
    frames = ", ".join(map(str, message.frames[:12]))
    marks = "".join((" · encrypted on the wire" * message.protected, " · sent again" * message.repeated,
                     f" · {escape(message.error)}" * bool(message.error)))
    comment = f"<p>{escape(message.comment)}</p>" if message.comment else ""
    layer = explain_message(report, message)
    return (f"<h4>{escape(message.protocol)} · {escape(message.summary)}</h4>"
            f"<p>{message.time:.6f} s on {escape(message.wire)}, frame {frames}{marks}<br>"
            f"{escape(message.source)} → {escape(message.destination)}</p>{comment}"
            f"{octets_html(layer, style=False, script=False, heading=False)}")
