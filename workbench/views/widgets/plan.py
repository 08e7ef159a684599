"""The work plan with fields to filter it by."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from workbench.views.plan_table import plan_entries, plan_html, plan_text
from workbench.views.widgets.pictures import widgets_here

_FILTERS: Mapping[str, tuple[str, ...]] = {
    "rows": ("status", "part", "spec"), "requirements": ("status", "form"), "gaps": ("status", "interface", "met_by")}
_TITLES = {"part": "part", "spec": "spec", "form": "form", "interface": "on", "met_by": "met by", "status": "status"}


class PlanPanel:
    """See `plan`."""

    def __init__(self, document: Mapping[str, Any], table: str) -> None:
        self.document = document
        self.table = table
        self.text = ""
        self.wanted: dict[str, str] = dict.fromkeys(_FILTERS[table], "")

    def choose(self, text: str = "", **wanted: str) -> list[dict[str, Any]]:
        """Filter from code, fields as in `views.plan_entries`; the entries that are left. Raises KeyError."""
        for name in wanted:
            if name not in self.wanted:
                raise KeyError(f"{name}: this table is filtered by {', '.join(self.wanted)}")
        self.text, self.wanted = text, {**dict.fromkeys(self.wanted, ""), **wanted}
        return self.entries

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What is shown now."""
        return plan_entries(self.document, self.table, self.text, **self.wanted)

    def __str__(self) -> str:
        return plan_text(self.document, self.table, self.text, **self.wanted)

    def __repr__(self) -> str:
        return str(self)

    def _html(self) -> str:
        return plan_html(self.document, self.table, self.text, **self.wanted)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not widgets_here():
            return {"text/plain": str(self), "text/html": self._html()}
        return self._panel()._repr_mimebundle_(**kwargs)

    def _values(self, name: str) -> list[str]:
        found = (entry.get(name, "") for entry in self.document[self.table])
        return sorted({one for value in found for one in (value.split() if name == "interface" else [value]) if one})

    def _panel(self) -> Any:
        w: Any = import_module("ipywidgets")
        shown = w.HTML(self._html())
        words = w.Text(description="words", value=self.text, continuous_update=False)
        fields = {name: w.Dropdown(description=_TITLES[name], value=self.wanted[name],
                                   options=[("all", ""), *((value, value) for value in self._values(name))])
                  for name in self.wanted}

        def filtered(_: Any) -> None:
            self.choose(words.value, **{name: field.value for name, field in fields.items()})
            shown.value = self._html()

        for field in (words, *fields.values()):
            field.observe(filtered, names="value")
        return w.VBox([w.HBox([words, *fields.values()]), shown])


def plan(shown: Any, table: str = "rows") -> PlanPanel:
    """A table of the work plan, to be filtered.

    Args:
        shown: what `workplan.gather` gives, or its JSON document.
        table: `rows`, `requirements` or `gaps`.

    Returns:
        A panel. `choose(text, status=...)` filters from code, `entries` is what is left, `str()` the text form.
    """
    return PlanPanel(shown if isinstance(shown, Mapping) else shown.to_json(), table)
