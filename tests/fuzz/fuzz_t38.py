"""Coverage-guided fuzzing of T.38 with atheris (libFuzzer): UDPTL and IFP codecs, layout, and the receiver.

    .venv/bin/python tests/fuzz/fuzz_t38.py CORPUS_FOLDER [libFuzzer's options]

The first octet of an input is the size of the datagrams. The corpus is filled with a recorded fax first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

with atheris.instrument_imports(include=["workbench.protocols.t38"]):
    from workbench.errors import MalformedMessageError
    from workbench.protocols.layout import uncovered
    from workbench.protocols.t38 import ifp, udptl
    from workbench.protocols.t38.events import IfpReceived
    from workbench.protocols.t38.layout import ifp_spans, spans
    from workbench.protocols.t38.machine import Correction, Receiver, Sender
    from workbench.protocols.t38.recorded import load
    from workbench.protocols.t38.t30 import FrameReader


def reads_and_writes(octets: bytes) -> None:
    """What decodes encodes to octets that say the same; every octet has a place."""
    assert not uncovered(spans(octets), 0, len(octets)) and not uncovered(ifp_spans(octets), 0, len(octets))
    try:
        packet = udptl.decode(octets)
        assert udptl.decode(udptl.encode(packet)) == packet
    except MalformedMessageError:
        pass
    for version in (0, 3):
        try:
            found = ifp.decode(octets, version)
        except MalformedMessageError:
            continue
        assert ifp.decode(ifp.encode(found, version), version) == found


def receives(octets: bytes, size: int) -> None:
    """A receiver takes whatever comes and holds little; what it tells is in order."""
    receiver, frames = Receiver(patience=2), FrameReader()
    for number, at in enumerate(range(0, len(octets), size)):
        for event in receiver.receive_data(octets[at : at + size], number / 10) + receiver.wake(number / 10):
            if isinstance(event, IfpReceived) and ifp.version_of(event.octets) is not None:
                for frame in frames.receive(ifp.decode(event.octets, ifp.version_of(event.octets) or 0)):
                    assert isinstance(frame.name + frame.says, str)
        assert receiver.held <= 1000
    receiver.flush()


def main() -> None:
    """The command."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for way, correction in enumerate(Correction):
        sender = Sender(correction, max_datagram=1400)
        datagrams = [sender.send(one.octets) for one in load().of("caller")[:200]]
        for number, octets in enumerate(datagrams[::9]):
            (folder / f"seed-{way}-{number:03}").write_bytes(bytes([min(255, len(octets))]) + octets)

    def one(octets: bytes) -> None:
        reads_and_writes(octets[1:])
        receives(octets[1:], max(1, octets[0]) if octets else 1)

    atheris.Setup([sys.argv[0], *sys.argv[2:], str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
