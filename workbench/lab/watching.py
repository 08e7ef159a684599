"""Who watches a node that runs alone: the screen, the log, the capture. Made together, closed together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from workbench.lab.alone import Watch
from workbench.lab.journal import Log, Place, Screen
from workbench.lab.recording import Plan, Recorder
from workbench.lab.tapping import Tapping
from workbench.lab.trace import Entry
from workbench.net.listening import possible
from workbench.net.values import Note


class Options(msgspec.Struct, frozen=True):
    """What the command line asks for beside the node itself.

    Args:
        every: screen and log show everything that it hears and orders.
        log: a file for JSON lines, or `-` for standard output, which then has nothing else.
        capture: a file for packets.
        size: octets that it may have.
        keylog: TLS secrets go into it.
        metrics: where figures are served; see `lab.metrics_server`.
    """

    every: bool = False
    log: str = ""
    capture: Path | None = None
    size: int = 1 << 30
    keylog: bool = False
    metrics: str = ""


class Watching:
    """All that watches one node.

    Args:
        options: see `Options`.
        plan: what a capture says of the node's surroundings.

    Raises:
        SettingsError, CaptureError: a file can't be written.
    """

    def __init__(self, options: Options, plan: Plan) -> None:
        self.epoch = time.time()
        self.why_rebuilt = possible() if options.capture is not None and not plan.raw else ""
        self.log = Log(options.log, self.epoch, options.every, self._place) if options.log else None
        self.screen = None if options.log == "-" else Screen(options.every)
        self.recorder: Recorder | Tapping | None = None
        self.locate: Place | None = None
        if options.capture is not None:
            if plan.raw or self.why_rebuilt:
                self.recorder = Recorder(
                    options.capture, plan, self.epoch, size=options.size, keylog=options.keylog)
            else:
                self.recorder = Tapping(options.capture, plan, size=options.size, keylog=options.keylog)
        self._watches: list[Watch] = [one for one in (self.screen, self.log, self.recorder) if one is not None]

    @property
    def sees_payload(self) -> bool:
        """Somebody needs every octet to come by the node."""
        return isinstance(self.recorder, Recorder)

    @property
    def kinds(self) -> frozenset[type] | None:
        """What is shown to anybody at all; None: everything."""
        wanted: frozenset[type] = frozenset()
        for one in (self.screen, self.log, self.recorder):
            if one is not None and one.kinds is None:
                return None
            wanted |= (one.kinds or frozenset()) if one is not None else frozenset()
        return wanted

    def __call__(self, entry: Entry) -> None:
        """Show an entry to all."""
        for watch in self._watches:
            watch(entry)

    def write(self, now: float, node: str, event: str, fields: dict[str, Any]) -> None:
        """A line in JSON, into the log, or on standard output where there is none."""
        log = self.log or Log("-", self.epoch)
        log.write(now, node, event, fields)

    def say(self, now: float, node: str, text: str) -> None:
        """A remark of the process itself."""
        self(Entry(now, node, Note(text), heard=False))

    def close(self) -> str:
        """End the capture; what there is to say of it."""
        if self.recorder is None:
            return ""
        said = self.recorder.close()
        self._watches.remove(self.recorder)
        self.recorder = None
        return f"capture: {said}"

    def close_log(self) -> None:
        """End the log."""
        if self.log is not None:
            self.log.close()

    def _place(self, endpoint: Any) -> tuple[int, str] | None:
        return None if self.locate is None else self.locate(endpoint)
