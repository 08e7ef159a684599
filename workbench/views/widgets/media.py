"""What came of a fax and its handshake: pages, packets, the terminals' conversation, flights; and captures to save."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from workbench.views.arrivals import arrivals_html, arrivals_text
from workbench.views.arriving import arriving as arriving_of
from workbench.views.conversation import conversation_html, conversation_text
from workbench.views.flights import flights_html, flights_text
from workbench.views.pages import page_html, page_rows, pages_html, pages_text
from workbench.views.palette import escape
from workbench.views.widgets.fax import arriving_class
from workbench.views.widgets.pictures import Picture, report_of, widgets_here

_MOST_SAVED = 4 * 2**20     # octets of a capture that a page carries


def pages(shown: Any, session: str | None = None, *, wire: str | None = None) -> Picture:
    """The pages of a fax as pictures, on each wire that they pass; red stripes are rows that are missing."""
    report = report_of(shown)
    text = pages_text(report, session, wire=wire)
    return Picture(pages_html(report, session, wire=wire) or f"<p>{escape(text)}</p>", text)


def received(shown: Any, wire: str, session: str | None = None) -> Picture:
    """What has come of a fax on one wire: its packets one by one, and its pages."""
    report = report_of(shown)
    told = (arrivals_html(report, session, wire=wire), pages_html(report, session, wire=wire))
    text = "\n\n".join((arrivals_text(report, session, wire=wire), pages_text(report, session, wire=wire)))
    return Picture("".join(told) or f"<p>{escape(text)}</p>", text)


def arriving(shown: Any, wire: str, page: int = 1) -> Any:
    """A page as it arrives on a wire, row by row.

    Args:
        shown: a run or a report.
        wire: where.
        page: its number.

    Returns:
        A widget with a button that plays. `seconds` is the moment that is shown and can be set and observed; `rows` is
        how many rows are there then, `said` tells it in words. `str()` gives the text form.
    """
    row = next((one for one in page_rows(report_of(shown), wire=wire) if one.number == page), None)
    if row is None:
        text = f"no page {page} on {wire}"
        return Picture(f"<p>{escape(text)}</p>", text)
    found = arriving_of(row)
    return arriving_class()(found) if widgets_here() else Picture(page_html(row), found.text())


def arrivals(shown: Any, session: str | None = None, *, wire: str | None = None) -> Picture:
    """A cell for each packet of a fax: it came, was made good (and from which later packet), or is lost."""
    report = report_of(shown)
    text = arrivals_text(report, session, wire=wire)
    return Picture(arrivals_html(report, session, wire=wire) or f"<p>{escape(text)}</p>", text)


def conversation(shown: Any, wire: str, session: str | None = None) -> Picture:
    """What two fax terminals say on a wire: tones, T.30 frames, the training check, pages."""
    report = report_of(shown)
    text = conversation_text(report, wire, session)
    return Picture(conversation_html(report, wire, session) or f"<p>{escape(text)}</p>", text)


def download(run: Any) -> Picture:
    """Links that save the capture of a run and its decrypted twin, where a browser shows them; else their paths."""
    found = [("the capture", Path(run.capture)), ("its decrypted twin", Path(run.twin))]
    text = "\n".join(f"{what}: {path}" for what, path in found)
    return Picture("".join(f"<p>{_saved(what, path)}</p>" for what, path in found), text)


def _saved(what: str, path: Path) -> str:
    size = path.stat().st_size
    if size > _MOST_SAVED:
        return f"{escape(what)}: {escape(path)}"
    octets = base64.b64encode(path.read_bytes()).decode()
    return (f'<a download="{escape(path.name)}" href="data:application/octet-stream;base64,{octets}">'
            f"save {escape(what)}</a> ({escape(path.name)}, {size:,} octets)")


def flights(shown: Any, session: str | None = None, *, wire: str | None = None) -> Picture:
    """A DTLS handshake flight by flight: what is in each, and how often it was sent."""
    report = report_of(shown)
    text = flights_text(report, session, wire=wire)
    return Picture(flights_html(report, session, wire=wire) or f"<p>{escape(text)}</p>", text)
