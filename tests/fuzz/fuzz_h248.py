"""Coverage-guided fuzzing of an H.248 decoder with atheris (libFuzzer).

    .venv/bin/python tests/fuzz/fuzz_h248.py text|binary CORPUS_FOLDER [libFuzzer's options]

The corpus is filled with the stored vectors first. What breaks the codec's promise is written by libFuzzer as
`crash-...` (see -artifact_prefix); it belongs into tests/vectors/h248/found/ as NAME.text or NAME.binary.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

with atheris.instrument_imports(include=["workbench.protocols.h248", "workbench.protocols.sdp"]):
    from h248 import mutating


def main() -> None:
    """The command."""
    which, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    good = mutating.texts() if which == "text" else tuple(mutating.forms(mutating.texts(), mutating.IQ))
    for number, octets in enumerate((*good, *mutating.found(which))):
        (folder / f"seed-{number:03}").write_bytes(octets)

    def one(octets: bytes) -> None:
        if which == "text":
            mutating.survives_as_text(octets)
        else:
            mutating.survives_as_binary(octets, mutating.IQ)

    atheris.Setup([sys.argv[0], *sys.argv[3:], str(folder)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
