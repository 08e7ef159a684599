"""New offers in the middle of a page over a wire that loses one datagram in ten: the page is whole all the same."""

from __future__ import annotations

import pytest
from test_fax_loss import PORTIONS, SEEDS_A_TEST, runs

ID = "t38-dtls-reoffer"


@pytest.mark.parametrize("start", PORTIONS)
@pytest.mark.parametrize("offer", ["refresh", "tls-id"])
def test_one_in_ten_is_lost_on_the_dtls_wire(offer, start, tmp_path):
    """The association that goes on, and the one that is replaced: every verdict holds, and UE A misses nothing."""
    for _, broken, lost in runs(ID, range(start, start + SEEDS_A_TEST), tmp_path, offer=offer):
        assert (broken, lost) == ([], 0)


@pytest.mark.parametrize("knobs", [{"offer": "port"}, {"offer": "moved"}, {"offer": "answered"}, {"offer": "swapped"},
                                   {"offer": "tls-id", "setup": "passive"}], ids=lambda knobs: " ".join(knobs.values()))
def test_so_it_is_with_other_offers(knobs, tmp_path):
    """Another port, the same association from there, the answerer's wish, and the gateway as DTLS client."""
    for _, broken, lost in runs(ID, range(1, 5), tmp_path, **knobs):
        assert (broken, lost) == ([], 0)


def test_a_handshake_in_the_middle_of_the_page_is_sent_again(tmp_path):
    """Of some seeds a flight of the second handshake has to be repeated, and the page passes meanwhile."""
    again = [run for run, _, _ in runs(ID, range(1, 9), tmp_path, offer="tls-id")
             if any(m.protocol == "DTLS" and m.repeated and m.time > 45.0 for m in run.report.messages)]
    assert again
