"""Many captures on many cores or machines: each is analysed on a worker of a Dask cluster, and told in one row."""

from workbench.cluster.crew import Crew
from workbench.cluster.outcomes import Job, Outcome, analyse_one
from workbench.cluster.searching import MOST_CAPTURES, captures_in

__all__ = ["MOST_CAPTURES", "Crew", "Job", "Outcome", "analyse_one", "captures_in"]
