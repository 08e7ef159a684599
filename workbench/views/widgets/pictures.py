"""What every view is where no widget can be: HTML or a figure for a notebook, text for a terminal."""

from __future__ import annotations

import html
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from workbench.views.palette import escape, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report


_NO_TEX = "mathjax_ignore tex2jax_ignore"


class Picture:
    """HTML for a notebook and text for a terminal: what every view is where no widget can be."""

    def __init__(self, markup: str, text: str) -> None:
        self._markup = markup
        self._text = text

    def _repr_html_(self) -> str:
        # JupyterLab takes what stands between two dollar signs for TeX, and H.248 says CHOOSE with one.
        return f'<div class="{_NO_TEX}">{self._markup}</div>'

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


def verdicts(run: Any) -> Picture:
    """The expectations of a run with their verdicts and frames."""
    told = [(verdict, ", ".join(map(str, list(dict.fromkeys(verdict.frames))[:8]))) for verdict in run.verdicts]
    lines = [f"{verdict.verdict:12}  {verdict.name}{'  frames ' + frames if frames else ''}"
             f"{chr(10) + ' ' * 14 + verdict.reason if verdict.reason else ''}" for verdict, frames in told]
    rows = "".join(
        f'<tr><td class="{verdict.verdict}">{escape(verdict.verdict)}</td><td>{escape(verdict.name)}'
        f"{'<br>' + escape(verdict.reason) if verdict.reason else ''}</td><td>{escape(frames)}</td></tr>"
        for verdict, frames in told)
    return Picture(
        f"<style>{VERDICT_STYLE}</style>"
        '<table class="wb-verdicts"><thead><tr><th scope="col">verdict</th><th scope="col">expectation</th>'
        f'<th scope="col">frames</th></tr></thead><tbody>{rows}</tbody></table>', "\n".join(lines))


VERDICT_STYLE = themed(".wb-verdicts") + """
.wb-verdicts{background:var(--wb-paper);color:var(--wb-ink);border-radius:4px}
.wb-verdicts td,.wb-verdicts th{text-align:left!important;padding:.2em .7em;vertical-align:top}
.wb-verdicts .pass{color:var(--wb-good);font-weight:600}
.wb-verdicts .fail{color:var(--wb-bad);font-weight:600}
.wb-verdicts .inconclusive{color:var(--wb-unsure);font-weight:600}
"""


def escape_lines(text: str) -> str:
    """Lines of our own text views, made safe for a `pre` element (line ends stay)."""
    return html.escape(text)


def verdict_html(right: bool, said: str) -> str:
    """A sentence that is marked as right or wrong; read aloud when it appears."""
    return (f'<style>{VERDICT_STYLE}</style><p class="wb-verdicts" role="status" style="padding:.4em .7em">'
            f'<span class="{"pass" if right else "fail"}">{escape(said)}</span></p>')


def html_of(shown: Any) -> str:
    """Whatever a view gave, as HTML."""
    markup = getattr(shown, "_repr_html_", None)
    return str(markup()) if markup is not None else f"<pre>{escape_lines(str(shown))}</pre>"


def report_of(shown: Any) -> Report:
    """The report of a run, or the report itself."""
    report: Report = getattr(shown, "report", shown)
    return report


def widgets_here() -> bool:
    """Whether widgets can be made."""
    return find_spec("anywidget") is not None
