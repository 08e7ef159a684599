"""The ladder as a Mermaid diagram: complete, bounded, and steered by no text of a capture."""

from __future__ import annotations

import re

import pytest
from view_samples import ALG, HOSTILE, UE, message, report

from workbench.views.mermaid import mermaid_escape, mermaid_text

LINE = re.compile(r"    (participant n\d+ as |n\d+--?>>n\d+: |Note over n\d+: )([^\n]*)")


def test_each_message_is_an_arrow() -> None:
    """One arrow a row, in order, dotted where the message was encrypted on the wire."""
    lines = mermaid_text(report()).splitlines()
    assert lines[0] == "sequenceDiagram" and lines[1] == "    participant n0 as UE A"
    arrows = [line for line in lines if ">>" in line]
    assert len(arrows) == 15 and arrows[0] == "    n0->>n1: SIP INVITE sip#58;bob@home2.example"
    assert sum("-->>" in line for line in arrows) == 4


def test_what_is_left_out_is_said() -> None:
    """A long ladder is cut, and a note says by how much; an empty one says so."""
    text = mermaid_text(report(), most=5)
    assert text.count(">>") == 5 and "Note over n0: 10 more messages are left out" in text
    assert "no messages" in mermaid_text(report(), session="call-99")


@pytest.mark.parametrize("text", [
    HOSTILE, "%%{init: {'securityLevel': 'loose'}}%%", "x\nclick n0 href \"javascript:alert(1)\"", "wrap: x",
    "a; participant evil", "#lt;script>#35;60;", "end", "", "\u2028link n0: a @ b", "---\nconfig: x\n---", "%% gone"])
def test_text_of_a_capture_is_not_obeyed(text: str) -> None:
    """Every line is one of ours; its text holds letters, digits, harmless marks and whole `#code;` only."""
    shown = mermaid_text(report(message(15, UE, ALG, text, text)))
    for line in shown.splitlines()[1:]:
        found = LINE.fullmatch(line)
        assert found is not None, line
        left = re.sub(r"#\d+;", "", found[2])
        assert not set(left) & set("#;:<>%{}[]\"`\\\n\x1b\u202e\u2028") and left.strip() != "end"
    assert re.sub(r"#(\d+);", lambda at: chr(int(at[1])), mermaid_escape("<b>; 100 %")) == "<b>; 100 %"
