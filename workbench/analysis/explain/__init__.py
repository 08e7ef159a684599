"""Says of every octet what it is, what it means and in which clause that stands."""

from __future__ import annotations

from workbench.analysis.explain.fields import Coverage, Explained, Field, Layer, coverage
from workbench.analysis.explain.frame import explain_frame, explain_message
from workbench.analysis.explain.meanings import Catalogue, Entry, catalogue
from workbench.analysis.explain.octets import explain_octets

__all__ = [
    "Catalogue", "Coverage", "Entry", "Explained", "Field", "Layer", "catalogue", "coverage", "explain_frame",
    "explain_message", "explain_octets",
]
