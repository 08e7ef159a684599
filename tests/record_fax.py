"""Record the IFP packets of a fax of one page between two spandsp terminals, for runs where spandsp is not installed.

    python tests/record_fax.py workbench/protocols/t38/recorded

Writes one JSON file a call: what was sent when, by whom, and how often it is to be sent. Time is counted, not measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from spandsp_fax import TICK, V17, V27TER, V29, WIDTH, FaxEnd, library, write_tiff

TEXT = (
    "MEDIA PLANE SECURITY", "", "FAX OVER DTLS", "", "ONE PAGE, SENT AS T.38,", "CARRIED BY UDPTL.",
    "", "IF YOU CAN READ THIS,", "NOTHING WAS LOST", "OR ALL WAS MADE GOOD.",
)
CALLS = {
    # Name: ECM, modems, T38FaxVersion, text
    "one_page": (True, V27TER | V29 | V17, 0, TEXT),
    "one_page_v29": (False, V27TER | V29, 3, TEXT),
    "one_line": (True, V27TER | V29 | V17, 0, ("FAX OVER DTLS",)),
}
# 5 by 7 dots a letter, seven rows in hexadecimal
_LETTERS = {
    "A": "e,11,11,1f,11,11,11", "B": "1e,11,11,1e,11,11,1e", "C": "e,11,10,10,10,11,e", "D": "1e,11,11,11,11,11,1e",
    "E": "1f,10,10,1e,10,10,1f", "F": "1f,10,10,1e,10,10,10", "G": "e,11,10,17,11,11,f", "H": "11,11,11,1f,11,11,11",
    "I": "e,4,4,4,4,4,e", "L": "10,10,10,10,10,10,1f", "M": "11,1b,15,15,11,11,11", "N": "11,19,15,13,11,11,11",
    "O": "e,11,11,11,11,11,e", "P": "1e,11,11,1e,10,10,10", "R": "1e,11,11,1e,14,12,11", "S": "f,10,10,e,1,1,1e",
    "T": "1f,4,4,4,4,4,4", "U": "11,11,11,11,11,11,e", "V": "11,11,11,11,11,a,4", "W": "11,11,11,15,15,1b,11",
    "X": "11,11,a,4,a,11,11", "Y": "11,11,a,4,4,4,4", "3": "1f,2,4,2,1,11,e", "8": "e,11,11,e,11,11,e",
    ".": "0,0,0,0,0,c,c", ",": "0,0,0,0,c,4,8",
}
_SCALE = 10


def page(texts: tuple[str, ...] = TEXT) -> list[int]:
    """The lines of the page, a frame around them."""
    lines: list[int] = [0] * 40
    for text in texts:
        rows = [0] * 7
        for letter in text:
            dots = [int(row, 16) for row in _LETTERS.get(letter, "0,0,0,0,0,0,0").split(",")]
            rows = [row << 6 | new << 1 for row, new in zip(rows, dots, strict=True)]
        width = 6 * len(text) * _SCALE
        for row in rows:
            wide = sum(((1 << _SCALE) - 1) << _SCALE * place for place in range(6 * len(text)) if row >> place & 1)
            lines += [wide << max(0, WIDTH - 150 - width)] * (_SCALE // 2)
        lines += [0] * 25
    lines += [0] * 40
    frame = (1 << WIDTH) - 1
    sides = 0xFF << WIDTH - 8 | 0xFF
    return [frame] * 6 + [line | sides for line in lines] + [frame] * 6


def record(ecm: bool, modems: int, version: int, texts: tuple[str, ...]) -> dict[str, object]:
    """One call."""
    spandsp = library()
    if spandsp is None:
        raise SystemExit("spandsp is missing: apt-get install libspandsp2")
    with tempfile.TemporaryDirectory() as folder:
        sent, received = Path(folder) / "sent.tif", Path(folder) / "received.tif"
        lines = page(texts)
        write_tiff(sent, lines)
        packets: list[tuple[float, str, int, str]] = []
        queue: list[tuple[str, bytes]] = []
        now = [0.0]

        def out(name: str):
            def transmit(ifp: bytes, count: int) -> None:
                packets.append((round(now[0], 2), name, count, ifp.hex()))
                queue.append((name, ifp))
            return transmit

        settings = {"modems": modems, "ecm": ecm, "version": version}
        ends = {
            "caller": FaxEnd(spandsp, True, sent, "+1 555 0100", out("caller"), **settings),
            "called": FaxEnd(spandsp, False, received, "+1 555 0123", out("called"), **settings),
        }
        for tick in range(int(300 / TICK)):
            now[0] = tick * TICK
            for end in ends.values():
                end.tick()
            arrived, queue[:] = list(queue), []
            for name, ifp in arrived:
                ends["called" if name == "caller" else "caller"].receive(ifp)
            if all(end.result is not None for end in ends.values()):
                break
        results = {name: end.result for name, end in ends.items()}
        if set(results.values()) != {0}:
            raise SystemExit(f"the fax did not go through: {results}")
        octets = len(received.read_bytes())
    return {
        "origin": "two terminals of spandsp 0.0.6, recorded by tests/record_fax.py",
        "version": version, "ecm": ecm, "lines": len(lines), "received_octets": octets, "seconds": packets[-1][0],
        "packets": packets,
    }


def main() -> None:
    """The command."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, settings in CALLS.items():
        call = record(*settings)
        packets = call.pop("packets")
        assert isinstance(packets, list)
        head = json.dumps(call, indent=1)[:-2]
        rows = ",\n".join("  " + json.dumps(packet) for packet in packets)
        (folder / f"{name}.json").write_text(f'{head},\n "packets": [\n{rows}\n ]\n}}\n', encoding="utf-8")
        sys.stdout.write(f"{name}: {len(packets)} packets, {call['seconds']} s, {call['lines']} lines\n")


if __name__ == "__main__":
    main()
