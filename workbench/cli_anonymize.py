"""The command `workbench anonymize`: a capture that may be given away."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workbench.cli_words import Json, complain, print_json, progress, say


def anonymize(
    capture: Annotated[Path, typer.Argument(help="A pcapng or pcap file, packed or not.", show_default=False)],
    out: Annotated[Path, typer.Argument(help="The pcapng file to write.", show_default=False)],
    key: Annotated[Path | None, typer.Option(
        "--key", metavar="FILE", show_default=False,
        help="A secret file: the same one gives the same replacements. Without it they differ each time.")] = None,
    json: Json = False,
) -> None:
    """Write a capture with other addresses, identities, keys and contents, as long as they were.

    Checksums stay as right as they were. Nothing is written if an original value would still be visible.
    """
    from workbench.anonymizing.writing import anonymize as write
    from workbench.errors import CaptureError

    secret = None
    if key is not None:
        secret = key.read_bytes()
        if len(secret) < 16:
            raise CaptureError(f"{key}: {len(secret)} octets are no key; at least 16")
    with progress(1, quiet=json) as advance:
        advance(capture.name)
        result = write(capture, out, key=secret,
                       watch=lambda what, frames: advance(f"{capture.name}: {what}, {frames}", done=False))
    if json:
        print_json({"capture": str(capture), "written": str(out), "frames": result.frames, "values": result.values,
                    "zeros": result.zeros, "notes": list(result.notes)})
        return
    say(f"{out}: {result.frames} frames, {result.values} values replaced; none of them is visible any more")
    if result.zeros:
        say(f"  {result.zeros} octets were not understood, and are zeros now")
    for note in result.notes:
        complain(note)
