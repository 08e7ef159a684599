"""T.30 inside T.38: the recorded calls frame by frame, and frames that come in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError
from workbench.protocols.t38 import ifp
from workbench.protocols.t38.events import IfpReceived, Lost
from workbench.protocols.t38.machine import Correction, Receiver, Sender
from workbench.protocols.t38.messages import DataType, Field, FieldType, data, indication
from workbench.protocols.t38.recorded import NAMES, load
from workbench.protocols.t38.t30 import MOST_FRAME_OCTETS, Frame, FrameReader, frame_name, number_of

CALLS = {name: load(name) for name in NAMES}


def frames(name: str) -> list[tuple[str, Frame]]:
    """All frames of a recorded call with who sent them, in the order of their ends."""
    readers = {"caller": FrameReader(), "called": FrameReader()}
    return [(one.sender, frame) for one in CALLS[name].packets
            for frame in readers[one.sender].receive(ifp.decode(one.octets, CALLS[name].version))]


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_packet_is_read_and_written_again(name):
    """Octets of a real terminal come back from our codec unchanged, in the version that it said."""
    call = CALLS[name]
    for one in call.packets:
        assert ifp.encode(ifp.decode(one.octets, call.version), call.version) == one.octets
    assert ifp.version_of(*(one.octets for one in call.packets)) == call.version
    assert len(call.of("caller")) + len(call.of("called")) == len(call.packets)


def test_a_call_with_error_correction():
    """T.30: identification, training, the page in 37 frames of 256 octets, confirmation, goodbye."""
    found = [(sender, frame.name) for sender, frame in frames("one_page")]
    assert all(frame.whole for _, frame in frames("one_page"))
    expected = [("called", "CSI"), ("called", "DIS"), ("caller", "TSI"), ("caller", "DCS"), ("called", "CFR")]
    expected += [("caller", "FCD")] * 37 + [("caller", "RCP")] * 3
    assert found == [*expected, ("caller", "PPS-EOP"), ("called", "MCF"), ("caller", "DCN")]
    said = {frame.name: frame.says for _, frame in frames("one_page")}
    assert said["CSI"] == "+1 555 0123" and said["TSI"] == "+1 555 0100"
    assert said["DCS"] == "V.17 14400, standard resolution, MR, error correction mode"
    assert said["FCD"] == "frame 36, 256 octets" and said["PPS-EOP"] == "page 0, part 0, 37 frames"


def test_a_call_without_error_correction():
    """The page goes as T.4 data with V.29, and ends without frames."""
    found = [frame.name for _, frame in frames("one_page_v29")]
    assert found == ["CSI", "DIS", "TSI", "DCS", "CFR", "EOP", "MCF", "DCN"]
    said = {frame.name: frame.says for _, frame in frames("one_page_v29")}
    assert said["DCS"] == "V.29 9600, standard resolution, MR"
    kinds = {field.kind for one in CALLS["one_page_v29"].packets
             for field in ifp.decode(one.octets).fields or () if ifp.decode(one.octets).data == DataType.V29_9600}
    assert kinds == {FieldType.T4_NON_ECM_DATA, FieldType.T4_NON_ECM_SIG_END}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("correction", "settings"), [
    (Correction.REDUNDANCY, {"depth": 3, "max_datagram": 1400}),
    (Correction.FEC, {"span": 3, "entries": 3, "max_datagram": 1400})])
def test_a_recorded_call_survives_loss(name, correction, settings):
    """Every ninth packet and the one behind it lost: each IFP packet arrives, in order, as the terminal meant it."""
    call = CALLS[name]
    sender, receiver = Sender(correction, **settings), Receiver()
    events = []
    for number, one in enumerate(call.of("caller")):
        datagram = sender.send(one.octets)
        if number < 12 or number % 9 > 1 or number > len(call.of("caller")) - 12:
            events += receiver.receive_data(datagram, one.time)
    events += receiver.flush()
    assert not any(isinstance(event, Lost) for event in events)
    meant = [ifp.decode(one.octets, call.version) for one in call.of("caller")]
    assert [ifp.decode(event.octets, call.version, rebuilt=True) for event in events
            if isinstance(event, IfpReceived)] == meant


@pytest.mark.parametrize(("octets", "name"), [
    ("ffc8c1", "DCS"), ("ffc841", "DCS"), ("ffc801", "DIS"), ("ffc881", "DTC"), ("ffc821", "CFR"), ("ffc8a1", "CFR"),
    ("ffc8fdf1", "PPS-EOM"), ("ffc8fd00", "PPS-NULL"), ("ffc8fd", "PPS"), ("ffc861", "RCP"), ("ffc800", ""),
    ("fec801", ""), ("ff0001", ""), ("ffc8", ""), ("", "")])
def test_names_of_frames(octets, name):
    """T.30 §5.3.6: the bit X of who speaks does not change the name."""
    assert frame_name(bytes.fromhex(octets)) == name


@given(st.binary(min_size=1, max_size=50), st.lists(st.integers(1, 9), max_size=10))
def test_pieces_do_not_matter(octets, cuts):
    """However a frame is cut into elements and packets, it is the same frame."""
    reader = FrameReader()
    at, found = 0, []
    for cut in [*cuts, 50]:
        piece = octets[at : at + cut]
        at += cut
        if piece:
            found += reader.receive(data(DataType.V21, Field(FieldType.HDLC_DATA, piece)))
    found += reader.receive(data(DataType.V21, Field(FieldType.HDLC_FCS_OK), Field(FieldType.HDLC_SIG_END)))
    assert found == [Frame(octets)] and reader.held == 0


def test_how_a_frame_ends():
    """A wrong FCS, none at all because the signal ended, or because another began."""
    for end, whole in ((data(0, Field(FieldType.HDLC_FCS_BAD)), False),
                       (data(0, Field(FieldType.HDLC_FCS_BAD_SIG_END)), False),
                       (data(0, Field(FieldType.HDLC_SIG_END)), None), (indication(0), None)):
        reader = FrameReader()
        assert reader.receive(data(0, Field(FieldType.HDLC_DATA, b"\xff\xc8\x31"))) == []
        (frame,) = reader.receive(end)
        assert (frame.name, frame.whole) == ("MCF", whole)
        assert reader.receive(end) == []


def test_a_frame_without_end_is_held_up_to_a_limit():
    reader = FrameReader()
    for _ in range(1000):
        reader.receive(data(0, Field(FieldType.HDLC_DATA, bytes(100))))
    assert reader.held == MOST_FRAME_OCTETS


@given(st.binary(max_size=40))
def test_garbage_has_no_name_or_one(octets):
    for frame in (Frame(octets), Frame(b"\xff\xc8" + octets), Frame(b"\xff\xc8\xfd" + octets)):
        assert isinstance(frame.says, str) and isinstance(frame.name, str)
    assert isinstance(number_of(octets), str)


def test_there_is_no_other_recording():
    with pytest.raises(LocalProtocolError, match="no recorded fax 'two_pages'; there are one_page, one_page_v29, one"):
        load("two_pages")
