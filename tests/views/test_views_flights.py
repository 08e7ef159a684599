"""The DTLS handshake in views, and what the HTML report shows of a call with a fax."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from workbench.lab.scenario import Scenario
from workbench.scenarios import fax_edge
from workbench.views import flight_rows, flights_html, flights_text, report_html, steps

HANDSHAKE = {
    1: ("ClientHello",), 2: ("HelloVerifyRequest",), 3: ("ClientHello",),
    4: ("ServerHello", "Certificate", "ServerKeyExchange", "CertificateRequest", "ServerHelloDone"),
    5: ("Certificate", "ClientKeyExchange", "CertificateVerify", "ChangeCipherSpec", "Finished"),
    6: ("ChangeCipherSpec", "Finished"),
}


@cache
def run(loss: float = 0.0, seed: int = 8) -> Any:
    """A call with a short fax; packets may be lost on the access wire."""
    scenario = Scenario("fax", "a fax", "test", (), (), "", fax_edge.topology(), {},
                        fax_edge.fax_script("UE A", fax=20.0, hang_up=45.0), (), (), until=60.0)
    return scenario.run(seed=seed, impair={fax_edge.ACCESS: {"loss": loss}})


def test_six_flights_with_cookie():
    """Who sends what to whom, each once; roles follow from the hellos (RFC 6347 §4.2.4)."""
    rows = flight_rows(run().report)
    assert {row.number: row.messages for row in rows} == HANDSHAKE and not any(row.again for row in rows)
    assert {(row.client, row.server) for row in rows} == {("UE A", "IMS-AGW")}
    assert [row.source for row in rows] == ["UE A", "IMS-AGW"] * 3
    text = flights_text(run().report)
    assert "flight 2  IMS-AGW -> UE A  HelloVerifyRequest" in text and "keeps no state yet" in text


def test_what_is_sent_again_is_told():
    """With loss, the same flights; those that were sent again say when, and no flight counts twice."""
    lossy = run(0.3).report
    rows = flight_rows(lossy)
    assert {row.number for row in rows} == set(HANDSHAKE) and len(rows) == 6
    again = [row for row in rows if row.again]
    assert again and all(time > row.time for row in again for time in row.again)
    assert "class=again" in flights_html(lossy) and "again at" in flights_text(lossy)
    assert any("has sent flight" in fact and fact.endswith("again") for step in steps(lossy)
               for facts in step.state.values() for fact in facts.values())


def test_steps_tell_roles_and_flights():
    """Client and server from the first hello on, established with the last Finished."""
    last = next(step for step in reversed(steps(run().report)) if step.message.protocol == "SIP"
                and step.message.summary.startswith("BYE"))
    assert last.state["UE A"]["DTLS on UE A access"] == "client, established, flight 6"
    assert last.state["IMS-AGW"]["DTLS on UE A access"] == "server, established, flight 6"


def test_the_page_of_a_call_with_a_fax():
    """Handshake, pages and packets have sections of their own; a capture without them has none of these."""
    markup = report_html([run()])
    for heading in ("DTLS handshakes", "Fax pages", "Fax packets"):
        assert f"<h3>{heading}</h3>" in markup
    assert "What the fax terminals say on UE A access" in markup and "data:image/png" in markup
    bare = msgspec.structs.replace(fax_edge.fax_script("UE A")[0], time=0.0)
    scenario = Scenario("bare", "no call", "test", (), (), "", fax_edge.topology(), {}, (bare,), (), (), until=5.0)
    assert "<h3>Fax" not in report_html([scenario.run(seed=1)]) and "Floors" not in report_html([scenario.run(seed=1)])
