"""The table of calls behind NATs whose cells tell why."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from workbench.errors import ScenarioError
from workbench.views.heat_map import HEAT_STYLE, Table, heat_cells, heat_map_html, heat_map_text, spoken

# One cell of the table is in the tab order; arrow keys go on from there, as in a grid.
GRID_SCRIPT = """
function render({model,el}){
  const root=document.createElement('div');root.innerHTML=model.get('markup');
  const why=document.createElement('p');why.className='why';why.setAttribute('role','status');
  root.querySelector('.wb-heat').append(why);el.append(root);
  const all=[...root.querySelectorAll('button.c')],wide=model.get('wide');
  const mark=()=>{const s=model.get('selected');all.forEach((b,i)=>{
    b.setAttribute('aria-pressed',i===s?'true':'false');b.tabIndex=i===Math.max(0,s)?0:-1;});};
  const choose=i=>{model.set('selected',i);model.save_changes();mark();};
  all.forEach((b,i)=>b.addEventListener('click',()=>choose(i)));
  root.addEventListener('keydown',e=>{const i=all.indexOf(e.target);if(i<0)return;
    const step={ArrowLeft:-1,ArrowRight:1,ArrowUp:-wide,ArrowDown:wide}[e.key];if(!step)return;
    e.preventDefault();e.stopPropagation();
    if(Math.abs(step)===1&&Math.floor(i/wide)!==Math.floor((i+step)/wide))return;
    const next=all[i+step];if(next){next.focus();choose(i+step);}});
  const show=()=>{why.textContent=model.get('why')||'Choose a cell: click it, or walk with Tab and the arrow keys.';};
  model.on('change:selected',mark);model.on('change:why',show);mark();show();
}
export default {render};
"""


@cache
def grid_class() -> Any:
    """The widget class, made when the first one is: anywidget takes its time to load."""
    anywidget: Any = import_module("anywidget")
    traitlets: Any = import_module("traitlets")

    class Grid(anywidget.AnyWidget):  # type: ignore[misc]
        """See `heat_map`."""

        _esm = GRID_SCRIPT
        _css = HEAT_STYLE
        markup = traitlets.Unicode("").tag(sync=True)
        why = traitlets.Unicode("").tag(sync=True)
        wide = traitlets.Int(0).tag(sync=True)
        selected = traitlets.Int(-1).tag(sync=True)

        def __init__(self, table: Table, other: Table | None, on_choose: Callable[[Any, Any], None] | None) -> None:
            self.table = table
            self.other = other
            self.cells = [cell for row in heat_cells(table, other) for cell in row]
            self._on_choose = on_choose
            super().__init__(markup=heat_map_html(table, other, buttons=True, style=False), wide=len(table.columns))

        @traitlets.observe("selected")  # type: ignore[untyped-decorator]
        def _explain(self, change: Any) -> None:
            if not 0 <= change["new"] < len(self.cells):
                self.why = ""
                return
            self.why = spoken(self.cells[change["new"]], two=self.other is not None)
            chosen = self.chosen
            if self._on_choose is not None and chosen is not None:
                self._on_choose(*chosen)

        @property
        def chosen(self) -> tuple[Any, Any] | None:
            """Row and column of the chosen cell, as they stand in the table; None where none is chosen."""
            if not 0 <= self.selected < len(self.cells):
                return None
            return self.table.rows[self.selected // self.wide], self.table.columns[self.selected % self.wide]

        def choose(self, row: object, column: object) -> Any:
            """Choose a cell, as a click does. Raises ScenarioError for a name that is not there."""
            names = [[str(name) for name in side] for side in (self.table.rows, self.table.columns)]
            for name, side in zip((row, column), names, strict=True):
                if str(name) not in side:
                    raise ScenarioError(f"there is no {name} in this table; there are {', '.join(side)}")
            self.selected = names[0].index(str(row)) * self.wide + names[1].index(str(column))
            return self

        def __str__(self) -> str:
            return heat_map_text(self.table, self.other) + (f"\n\n{self.why}" if self.why else "")

    return Grid
