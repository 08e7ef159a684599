"""A chosen frame in scapy: whole, and the packet inside whatever it is wrapped in."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from analysis.link_frames import FRAMES, REQUEST

from workbench.analysis import pcapng
from workbench.analysis.analyzing import analyze
from workbench.analysis.pcapng import Writer
from workbench.analysis.report import Report
from workbench.errors import CaptureError

pytest.importorskip("scapy", reason="scapy is missing: pip install workbench[analysis]")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.fixture(scope="module")
def frames() -> Any:
    """The module."""
    from workbench.scapy_layers import frames

    return frames


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One frame for each link and tunnel, in the order of `FRAMES`, and one without IP."""
    path = tmp_path_factory.mktemp("links") / "wrapped.pcapng"
    with Writer(path) as writer:
        for at, (name, (link, octets)) in enumerate(FRAMES.items()):
            writer.packet(writer.interface(name, link), at, octets)
        writer.packet(writer.interface("ARP", pcapng.ETHERNET), len(FRAMES), bytes(12) + b"\x08\x06" + bytes(28))
    return analyze(path)


def test_every_link_and_tunnel(frames: Any, wrapped: Report):
    """The octets of the frame are those of scapy's packet, and the datagram inside is found behind all headers."""
    for number, (name, (_, octets)) in enumerate(FRAMES.items(), 1):
        assert bytes(frames.packet(wrapped, number)) == octets, name
        found = frames.inside(wrapped, number)
        assert REQUEST in bytes(found), name
        if name != "authentication":    # scapy leaves an Authentication Header and what is behind it as octets
            assert bytes(found["UDP"].payload).startswith(REQUEST), name
            assert frames.names(found)[0] in ("IP", "IPv6"), name


def test_tunnels_that_scapy_knows_are_layers(frames: Any, wrapped: Report):
    """Outside in, as scapy calls them."""
    number = {name: at for at, name in enumerate(FRAMES, 1)}
    told = {name: frames.names(frames.packet(wrapped, number[name])) for name in ("GTP-U", "VXLAN", "MPLS", "GRE")}
    assert told == {"GTP-U": ["IP", "UDP", "GTP-U Header", "IP", "UDP", "Raw"],
                    "VXLAN": ["IP", "UDP", "VXLAN", "Ethernet", "IP", "UDP", "Raw"],
                    "MPLS": ["Ethernet", "MPLS", "IP", "UDP", "Raw"], "GRE": ["IP", "GRE", "IP", "UDP", "Raw"]}


def test_h248_is_a_layer(frames: Any):
    """A frame of a stored capture: the tree of the layer is the one of our report."""
    report = analyze(CAPTURES / "tcp-stateless-relay.pcapng")
    message = report.messages_of("H.248")[0]
    found = frames.packet(report, message.frames[0])
    from workbench.scapy_layers.h248 import H248

    assert frames.names(found)[:2] == ["IP", "UDP"] and frames.names(found)[2:] == [H248(b"").name]
    assert found[H248].message == message.value


def test_what_is_not_there_is_told(frames: Any, wrapped: Report):
    """No such frame; no IP in it; a frame that was cut to nothing."""
    for number in (0, len(FRAMES) + 2):
        with pytest.raises(CaptureError, match="frame"):
            frames.packet(wrapped, number)
    with pytest.raises(CaptureError, match="has no IP packet inside"):
        frames.inside(wrapped, len(FRAMES) + 1)


@pytest.mark.parametrize("size", [0, 1, 19, 25, 40])
def test_cut_frames_are_read_as_far_as_they_go(frames: Any, tmp_path: Path, size: int):
    """scapy gives what is there; nothing is raised by it."""
    path = tmp_path / "cut.pcapng"
    with Writer(path) as writer:
        for at, (name, (link, octets)) in enumerate(FRAMES.items()):
            writer.packet(writer.interface(name, link), at, octets[:size], length=len(octets))
    report = analyze(path)
    for number, (_, octets) in enumerate(FRAMES.values(), 1):
        assert bytes(frames.packet(report, number))[:size] == octets[:size]


def test_scapy_is_loaded_only_here():
    """Reading a capture, and the witness beside it, load none of it."""
    code = ("import sys; from workbench.analysis import analyzing; "
            "from workbench.witness import pyshark_door, second_opinion; "
            "print({'scapy', 'pyshark', 'lxml'} & {name.partition('.')[0] for name in sys.modules})")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
