"""Faxes that a learner turns: another page, another correction, and losses on the access wire."""

from __future__ import annotations

import pytest

from workbench import scenarios
from workbench.errors import LocalProtocolError
from workbench.scenarios import fax_calls
from workbench.views import arrival_rows, page_rows

CALL = scenarios.get("t38-dtls-originating")


def heard(run):
    (row,) = [row for row in arrival_rows(run.report, wire="Core") if row.where.startswith("IMS-AGW")]
    return row


def test_without_loss_a_page_comes_whole():
    """It passes all expectations of the scenario but those of a page with error correction."""
    run = fax_calls.send_page(CALL)
    assert page_rows(run.report, wire="Core")[0].whole and heard(run).count("came") == len(heard(run).cells)
    assert fax_calls.send_page(CALL, "one_page").passed


def test_the_same_packets_are_lost_whatever_is_done_about_it():
    """A seed decides what a wire loses; depth 1 saves all but one of each run of lost packets."""
    none, once, fec = (fax_calls.send_page(CALL, correction=correction, depth=depth, loss=0.1, seed=1)
                       for correction, depth in (("none", 0), ("redundancy", 1), ("fec", 0)))
    gone = [[cell == "came" for cell in heard(run).cells] for run in (none, once, fec)]
    assert gone[0] == gone[1] == gone[2] and heard(none).count("lost") > heard(once).count("lost") > 0
    assert fec.report.select("UDPTL", wire="Core") and heard(fec).count("rebuilt") > 20


def test_a_page_that_is_not_there_is_told():
    """With those that are."""
    with pytest.raises(LocalProtocolError, match="one_page_v29"):
        fax_calls.with_page(CALL, "two_pages")
