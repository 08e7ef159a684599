"""Panels of fields and buttons: exercises, knobs, choices, an H.248 message to type at. Each can be used from code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any, Self

import msgspec

from workbench.errors import PeerError, ScenarioError
from workbench.views.encodings import encodings as encodings_of
from workbench.views.encodings import encodings_html, encodings_text, error_text
from workbench.views.palette import escape
from workbench.views.widgets.pictures import Picture, html_of, verdict_html, verdicts, widgets_here

LONGEST_MESSAGE = 65_536
"""Characters of a message that is typed."""


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
        return Picture(verdict_html(right, said), said)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not widgets_here():
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
        choices = f"\nChoices: {'; '.join(self.choices)}" if self.choices else ""
        return f"Exercise: {self.prompt}{choices}"

    def __repr__(self) -> str:
        return str(self)


class Choice(msgspec.Struct, frozen=True):
    """One thing to choose: the values, which of them is chosen at first, and what it is about."""

    allowed: tuple[str, ...]
    default: str
    meaning: str = ""


class ChoicePanel:
    """See `choices`."""

    def __init__(self, title: str, offered: Mapping[str, Choice], make: Callable[..., Any],
                 view: Callable[[Any], Any], sliders: Iterable[str] = ()) -> None:
        self.title = title
        self.sliders = frozenset(sliders)
        self.offered = dict(offered)
        self.result: Any = None
        self.error = ""
        self.chosen: dict[str, str] = {name: choice.default for name, choice in offered.items()}
        self._make = make
        self._view = view

    def choose(self, **values: str) -> Self:
        """Choose values; one that can't be is reported by `start`."""
        self.chosen.update(values)
        return self

    def start(self) -> Any:
        """Do it with what is chosen; what came out. Raises ScenarioError where the choice can't be."""
        for name, value in self.chosen.items():
            choice = self.offered.get(name)
            if choice is None:
                raise ScenarioError(f"there is no {name!r} to choose; there are {', '.join(self.offered)}")
            if value not in choice.allowed:
                raise ScenarioError(f"{name}={value} is not allowed; {name} takes {', '.join(choice.allowed)}")
        self.result = self._make(**self._wanted())
        return self.result

    def _wanted(self) -> dict[str, str]:
        return dict(self.chosen)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not widgets_here():
            return {"text/plain": str(self)}
        return self._panel()._repr_mimebundle_(**kwargs)

    def _panel(self) -> Any:
        w: Any = import_module("ipywidgets")
        wide = {"description_width": "11em", "button_width": "auto"}
        fields = {
            name: w.SelectionSlider(options=list(choice.allowed), value=self.chosen[name], description=name,
                                    style={"description_width": "11em"}, layout=w.Layout(width="32em"))
            if name in self.sliders else
            w.ToggleButtons(options=list(choice.allowed), value=self.chosen[name], style=wide,
                            description=name, tooltips=[choice.meaning] * len(choice.allowed))
            for name, choice in self.offered.items()
        }
        notes = {name: w.HTML(f"<span style='opacity:.85'>{escape(choice.meaning)}</span>")
                 for name, choice in self.offered.items() if choice.meaning}
        button = w.Button(description="Run", button_style="primary", tooltip="Run with what is chosen")
        result = w.HTML()

        def start(_: Any) -> None:
            self.choose(**{name: field.value for name, field in fields.items() if self._differs(name, field.value)})
            try:
                made = self.start()
            except ScenarioError as error:
                self.error = str(error)
                result.value = verdict_html(False, str(error))
                return
            self.error = ""
            result.value = html_of(self._view(made))

        button.on_click(start)
        rows = [part for name in fields for part in (fields[name], notes.get(name)) if part is not None]
        return w.VBox([*rows, button, result])

    def _differs(self, name: str, value: str) -> bool:
        return self.chosen[name] != value

    def __str__(self) -> str:
        lines = [f"{self.title}:"]
        lines += [f"  {name} = {self.chosen[name]} ({' | '.join(choice.allowed)}): {choice.meaning}".rstrip(": ")
                  for name, choice in self.offered.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


class KnobPanel(ChoicePanel):
    """See `knobs`."""

    def __init__(self, scenario: Any, seed: int, view: Callable[[Any], Any] | None) -> None:
        super().__init__(
            f"knobs of {scenario.id}",
            {name: Choice(knob.allowed, knob.default, knob.meaning) for name, knob in scenario.knobs.items()},
            lambda **chosen: scenario.run(seed=seed, **chosen), view or verdicts)
        self.scenario = scenario
        self.seed = seed
        self._touched: dict[str, str] = {}

    @property
    def run(self) -> Any:
        """The newest run, or None."""
        return self.result

    def choose(self, **values: str) -> Self:
        """Set knobs; a value that can't be is reported by `start`."""
        self._touched.update(values)
        return super().choose(**values)

    def _wanted(self) -> dict[str, str]:
        # A knob that nobody touched may follow another one (`Knob.implies`).
        return dict(self._touched)

    def _differs(self, name: str, value: str) -> bool:
        return name in self._touched or value != self.scenario.knobs[name].default


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
        if len(source) > LONGEST_MESSAGE:
            self.error = f"longer than {LONGEST_MESSAGE} characters"
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
        if not widgets_here():
            return {"text/plain": str(self), "text/html": self._markup()}
        return self._panel()._repr_mimebundle_(**kwargs)

    def _markup(self) -> str:
        return encodings_html(self.found) if self.found is not None else verdict_html(False, self.error)

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
