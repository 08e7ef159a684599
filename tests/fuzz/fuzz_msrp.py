"""Coverage-guided fuzzing of MSRP's framing with atheris (libFuzzer): a rewriter in any portions, and beside a reader.

    .venv/bin/python tests/fuzz/fuzz_msrp.py CORPUS_FOLDER [libFuzzer's options]

The first octet of an input is the size of the portions. The corpus is filled with the stored messages first.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

with atheris.instrument_imports(include=["workbench.protocols.msrp"]):
    from msrp import agreement

    from workbench.protocols.msrp import uri as uris
    from workbench.protocols.msrp import wire

VECTORS = Path(__file__).parents[1] / "vectors" / "msrp"


def seeds() -> list[bytes]:
    """The stored messages, and the same to the session that the rewriter serves."""
    stored = [bytes.fromhex(path.read_text()) for path in sorted(VECTORS.glob("*.hex"))]
    ours = []
    for octets in stored:
        named = uris.encode_path(wire.decode(octets).to_path).encode()
        ours.append(octets.replace(named, uris.encode_path(agreement.OURS_X).encode()))
    return stored + ours


def main() -> None:
    """The command."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(seeds()):
        (folder / f"seed-{number:03}").write_bytes(b"\x07" + octets)

    def one(octets: bytes) -> None:
        agreement.in_any_portions(octets[1:], max(1, octets[0]) if octets else 1)
        agreement.with_a_reader(octets[1:])

    atheris.Setup([sys.argv[0], *sys.argv[2:], str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
