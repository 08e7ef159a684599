"""How long may one hostile message of 64 kB hold a decoder of H.248? The worst of many shapes, in both encodings.

    .venv/bin/python benchmarks/h248_worst_case.py [--octets 65507] [--repeat 3]

Each shape is a way to make a decoder work: runs of openings, comments, quotes, blanks, tiny tokens, deep embedding, bad
session descriptions, errors at the very end, lengths that lie, nesting, empty elements. Shapes are stretched to the
size of the largest datagram. Printed: the slowest, each the fastest of a few runs, and what became of it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from measuring import amount, machine, say

from workbench.errors import MalformedMessageError
from workbench.protocols.h248 import binary, text
from workbench.protocols.h248.message import Message

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from h248.hostile_shapes import BINARY, TEXT  # shared with the tests

BOUND = 0.25


def seconds(decode: Callable[[bytes], Message], octets: bytes, repeat: int) -> tuple[float, str]:
    """The fastest of a few runs, and what became of the message."""
    fastest, became = float("inf"), "decoded"
    for _ in range(repeat):
        began = time.perf_counter()
        try:
            decode(octets)
        except MalformedMessageError as error:
            became = f"refused: {error}"[:100]
        fastest = min(fastest, time.perf_counter() - began)
    return fastest, became


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--octets", type=int, default=65_507)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    say(f"{machine()}; {len(TEXT)} shapes of text and {len(BINARY)} of BER, {given.octets} octets each")
    worst = 0.0
    for which, shapes, decode in (("text", TEXT, text.decode), ("BER", BINARY, binary.decode)):
        found = [(*seconds(decode, make(given.octets), given.repeat), name) for name, make in shapes.items()]
        found.sort(reverse=True)
        for taken, became, name in found[:5]:
            say(f"{which}  {amount(taken):>8}  {name}  ({became})")
        worst = max(worst, found[0][0])
    say(f"worst: {amount(worst)} of {amount(BOUND)} allowed")
    if worst > BOUND:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
