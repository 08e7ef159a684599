"""Coverage-guided fuzzing of BFCP with atheris (libFuzzer): codec, layout, and both machines over both transports.

    .venv/bin/python tests/fuzz/fuzz_bfcp.py CORPUS_FOLDER [libFuzzer's options]

The first octet of an input is the size of the portions. The corpus is filled with the stored messages first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

with atheris.instrument_imports(include=["workbench.protocols.bfcp"]):
    from workbench.protocols.bfcp import wire
    from workbench.protocols.bfcp.floors import Floor, Policy
    from workbench.protocols.bfcp.layout import spans
    from workbench.protocols.bfcp.machine import Participant
    from workbench.protocols.bfcp.messages import RELIABLE, UNRELIABLE, Message, User
    from workbench.protocols.bfcp.server import FloorControlServer
    from workbench.protocols.layout import uncovered

VECTORS = Path(__file__).parents[1] / "vectors" / "bfcp"
USERS = [User(234, "Ann"), User(235, "Bob"), User(1, "Carol")]
FLOORS = [Floor(543, Policy(chair=1)), Floor(544)]


def reads_and_writes(octets: bytes) -> None:
    """What decodes encodes to octets of the same length that say the same; every octet has a place."""
    assert not uncovered(spans(octets), 0, len(octets))
    try:
        found = wire.decode_datagram(octets)
    except wire.RefusedMessageError:
        return
    if isinstance(found, Message):
        again = wire.encode(found)
        assert len(again) == len(octets) and wire.decode(again) == found


def meets(version: int, octets: bytes, portion: int) -> None:
    """A server and a participant take whatever comes; time passes; nothing is raised."""
    server = FloorControlServer(4321, USERS, FLOORS, version=version)
    server.opened("a")
    client = Participant(4321, 234, version=version)
    client.opened(0.0)
    for number, at in enumerate(range(0, len(octets), portion)):
        part, now = octets[at : at + portion], float(number)
        server.receive_data("a", part, now)
        client.receive_data(part, now)
        server.wake(now)
        client.wake(now)
    server.ended("a", 1e6)
    client.ended(1e6)


def main() -> None:
    """The command."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    stored = [bytes.fromhex(path.read_text()) for path in sorted(VECTORS.glob("*.hex"))]
    for number, octets in enumerate([*stored, b"".join(stored)]):
        (folder / f"seed-{number:03}").write_bytes(bytes([min(255, len(octets))]) + octets)

    def one(octets: bytes) -> None:
        portion = max(1, octets[0]) if octets else 1
        reads_and_writes(octets[1:])
        meets(RELIABLE, octets[1:], portion)
        meets(UNRELIABLE, octets[1:], portion)

    atheris.Setup([sys.argv[0], *sys.argv[2:], str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
