"""What erlang-megaco writes in BER is explained octet by octet."""

from __future__ import annotations

from interop.erlang import example_ber

from workbench.analysis.explain import coverage
from workbench.analysis.explain.fields import Layer
from workbench.analysis.explain.octets import fields_of, spans_of
from workbench.protocols.layout import uncovered


def test_every_octet_of_the_examples_is_explained():
    """All examples of the library: fields without gaps, each with a meaning of its own."""
    examples = example_ber()
    assert len(examples) == 149
    for name, octets in examples.items():
        spans = spans_of("H.248", octets)
        assert uncovered(spans, 0, len(octets)) == [], name
        assert coverage(Layer(name, "H.248", octets, fields_of(spans))).unexplained == (), name
