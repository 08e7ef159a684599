"""Pages that spandsp's terminals send are, dot for dot, the pages that they were given: in each coding, with error
correction mode and without, and where frames are asked for again."""

from __future__ import annotations

import pytest
from programs import missing
from record_fax import page
from spandsp_fax import MH, MMR, MR, TICK, V17, V27TER, V29, WIDTH, FaxEnd, library, write_tiff

from workbench.protocols.t38 import ifp
from workbench.protocols.t38.messages import DataType
from workbench.protocols.t38.page_format import Coding
from workbench.protocols.t38.pages import PageReader
from workbench.views.bitmap import draw

pytest.importorskip("PIL")
TEXTS = ("MEDIA PLANE SECURITY", "FAX OVER DTLS")


def heard(tmp_path, codings, *, ecm, fine=False, lose=frozenset()):
    """Pages and T.30 frames of the caller as they come to the other end; modem data with these numbers does not."""
    spandsp = library()
    if spandsp is None:
        missing("spandsp", "apt-get install libspandsp2")
    sent, received = tmp_path / "sent.tif", tmp_path / "received.tif"
    write_tiff(sent, page(TEXTS), resolution=196 if fine else 98)
    reader, queue, numbers, names = PageReader(), [], iter(range(10**6)), []
    gone = fast = 0

    def said(name):
        return lambda octets, count: queue.append((name, octets))

    settings = {"modems": V27TER | V29 | V17, "ecm": ecm, "codings": codings}
    ends = {"caller": FaxEnd(spandsp, True, sent, "1", said("caller"), **settings),
            "called": FaxEnd(spandsp, False, received, "2", said("called"), **settings)}
    for _ in range(int(200 / TICK)):
        for end in ends.values():
            end.tick()
        arrived, queue[:] = list(queue), []
        for name, octets in arrived:
            if name == "called":
                ends["caller"].receive(octets)
                continue
            number, packet = next(numbers), ifp.decode(octets, 0)
            fast += packet.data not in (None, DataType.V21)
            if packet.data not in (None, DataType.V21) and fast in lose:
                gone += 1
                continue
            if gone:
                reader.lose(gone, number)
            gone = 0
            names += [frame.name for frame in reader.receive(packet, number)]
            ends["called"].receive(octets, number)
        if all(end.result is not None for end in ends.values()):
            break
    results = [end.result for end in ends.values()]
    for end in ends.values():
        end.close()
    assert results == [0, 0]
    return reader.pages, names


DRAWN = b"".join(line.to_bytes(WIDTH // 8, "big") for line in page(TEXTS))


@pytest.mark.parametrize(("codings", "ecm", "coding"), [
    (MH, False, Coding.MH), (MH | MR, False, Coding.MR), (MH, True, Coding.MH), (MH | MR, True, Coding.MR),
    (MH | MR | MMR, True, Coding.MMR),
])
def test_each_coding_comes_out_as_it_went_in(tmp_path, codings, ecm, coding):
    """What DCS says is what is decoded."""
    (found,), _ = heard(tmp_path, codings, ecm=ecm)
    assert found.whole and found.format is not None
    assert (found.format.coding, found.format.corrected) == (coding, ecm)
    assert draw(found).black == DRAWN


def test_a_fine_page(tmp_path):
    """Twice as many lines an inch."""
    (found,), _ = heard(tmp_path, MH | MR, ecm=False, fine=True)
    assert found.format is not None and found.format.down == 196 and draw(found).black == DRAWN


def test_frames_that_a_terminal_asks_for_again_fill_their_places(tmp_path):
    """Three packets of the first round are lost: PPR, and a second round with the frames that were spoilt."""
    (found,), names = heard(tmp_path, MH | MR | MMR, ecm=True, lose=frozenset({60, 61, 70}))
    assert names.count("PPS-EOP") == 2
    assert found.whole and draw(found).black == DRAWN
