"""The workers: this process alone, processes of this machine, or a Dask cluster that runs elsewhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, Self

from workbench.cluster.outcomes import Job, Outcome, analyse_one
from workbench.errors import LocalProtocolError, WorkbenchError

_DEATHS = 1     # a capture that ended this many workers is given up, so that it can't end them all
_START_SECONDS = 30


class ClusterError(WorkbenchError):
    """The cluster can't be reached, or `distributed` is not installed."""


class Crew:
    """Workers that analyse captures; a context manager, which ends what it started.

    Args:
        workers: processes of this machine; 0: one a core; 1: this process alone, without Dask.
        address: scheduler of a cluster (`tcp://host:8786`); `workers` counts for nothing then. A `tls://` scheduler is
            reached with the certificates that Dask's own configuration names (`distributed.comm.tls`).
        dask: take a worker process even where one worker is asked for.

    Raises:
        ClusterError: on entering.
    """

    def __init__(self, workers: int = 0, address: str = "", *, dask: bool = False) -> None:
        if workers < 0:
            raise LocalProtocolError("a negative number of workers")
        self.workers = workers or _cores()
        self._address = address
        self._alone = self.workers == 1 and not address and not dask
        self._client: Any = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if not self._alone:
            with self._open:
                self._client = self._start()
                self._open = self._open.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def analyse(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """The outcomes in the order in which they come; large captures are begun first.

        A capture that ends its worker, by memory or otherwise, is told in its outcome and keeps no other from its own.
        """
        jobs = sorted(jobs, key=lambda job: (-job.octets, job.name))
        if self._client is None:
            yield from map(analyse_one, jobs)
            return
        distributed: Any = import_module("distributed")

        futures = {self._client.submit(analyse_one, job, pure=False): job for job in jobs}
        for future in distributed.as_completed(list(futures)):
            job = futures.pop(future)
            try:
                outcome: Outcome = future.result()
            except distributed.KilledWorker:
                outcome = Outcome(job.name, error="it ended its worker: most likely it takes more memory than one has")
            except Exception as error:  # whatever a worker of another version or machine raises
                outcome = Outcome(job.name, error=f"the worker failed: {type(error).__name__}: {error}")
            future.release()
            yield outcome

    def _start(self) -> Any:
        try:
            dask: Any = import_module("dask")
            distributed: Any = import_module("distributed")
        except ImportError:
            raise ClusterError("several workers need Dask: pip install 'distributed>=2024.12', or take "
                               "--workers 1") from None
        self._open.enter_context(dask.config.set({
            "distributed.scheduler.allowed-failures": _DEATHS, "distributed.scheduler.worker-saturation": 1.0,
            "distributed.admin.low-level-log-length": 100, "distributed.worker.daemon": True}))
        try:
            if self._address:
                return self._open.enter_context(distributed.Client(self._address, timeout=_START_SECONDS))
            with _without_interrupts():
                cluster: Any = self._open.enter_context(distributed.LocalCluster(
                    n_workers=self.workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0",
                    silence_logs=50, host="127.0.0.1"))
            return self._open.enter_context(distributed.Client(cluster))
        except (OSError, TimeoutError, ValueError, RuntimeError, ImportError) as error:
            where = self._address or "this machine"
            raise ClusterError(f"no cluster at {where}: {error or type(error).__name__}; a scheduler is started with "
                               "`dask scheduler`, its workers with `dask worker ADDRESS`") from None


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C, which a terminal gives to every process, is for this one alone, which ends the others.

    Threads that begin here never see it, nor do the processes that they start, now or in place of one that ended.
    One that comes meanwhile waits for the end of this.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()   # or the first worker's start would, and let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
