"""Why end-to-end TLS and NATs collide: every combination a real call, and what the middle can read of it.

NAT of UE A × NAT of UE B × a=setup of offer and answer × what UEs and networks do about it (`Mechanism`): two UEs, two
access edges, one connection with TLS. a=setup says who opens TCP (RFC 4145 §4), and with MSRP who begins TLS too (RFC
8122 §4). With BFCP the offerer begins TLS, whoever opens TCP (RFC 8856 §8): what collides for MSRP does not for BFCP.

A cell is judged by the packets of its capture: who got what, and who could read it with which keys.

Source: TR 29.828 §5.1.2.2 and Annex D, TS 23.334 §6.2.10A, §5.16.2.3.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from workbench.lab.collision import calls
from workbench.lab.collision.judging import judge, keys_of
from workbench.lab.collision.values import (
    EXCHANGES,
    MECHANISMS,
    NATS,
    Cell,
    Exchange,
    Key,
    Mechanism,
    Media,
    Nat,
    Row,
    Table,
    Task,
    Tls,
)
from workbench.lab.run import Run

__all__ = [
    "EXCHANGES", "MECHANISMS", "NATS", "USUAL", "Cell", "Exchange", "Key", "Mechanism", "Media", "Nat", "Row", "Table",
    "Task", "Tls", "call", "judge", "keys_of", "tables",
]  # fmt: skip

Progress = Callable[[int, int], None]
USUAL: tuple[Nat, ...] = ("none", "open", "home")


def tables(
    mechanisms: Sequence[Mechanism] = tuple(MECHANISMS),
    nats: Sequence[Nat] = USUAL,
    progress: Progress | None = None,
    *,
    media: Media = "msrp",
    key: Key = "certificate",
    tls: Tls = "1.3",
    seed: int = 1,
    workers: int = 1,
) -> tuple[Table, ...]:
    """Make all calls of some mechanisms between UEs behind some NATs.

    Args:
        mechanisms, nats: see `MECHANISMS` and `NATS`; each NAT for UE A and for UE B.
        progress: is told after each call how many are done, and of how many.
        media: what is said over TLS: messages, or requests for a floor of which UE B has the server.
        key: how TLS is keyed: certificates and fingerprints, or a key that both UEs have (not for `e2ae`).
        tls: the version that everybody speaks.
        workers: processes that share the calls; 1: this one makes them all.
    """
    tasks = [Task(a, b, exchange, mechanism, media, key, tls, seed) for mechanism in mechanisms
             for a, b, exchange in itertools.product(nats, nats, EXCHANGES)]
    cells: list[Cell] = []
    for cell in _computed(tasks, workers):
        cells.append(cell)
        if progress is not None:
            progress(len(cells), len(tasks))
    left = iter(cells)
    return tuple(Table(mechanism, media, key, tuple(Row(a, b, tuple(itertools.islice(left, len(EXCHANGES))))
                                        for a, b in itertools.product(nats, nats))) for mechanism in mechanisms)


def call(task: Task, out: Path | str | None = None) -> Run:
    """Make one call, to be looked at; `out` is the folder for its capture."""
    return calls.between_edges(task).run(seed=task.seed, out=out)


def _compute(task: Task) -> Cell:
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        run = call(task, folder)
        return judge(run.capture, keys_of(run.trace))


def _computed(tasks: list[Task], workers: int) -> Iterable[Cell]:
    """The cells, in the order of the tasks. A new process starts from nothing: the caller may have threads."""
    if workers == 1:
        yield from map(_compute, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_compute, tasks, chunksize=4)
