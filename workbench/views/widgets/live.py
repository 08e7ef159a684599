"""The widgets that follow a reader's clicks and keys, and their scripts. None of them fetches anything."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.analysis.explain import explain_message
from workbench.views.ladder import ladder_lanes, ladder_rows, ladder_text
from workbench.views.ladder_picture import HEAD_SCRIPT, HEAD_STYLE, SVG_STYLE, draw, head_html
from workbench.views.octets import OCTETS_SCRIPT, OCTETS_STYLE, octets_html
from workbench.views.palette import escape, themed
from workbench.views.steps import STATE_STYLE, state_html, step_text, steps

if TYPE_CHECKING:
    from workbench.analysis.report import Report

ROOT_STYLE = themed(".wb-widget") + """
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

LADDER_SCRIPT = OCTETS_SCRIPT + HEAD_SCRIPT + """
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

STEPPER_SCRIPT = OCTETS_SCRIPT + """
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

SHOWN_SCRIPT = OCTETS_SCRIPT + """
function render({model,el}){const root=document.createElement('div');root.className='wb-widget shown';
  root.tabIndex=0;root.setAttribute('role','region');root.setAttribute('aria-label','octets and their explanation');
  root.innerHTML=model.get('markup');el.append(root);wbOctets(root);}
export default {render};
"""


@cache
def classes() -> dict[str, Any]:
    """The widget classes, made when the first widget is: anywidget takes its time to load."""
    anywidget: Any = import_module("anywidget")
    traitlets: Any = import_module("traitlets")

    class Ladder(anywidget.AnyWidget):  # type: ignore[misc]
        """See `ladder`."""

        _esm = LADDER_SCRIPT
        _css = ROOT_STYLE + HEAD_STYLE + SVG_STYLE + OCTETS_STYLE
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

        _esm = STEPPER_SCRIPT
        _css = ROOT_STYLE + STATE_STYLE + OCTETS_STYLE
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

        _esm = SHOWN_SCRIPT
        _css = ROOT_STYLE
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
