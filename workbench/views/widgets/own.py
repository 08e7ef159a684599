"""A panel that takes a capture of the reader's: dropped, chosen in a dialog, or named by its path."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.analysis import unread
from workbench.analysis.analyzing import analyze
from workbench.errors import CaptureError
from workbench.views.palette import escape, plain
from workbench.views.widgets.pictures import Picture, html_of, verdict_html, widgets_here

if TYPE_CHECKING:
    from workbench.analysis.report import Report

MOST_UPLOAD = 64 * 2**20
"""Octets of a capture that is uploaded; a larger one is named by its path."""


class OwnCapture:
    """See `own_capture`."""

    def __init__(self, first: str | Path, keylog: str | Path | None, view: Callable[[Any], Any] | None) -> None:
        self.keylog = keylog
        self.error = ""
        self._view = view or told
        self._place = Path(tempfile.mkdtemp(prefix="workbench-own-"))
        weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        self.report: Report = analyze(first, keylog)

    def choose(self, path: str | Path) -> Report:
        """Analyse the file at a path. Raises CaptureError; the last report stays then."""
        report = analyze(path, self.keylog)
        if not report.packets:
            raise CaptureError("; ".join(report.notes))
        self.report = report
        return report

    def take(self, name: str, octets: bytes) -> Report:
        """Analyse octets that were uploaded under a name. Raises CaptureError as `choose`, and of too many octets."""
        if len(octets) > MOST_UPLOAD:
            raise CaptureError(f"{plain(name)}: {len(octets)} octets; up to {MOST_UPLOAD} are taken here, "
                               "give the path of a larger one")
        letters = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in Path(name).name)
        path = self._place / (letters[:100].lstrip(".") or "capture")
        path.write_bytes(octets)
        return self.choose(path)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        if not widgets_here():
            return {"text/plain": str(self), "text/html": html_of(self._view(self.report))}
        return self._panel()._repr_mimebundle_(**kwargs)

    def _panel(self) -> Any:
        w: Any = import_module("ipywidgets")
        upload = w.FileUpload(multiple=False, description="Choose or drop", tooltip="pcap or pcapng, plain, gz or zst")
        field = w.Text(description="or its path", continuous_update=False, layout=w.Layout(width="40em"))
        result = w.HTML(html_of(self._view(self.report)))

        def show(job: Callable[[], object]) -> None:
            self.error = ""
            try:
                job()
            except CaptureError as error:
                self.error = str(error)
                result.value = verdict_html(False, str(error)) + html_of(self._view(self.report))
                return
            result.value = html_of(self._view(self.report))

        def uploaded(change: Any) -> None:
            for one in change["new"]:
                show(partial(self.take, one["name"], bytes(one["content"])))

        def named(change: Any) -> None:
            if change["new"].strip():
                show(lambda: self.choose(change["new"].strip()))

        upload.observe(uploaded, names="value")
        field.observe(named, names="value")
        return w.VBox([w.HBox([upload, field]), result])

    def __str__(self) -> str:
        return str(told(self.report))

    def __repr__(self) -> str:
        return str(self)


def own_capture(first: Any, keylog: str | Path | None = None, view: Callable[[Any], Any] | None = None) -> OwnCapture:
    """A panel for a capture of one's own.

    Args:
        first: path of the capture, or a run, that it begins with.
        keylog: TLS key log for captures without secrets.
        view: what to show of a report; by default what was not read, the calls and the findings.

    Returns:
        The panel. `report` is the report of the capture chosen last; `choose(path)` and `take(name, octets)` do from
        code what the fields do; `error` is why the last one could not be read.
    """
    return OwnCapture(getattr(first, "capture", first), keylog, view)


def told(report: Report) -> Picture:
    """What was not read, then calls, then findings: the first look at a capture."""
    parts = [("Not read", unread.lines(report.unread) or ["everything was read"]),
             ("Calls", [_call(report, session.id) for session in report.sessions if session.kind not in (
                 "registration", "control")] or ["none"]),
             ("Findings", [f"{one.severity}: {one.title} [{one.clause}], frames "
                           f"{', '.join(map(str, one.frames[:6]))}. {one.next}".strip()
                           for one in report.findings] or ["none"])]
    name = f"{Path(report.capture).name}: {report.packets} frames, {len(report.messages)} messages"
    markup = "".join(f"<h4>{escape(head)}</h4><ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
                     for head, lines in parts)
    text = "\n".join([plain(name), *(line for head, lines in parts
                                     for line in (f"{head}:", *(f"  {plain(one)}" for one in lines)))])
    return Picture(f"<p><b>{escape(name)}</b></p>{markup}", text)


def _call(report: Report, id: str) -> str:
    session = next(one for one in report.sessions if one.id == id)
    legs = "; ".join(f"{leg.name}: {leg.transport or 'not described'}, TCP client {leg.tcp_client or 'nobody'}"
                     + (f", TLS client {leg.tls_client}" if leg.tls_client else "") for leg in session.legs)
    security = f", {session.security_said}" if session.security else ""
    return f"{session.id}: {session.kind}{security}; {legs or 'no media seen'}"
