"""On a DTLS leg the ClientHello is not of the end that a=setup makes the active one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.analysis.carried.dtls import DtlsFlow
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.protocols.sdp import transport_of

if TYPE_CHECKING:
    from workbench.analysis.calls.sessions import Call
    from workbench.analysis.calls.signalling import Described
    from workbench.analysis.report import Report
    from workbench.analysis.values import Leg
    from workbench.net.values import Endpoint


def _find(report: Report) -> Iterator[Evidence]:
    for call in report.calls:
        for leg, _, termination in call.legs:
            transport = transport_of(leg.transport)
            if transport is None or transport.security != "dtls" or transport.application == "bfcp":
                continue    # BFCP's roles follow offer and answer instead
            for flow in call.flows:
                if isinstance(flow, DtlsFlow) and flow.wire == leg.wire and (
                        termination is None or termination.local in flow.sides):
                    yield from _held(report, call, leg, flow)


def _held(report: Report, call: Call, leg: Leg, flow: DtlsFlow) -> Iterator[Evidence]:
    """One association against the last answer before it; one that came early against the first one behind it."""
    answers = [one for dialog in call.dialogs for one in dialog.described
               if one.role == "answer" and one.endpoint in flow.sides and one.setup in ("active", "passive")]
    answers.sort(key=_time)
    before = [one for one in answers if one.draft.time <= flow.seen[0]]
    answer = before[-1] if before else next(iter(answers), None)
    hellos = [one for one in flow.drafts if one.summary.startswith("ClientHello")]
    if answer is None or not hellos:
        return
    client = _client(answer, flow)
    wrong = next((one for one in hellos if one.source != client), None)
    if wrong is not None:
        both = len({one.source for one in hellos}) > 1
        yield Evidence((*answer.draft.frames, *wrong.frames), (
            f"{report.names(wrong.source.host)} sends a ClientHello on the {leg.name} leg{' too' if both else ''}; the "
            f"answer says a=setup:{answer.setup}, so {report.names(client.host)} is DTLS client"))


def _client(answer: Described, flow: DtlsFlow) -> Endpoint:
    place = flow.sides.index(answer.endpoint) if answer.endpoint in flow.sides else 0
    return flow.sides[place if answer.setup == "active" else 1 - place]


def _time(one: Described) -> float:
    return one.draft.time


rule = Rule("dtls-client", "RFC 7345 §4.1, RFC 8842 §5, TS 23.334 §6.2.10.4", "error",
            "The end that a=setup makes active is DTLS client", _find,
            next="The a=setup values of offer and answer on this leg as each end read them, and the a=setup that the "
                 "gateway was given in Local and Remote.")
