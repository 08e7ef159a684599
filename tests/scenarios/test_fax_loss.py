"""Faxes over a wire that loses: DTLS sends its handshake again, and UDPTL makes good what it carries."""

from __future__ import annotations

import pytest

from workbench import scenarios
from workbench.nodes.fax_endpoint import FaxEndpoint
from workbench.scenarios import fax_edge as fax

IDS = ("t38-dtls-terminating", "t38-dtls-originating")
SWITCH = "t38-dtls-switch"
LOSS = {fax.ACCESS: {"loss": 0.10}}
SEEDS, SEEDS_A_TEST, AT_ONCE = 100, 5, 5
PORTIONS = [pytest.param(start, marks=pytest.mark.long if start > AT_ONCE else ())
            for start in range(1, SEEDS + 1, SEEDS_A_TEST)]
PAIRS = [1, pytest.param(3, marks=pytest.mark.long)]


def lost_at(live, name):
    """IFP packets that a terminal has missed for good."""
    media = [call.bearer.media for call in live._nodes[name]._phone.calls()]
    return sum(one.lost for one in media if isinstance(one, FaxEndpoint))


def runs(id, seeds, out, **knobs):
    """Each seed's run with its verdicts that are not `pass`, and packets lost at UE A (which no capture tells)."""
    for seed in seeds:
        live = scenarios.get(id).start(seed=seed, out=out, impair=LOSS, **knobs)
        run = live.finish()
        yield run, [(seed, v.name, v.reason) for v in run.verdicts if v.verdict != "pass"], lost_at(live, fax.A)


@pytest.mark.parametrize("start", PORTIONS)
@pytest.mark.parametrize("id", (*IDS, SWITCH))
def test_one_in_ten_is_lost_on_the_dtls_wire(id, start, tmp_path):
    """Every verdict holds, and UE A's terminal misses nothing of what is said to it."""
    for _, broken, lost in runs(id, range(start, start + SEEDS_A_TEST), tmp_path):
        assert (broken, lost) == ([], 0)


@pytest.mark.parametrize("knobs", [{"recovery": "fec"}, {"setup": "passive"}, {"nat": "behind"},
                                   {"nat": "behind", "setup": "passive"}], ids="-".join)
@pytest.mark.parametrize("id", IDS)
@pytest.mark.parametrize("start", PAIRS)
def test_so_it_is_with_other_settings(id, knobs, start, tmp_path):
    """With FEC instead of repetition, the gateway as DTLS client, a NAT on the way, or a NAT before the DTLS server."""
    for _, broken, lost in runs(id, (start, start + 1), tmp_path, **knobs):
        assert (broken, lost) == ([], 0)


@pytest.mark.parametrize("knobs", [{"asks": "caller"}, {"answer": "refused"}, {"setup": "passive"}, {"nat": "behind"}],
                         ids=lambda knobs: next(iter(knobs)))
@pytest.mark.parametrize("start", PAIRS)
def test_so_sound_turns_into_fax(knobs, start, tmp_path):
    """Whoever asks, whoever begins DTLS, behind a NAT, or refused: what is lost is sent again, or was only sound."""
    for _, broken, lost in runs(SWITCH, (start, start + 1), tmp_path, **knobs):
        assert (broken, lost) == ([], 0)


@pytest.mark.parametrize("id", IDS)
def test_it_is_the_repetition_that_saves_the_page(id, tmp_path):
    """The control: where UDPTL does nothing against loss, the fax does not leave the gateway whole; UE A hears less."""
    for _, broken, lost in runs(id, (1, 2), tmp_path, recovery="none"):
        assert fax.ARRIVES in [name for _, name, _ in broken]
        assert lost > 0


@pytest.mark.parametrize("id", IDS)
def test_the_handshake_is_sent_again(id, tmp_path):
    """Of some seeds a flight has to be repeated, and the capture shows it (RFC 6347 §4.2.4)."""
    again = [m for run, _, _ in runs(id, range(1, 6), tmp_path) for m in run.report.messages
             if m.protocol == "DTLS" and m.repeated]
    assert again
