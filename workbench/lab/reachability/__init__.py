"""Who can be called behind which NAT: nine behaviours of one side against nine of the other, each pair a real call.

Layers to compare:

- `gateway`: UE A, which is TCP-active, calls UE B across two access edges. UE B is passive, and writes the address that
  a STUN server told it for its media port. With `modified`, the IMS-ALG of UE B changes a=setup so that UE B opens the
  connection instead (TS 23.334 §5.16.2.3).
- `direct`: no gateway and no listener; both sides open to where a STUN server saw the other one (RFC 5382 REQ-2).
- `punching`: the same, and both sides listen too (RFC 5128 §3.4).

A cell is judged by the packets of its capture and by nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from workbench.lab.reachability import calls
from workbench.lab.reachability.judging import judge
from workbench.lab.reachability.values import PAIRS, Cell, Matrix, Mechanism, Pair, Task, Unsolicited
from workbench.lab.run import Run

__all__ = ["PAIRS", "Cell", "Matrix", "Mechanism", "Pair", "call", "judge", "matrix"]

Progress = Callable[[int, int], None]


def matrix(
    modified: bool = False,
    mechanism: Mechanism = "gateway",
    seed: int = 1,
    progress: Progress | None = None,
    *,
    rows: Sequence[Pair] = PAIRS,
    columns: Sequence[Pair] = PAIRS,
    unsolicited: Unsolicited = "drop",
    lag: float = 0.0,
    workers: int = 1,
) -> Matrix:
    """Make all 81 calls of a layer, or those between some behaviours.

    Args:
        modified: the IMS-ALG of UE B may change a=setup; `gateway` only.
        mechanism: the layer.
        progress: is told after each call how many are done, and of how many.
        rows, columns: behaviours of the NAT of UE A, which calls, and of that of UE B.
        unsolicited: what both NATs answer to a SYN that they do not let in.
        lag: seconds by which UE B opens later than UE A; not for `gateway`.
        workers: processes that share the calls; 1: this one makes them all.
    """
    tasks = [Task(a, b, mechanism, modified, unsolicited, lag, seed) for a in rows for b in columns]
    cells: list[Cell] = []
    for cell in _computed(tasks, workers):
        cells.append(cell)
        if progress is not None:
            progress(len(cells), len(tasks))
    table = tuple(tuple(cells[at : at + len(columns)]) for at in range(0, len(cells), len(columns)))
    return Matrix(mechanism, modified, tuple(rows), tuple(columns), table)


def call(
    a: Pair,
    b: Pair,
    modified: bool = False,
    mechanism: Mechanism = "gateway",
    seed: int = 1,
    *,
    unsolicited: Unsolicited = "drop",
    lag: float = 0.0,
    out: Path | str | None = None,
) -> Run:
    """Make one call, to be looked at. Arguments as of `matrix`; `out` is the folder for its capture."""
    return _run(Task(a, b, mechanism, modified, unsolicited, lag, seed), out)


def _run(task: Task, out: Path | str | None) -> Run:
    if task.mechanism == "gateway":
        return calls.across_edges(task).run(seed=task.seed, out=out)
    live = calls.without_gateway(task).start(seed=task.seed, out=out)
    calls.punch(live, task)
    return live.finish()


def _compute(task: Task) -> Cell:
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        return judge(_run(task, folder).capture)


def _computed(tasks: list[Task], workers: int) -> Iterable[Cell]:
    """The cells, in the order of the tasks. A new process starts from nothing: the caller may have threads."""
    if workers == 1:
        yield from map(_compute, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_compute, tasks, chunksize=3)
