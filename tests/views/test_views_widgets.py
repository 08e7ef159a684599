"""Widgets: traits follow the reader's choice, and each has a text form. No browser here."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from workbench import scenarios
from workbench.errors import ScenarioError
from workbench.views import widgets
from workbench.views.widgets import live


@cache
def run() -> Any:
    return scenarios.get("e2ae-msrp-originating").run(seed=1)


def test_choosing_a_message_explains_it() -> None:
    """Setting `selected`, as a click does, fills `detail` with the explanation of that message."""
    ladder = widgets.ladder(run())
    assert ladder.message is None
    index = next(m.index for m in run().report.messages if m.summary.startswith("INVITE"))
    ladder.selected = index
    assert ladder.message.index == index
    assert "Request line" in ladder.detail and "INVITE" in ladder.detail
    ladder.selected = 10**9
    assert ladder.message is None and ladder.detail == ""
    assert "INVITE" in str(ladder)


def test_the_stepper_steps() -> None:
    """Moving shows the next message and the state so far; positions outside stop at the ends."""
    stepper = widgets.stepper(run())
    first = stepper.detail
    stepper.position = 6
    assert stepper.detail != first
    assert stepper.label == f"message 7 of {len(run().report.messages)}"
    assert "offer sent (UAC)" in stepper.state
    stepper.position = 10**6
    assert stepper.step.index == len(stepper.steps) - 1


def test_octets_of_a_frame_or_a_message() -> None:
    """A frame by its number, a message by its index."""
    assert "Frame 7:" in str(widgets.octets(run(), frame=7))
    assert "SIP INVITE" in str(widgets.octets(run(), message=6))


def test_scripts_fetch_nothing() -> None:
    """The widgets' scripts hold no address and import nothing."""
    for name in ("LADDER_SCRIPT", "STEPPER_SCRIPT", "SHOWN_SCRIPT"):
        script = getattr(live, name)
        assert not re.search(r"https?:|\bimport\b|\bfetch\b|XMLHttpRequest", script)
        assert "export default" in script


def test_knobs_run_the_scenario() -> None:
    """Knobs set from code reach the run; a choice that can't be is said in words."""
    panel = widgets.knobs(scenarios.get("e2ae-msrp-originating"))
    assert "tls = 1.3 (1.3 | 1.2)" in str(panel)
    assert panel.choose(tls="1.2").start().knobs["tls"] == "1.2"
    assert panel.run.passed
    with pytest.raises(ScenarioError):
        panel.choose(tls="9").start()


def test_the_panel_shows_verdicts_and_refusals() -> None:
    """The Run button shows the verdicts; with knobs that exclude each other it shows why."""
    panel = widgets.knobs(scenarios.get("e2ae-msrp-originating"))
    box = panel._panel()
    button, result = box.children[-2:]
    button.click()
    assert "both certificates of the access leg match" in result.value
    fields = {field.description: field for field in box.children[:-2] if getattr(field, "description", "")}
    fields["nat"].value, fields["tcp_active"].value = "behind", "peer"
    panel.choose(nat="behind", tcp_active="peer")
    button.click()
    assert "work with" in result.value and panel.error


def test_an_exercise_checks_itself() -> None:
    """A wrong answer, an answer of a wrong type, and the right one; the solution passes its own check."""
    exercise = widgets.exercise("Who is the TLS server?", lambda answer: answer.upper() == "IMS-AGW", "IMS-AGW",
                                explanation="It took a=setup:passive.", choices=("UE A", "IMS-AGW"))
    assert "Not yet" in str(exercise.answer("UE A"))
    assert "Not yet" in str(exercise.answer(7)) and not exercise.solved
    assert "It took a=setup:passive." in str(exercise.answer(exercise.solution)) and exercise.solved
    assert "<details>" in exercise._static_html()
    assert "Who is the TLS server?" in str(exercise)
    assert exercise._panel().children[1].options == ("UE A", "IMS-AGW")


def test_pictures_without_widgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where anywidget is missing, the same views are HTML for a notebook and text for a terminal."""
    monkeypatch.setattr(widgets, "widgets_here", lambda: False)
    for shown in (widgets.ladder(run()), widgets.stepper(run()), widgets.octets(run(), frame=7), widgets.roles(run())):
        assert shown._repr_html_().startswith("<")
        assert "UE A" in str(shown)


def test_heavy_libraries_wait() -> None:
    """Importing the views and the widgets module loads none of anywidget, ipywidgets, plotly, polars."""
    said = subprocess.run(
        [sys.executable, "-c", "import sys, workbench.views.widgets; print([m for m in sys.modules if m in "
         "('anywidget','ipywidgets','plotly','polars','IPython')])"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_choices_run_a_function() -> None:
    """What is chosen reaches the function by name; what can't be chosen is said in words; the result is kept."""
    panel = widgets.choices("a call", {"nat": ("none", "behind"), "modified": ("no", "yes")},
                            lambda nat, modified: f"{nat} {modified}", view=lambda made: widgets.Picture(made, made),
                            meanings={"nat": "where the UE sits"})
    assert str(panel) == "a call:\n  nat = none (none | behind): where the UE sits\n  modified = no (no | yes)"
    assert panel.choose(modified="yes").start() == panel.result == "none yes"
    for wrong in ({"nat": "?"}, {"colour": "red"}):
        with pytest.raises(ScenarioError):
            widgets.choices("a call", {"nat": ("none",)}, lambda nat: nat, view=str).choose(**wrong).start()


def test_dollar_signs_are_no_tex() -> None:
    """H.248's CHOOSE is a dollar sign: a picture asks JupyterLab's TeX reader to leave it alone."""
    markup = widgets.Picture("<p>Add $ in $</p>", "Add $ in $")._repr_html_()
    assert markup == '<div class="mathjax_ignore tex2jax_ignore"><p>Add $ in $</p></div>'


def test_the_choices_panel_shows_what_came_out() -> None:
    """The Run button shows the result, or why it can't be."""
    panel = widgets.choices("a call", {"nat": ("none", "behind")}, lambda nat: nat,
                            view=lambda made: widgets.Picture(f"<b>{made}</b>", made))
    *fields, button, result = panel._panel().children
    fields[0].value = "behind"
    button.click()
    assert "<b>behind</b>" in result.value and panel.error == ""
    panel.choose(nothing="x")
    button.click()
    assert "there is no " in result.value and "nothing" in panel.error


def test_an_overview_has_outcome_bearers_and_ladder() -> None:
    """The outcome in words first; without one the verdicts of the run."""
    from types import SimpleNamespace

    said = widgets.overview(run(), SimpleNamespace(works=False, why="the NAT lets no SYN in"), between=["UE A"])
    assert str(said).startswith("It does not work: the NAT lets no SYN in") and "proxy: two TCP" in str(said)
    assert "<svg" in said._repr_html_() and "H.248" not in str(said)
    assert "every H.248 request is answered" in str(widgets.overview(run()))
    assert "pass" not in str(widgets.overview(run().report)).split("\n")[0]


def test_figures_print_as_text() -> None:
    """Sequence numbers are a figure in a notebook and a table in a terminal."""
    drawn = widgets.sequences(run())
    assert str(drawn).startswith("handling: proxy") and drawn.figure.data
    assert str(widgets.paths(run())).startswith("access, UE A, offer")
    assert str(widgets.bearers(run())).startswith("IMS-AGW, call-1: proxy")
