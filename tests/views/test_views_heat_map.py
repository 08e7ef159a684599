"""Calls by NAT behaviour: states, signs, words, and the widget whose cells tell why."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from view_samples import HOSTILE

from workbench.errors import ScenarioError
from workbench.views import heat_map_html, heat_map_text, widgets
from workbench.views.heat_map import BOTH, GAINED, LOST, NEITHER, heat_cells, summary
from workbench.views.widgets import grid

NAMES = ("EI/EI", "APD/APD")


def table(title: str, *works: tuple[bool, bool]) -> Any:
    cells = tuple(tuple(SimpleNamespace(works=one, why=f"{title} {at}{place}") for place, one in enumerate(row))
                  for at, row in enumerate(works))
    return SimpleNamespace(title=title, rows=NAMES, columns=NAMES, cells=cells)


OFFERED = table("as offered", (True, False), (True, False))
MODIFIED = table("modified", (True, True), (False, False))


def test_one_table_has_two_states() -> None:
    """A call works or not, and each cell keeps its reason."""
    cells = heat_cells(OFFERED)
    assert [[cell.state for cell in row] for row in cells] == [[BOTH, NEITHER], [BOTH, NEITHER]]
    assert cells[0][1].why == "as offered 01" and (cells[1][0].row, cells[1][0].column) == ("APD/APD", "EI/EI")
    assert summary(OFFERED) == "as offered: 2 of 4 calls work"


def test_two_tables_tell_what_changes() -> None:
    """What works in both, what is gained, what is lost; the reasons of both stand side by side."""
    cells = heat_cells(OFFERED, MODIFIED)
    assert [[cell.state for cell in row] for row in cells] == [[BOTH, GAINED], [LOST, NEITHER]]
    assert cells[0][1].why == "first: as offered 01. Second: modified 01"
    assert summary(OFFERED, MODIFIED) == "as offered: 2 of 4 calls work; modified: 2 of 4"


def test_text_form_has_signs_and_their_meaning() -> None:
    """Each state has a sign of its own, told without colour; only those that occur are explained."""
    said = heat_map_text(OFFERED, MODIFIED)
    assert re.search(r"^EI/EI\s+yes\s+new$", said, re.MULTILINE)
    assert re.search(r"^APD/APD\s+lost\s+\.$", said, re.MULTILINE)
    assert "new: works in the second only" in said
    assert "lost:" not in heat_map_text(OFFERED) and "RFC 4787" in said


def test_html_form() -> None:
    """Head cells have a scope, every cell its sentence; with buttons each can be reached and has a name."""
    markup = heat_map_html(OFFERED, MODIFIED)
    assert markup.count("<th ") == markup.count("scope=") == 5
    assert "UE A behind EI/EI, UE B behind APD/APD: works in the second only." in markup
    live = heat_map_html(OFFERED, buttons=True)
    assert live.count("<button") == live.count("aria-label=") == live.count('aria-pressed="false"') == 4


def test_hostile_names_stay_text() -> None:
    """A reason full of markup opens no element."""
    shown = table(HOSTILE, (True, False), (True, False))
    assert "<script>" not in heat_map_html(shown) and "\x1b" not in heat_map_text(shown)


def test_choosing_a_cell_tells_why() -> None:
    """A click (or code) chooses; the widget says why, and tells who listens which pair it is."""
    heard: list[Any] = []
    widget = widgets.heat_map(OFFERED, MODIFIED, on_choose=lambda *pair: heard.append(pair))
    assert widget.chosen is None and widget.why == ""
    widget.choose("EI/EI", "APD/APD")
    assert widget.selected == 1 and widget.chosen == NAMES and heard == [NAMES]
    assert "works in the second only" in widget.why and widget.why in str(widget)
    widget.selected = 99
    assert widget.chosen is None and widget.why == ""
    with pytest.raises(ScenarioError, match="there is no XX"):
        widget.choose("XX", "EI/EI")


def test_the_script_fetches_nothing() -> None:
    """No address, no import."""
    assert not re.search(r"https?:|\bimport\b|\bfetch\b|XMLHttpRequest", grid.GRID_SCRIPT)


def test_without_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table as a picture."""
    monkeypatch.setattr(widgets, "widgets_here", lambda: False)
    assert str(widgets.heat_map(OFFERED)) == heat_map_text(OFFERED)
