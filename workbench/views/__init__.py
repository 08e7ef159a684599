"""Pictures of finished values: ladder, octets, roles, steps, sequence numbers, one HTML file. Each has a text form.

Everything here is a pure function over a `Report`; a `Run` is accepted wherever a report is. Text from a capture is
escaped. Heavy libraries (anywidget, ipywidgets, plotly) are imported by the functions in `widgets` that need them.

Text, for terminals:

    from workbench import analyze
    from workbench.analysis.explain import explain_frame
    from workbench import views

    report = analyze("e2ae-msrp-originating.pcapng")
    print(views.ladder_text(report, between=["UE A", "IMS-AGW"]))
    print(views.octets_text(explain_frame(report, 12)))     # one frame, field by field
    print(views.roles_text(report))                         # TCP and TLS roles of each leg
    print(views.bearers_text(report))                       # relay, proxy or merge, and why; bindings of NATs
    print(views.paths_text(report))                         # MSRP's addresses in SDP and in messages, leg by leg
    print(views.heat_map_text(table, other))                # calls by NAT behaviour, of `lab.reachability.matrix`
    print(views.sequences_text(report))                     # TCP numbers on both sides of the gateway
    print(views.pages_text(report))                         # fax pages, with what is missing
    print(views.arrivals_text(report))                      # packets of a fax: came, made good, lost
    print(views.conversation_text(report, "Core"))          # T.30 on one wire
    print(views.flights_text(report))                       # DTLS handshakes, flight by flight
    print(views.encodings_text(views.encodings(octets)))    # one H.248 message in long text, short text and binary

For pages that draw Mermaid:

    print(views.mermaid_text(report))                       # a sequence diagram; nothing in it is obeyed

HTML:

    views.ladder_svg(report)                                # accessible SVG element
    views.octets_html(explain_frame(report, 12))
    views.report_html([report])                             # one self-contained page; for runs pass the runs

Notebooks (each returns something that shows itself, and prints as text):

    from workbench.views import widgets

    ladder = widgets.ladder(run)        # ladder.selected: index of the message that was clicked
    widgets.stepper(run)                # next message, its explanation, every node's roles so far
    widgets.octets(run, frame=12)
    widgets.roles(run)
    widgets.bearers(run)
    widgets.timeline(run)
    widgets.sequences(run)
    widgets.paths(run)
    widgets.arriving(run, "Core")       # a fax page that fills row by row; also pages, arrivals, conversation, flights
    widgets.floors(run)                 # who asks for a floor, waits for it and holds it, over time
    widgets.journeys(run)               # which way each message of the users takes, and where it is inside TLS
    widgets.endings({"a": run, "b": other})                 # how connections end, and what the controller is told
    widgets.beside({"a": run, "b": other}, since=10.0)      # two captures, aligned
    widgets.overview(run)               # outcome, TCP handling, NAT bindings and ladder in one picture
    widgets.heat_map(table)             # .choose(row, column) or a click: .why tells
    widgets.encodings(text)             # type an H.248 message, see it in every encoding
    widgets.knobs(scenario)             # change a knob, run again; .run is the newest run
    widgets.choices("a call", {"nat": ("none", "behind")}, make, view=widgets.overview)
    widgets.exercise("Which node is the TLS server?", check=lambda answer: answer == "IMS-AGW", solution="...")
"""

from __future__ import annotations

from workbench.views.arrivals import ArrivalRow, arrival_rows, arrivals_html, arrivals_text
from workbench.views.arriving import Arriving, arriving
from workbench.views.bearers import (
    BindingRow,
    HandlingRow,
    bearers_html,
    bearers_text,
    binding_rows,
    handling_rows,
)
from workbench.views.beside import BesideRow, beside_html, beside_rows, beside_text
from workbench.views.conversation import Said, conversation_html, conversation_rows, conversation_text
from workbench.views.encodings import Encodings, encodings, encodings_html, encodings_text
from workbench.views.endings import Ending, EndStep, endings, endings_html, endings_text
from workbench.views.flights import FlightRow, flight_rows, flights_html, flights_text
from workbench.views.floors import FloorRow, floor_rows, floors_html, floors_text
from workbench.views.heat_map import heat_cells, heat_map_html, heat_map_text
from workbench.views.html import report_html
from workbench.views.journeys import Hop, Journey, journeys, journeys_html, journeys_text
from workbench.views.ladder import Lane, Row, ladder_lanes, ladder_rows, ladder_text
from workbench.views.ladder_picture import ladder_svg
from workbench.views.mermaid import mermaid_text
from workbench.views.octets import octets_html, octets_text
from workbench.views.pages import PageRow, page_rows, pages_html, pages_text
from workbench.views.paths import PathRow, path_rows, paths_html, paths_text
from workbench.views.roles import LegRoles, role_rows, roles_figure, roles_html, roles_text
from workbench.views.sequences import Sequences, sequences_html, sequences_of, sequences_text
from workbench.views.sequences_picture import sequences_figure
from workbench.views.steps import Step, state_html, step_text, steps
from workbench.views.timeline import timeline_figure, timeline_text

__all__ = [
    "ArrivalRow", "Arriving", "BesideRow", "BindingRow", "Encodings", "EndStep", "Ending", "FlightRow",
    "FloorRow", "HandlingRow", "Hop", "Journey", "Lane", "LegRoles", "PageRow", "PathRow", "Row", "Said",
    "Sequences", "Step", "arrival_rows", "arrivals_html", "arrivals_text", "arriving", "bearers_html",
    "bearers_text", "beside_html", "beside_rows", "beside_text", "binding_rows", "conversation_html",
    "conversation_rows", "conversation_text", "encodings", "encodings_html", "encodings_text", "endings",
    "endings_html", "endings_text", "flight_rows", "flights_html", "flights_text", "floor_rows",
    "floors_html", "floors_text", "handling_rows", "heat_cells", "heat_map_html", "heat_map_text", "journeys",
    "journeys_html", "journeys_text", "ladder_lanes", "ladder_rows", "ladder_svg", "ladder_text",
    "mermaid_text", "octets_html", "octets_text", "page_rows", "pages_html", "pages_text", "path_rows", "paths_html",
    "paths_text", "report_html", "role_rows", "roles_figure", "roles_html", "roles_text", "sequences_figure",
    "sequences_html", "sequences_of", "sequences_text", "state_html", "step_text", "steps", "timeline_figure",
    "timeline_text",
]
