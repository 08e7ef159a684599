"""A fax page that fills row by row as time goes on. Its script fetches nothing."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from workbench.views.arriving import Arriving
from workbench.views.pages import picture_uri
from workbench.views.widgets.live import ROOT_STYLE

_STYLE = ROOT_STYLE + """
.wb-widget .paper{position:relative;max-width:44em;border:1px solid var(--wb-line);background:#fff;line-height:0}
.wb-widget .paper img{width:100%;height:auto;margin:0}
.wb-widget .paper .open{position:absolute;left:0;right:0;bottom:0;background:var(--wb-panel)}
"""
ARRIVING_SCRIPT = """
function render({model,el}){
  const root=document.createElement('div');root.className='wb-widget';root.setAttribute('role','group');
  root.setAttribute('aria-label','a page as it arrives');
  root.innerHTML='<div class="bar"><button class="step" type="button">Play</button>'+
    '<input type="range" step="any" aria-label="seconds"><span role="status"></span></div>'+
    '<div class="paper"><img><div class="open"></div></div>';
  el.append(root);
  const play=root.querySelector('button'),range=root.querySelector('input'),said=root.querySelector('[role=status]'),
    image=root.querySelector('img'),open=root.querySelector('.open');
  let timer=null;
  const rows=t=>{const times=model.get('times');let a=0,b=times.length;
    while(a<b){const m=(a+b)>>1;if(times[m]<=t)a=m+1;else b=m;}return a;};
  const cover=()=>{const t=model.get('seconds'),n=model.get('times').length;
    open.style.height=n?100*(1-rows(t)/n)+'%':'0';range.value=t;
    range.setAttribute('aria-valuetext',t.toFixed(1)+' s, row '+rows(t)+' of '+n);};
  const tell=()=>{said.textContent=model.get('said');};
  const go=t=>{model.set('seconds',t);model.save_changes();cover();};
  const stop=()=>{if(timer)clearInterval(timer);timer=null;play.textContent='Play';};
  const fill=()=>{range.min=model.get('begin');range.max=model.get('end');image.src=model.get('picture');
    image.alt=model.get('told');cover();tell();};
  play.addEventListener('click',()=>{if(timer){stop();return;}
    play.textContent='Stop';let t=model.get('seconds');if(t>=model.get('end'))t=model.get('begin');
    const pace=(model.get('end')-model.get('begin'))/60;
    timer=setInterval(()=>{t+=pace;if(t>=model.get('end')){t=model.get('end');stop();}go(t);},100);});
  range.addEventListener('input',()=>{stop();go(Number(range.value));});
  model.on('change:seconds',cover);model.on('change:said',tell);model.on('change:picture',fill);fill();
  return stop;
}
export default {render};
"""


@cache
def arriving_class() -> Any:
    """The widget class, made when the first widget is."""
    anywidget: Any = import_module("anywidget")
    traitlets: Any = import_module("traitlets")

    class ArrivingPage(anywidget.AnyWidget):  # type: ignore[misc]
        """See `arriving`."""

        _esm = ARRIVING_SCRIPT
        _css = _STYLE
        picture = traitlets.Unicode("").tag(sync=True)
        told = traitlets.Unicode("").tag(sync=True)
        times = traitlets.List(traitlets.Float()).tag(sync=True)
        begin = traitlets.Float(0.0).tag(sync=True)
        end = traitlets.Float(0.0).tag(sync=True)
        seconds = traitlets.Float(0.0).tag(sync=True)
        said = traitlets.Unicode("").tag(sync=True)

        def __init__(self, shown: Arriving) -> None:
            self.shown = shown
            page = shown.page
            super().__init__(
                picture=picture_uri(page.bitmap), told=f"{page.where}: {'; '.join(page.said())}",
                times=list(shown.times), begin=shown.begin, end=shown.end, seconds=shown.end,
                said=shown.said_at(shown.end))

        @traitlets.observe("seconds")  # type: ignore[untyped-decorator]
        def _moved(self, change: Any) -> None:
            self.said = self.shown.said_at(change["new"])

        @property
        def rows(self) -> int:
            """How many rows are there at the chosen moment."""
            return self.shown.rows_at(self.seconds)

        def __str__(self) -> str:
            return self.shown.text()

    return ArrivingPage
