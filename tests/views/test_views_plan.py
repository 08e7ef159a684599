"""The work plan as a table: what is asked for, told in text and HTML, safely."""

from __future__ import annotations

import pytest

from workbench.views.plan_table import TABLES, plan_entries, plan_html, plan_text
from workbench.views.widgets import plan
from workbench.workplan import gather

CHOSEN = ["C8", "C12", "SR-8", "IE-18", "IE-23", "IE-8"]


@pytest.fixture(scope="module")
def document():
    return gather(only=CHOSEN).to_json()


def ids(entries):
    return [entry["id"] for entry in entries]


def test_every_table_is_drawn_both_ways(document):
    """Each entry's id, status and subject stand in the text and in the HTML."""
    for table in TABLES:
        text, html = plan_text(document, table), plan_html(document, table)
        for entry in document[table]:
            assert entry["id"] in text and entry["id"] in html
            assert entry["status"] in text and entry["status"] in html


def test_filters_leave_what_is_asked_for(document):
    assert ids(plan_entries(document, "gaps", met_by="gap")) == ["IE-8", "IE-23"]
    assert ids(plan_entries(document, "gaps", interface="Mp")) == ["IE-23"]
    assert ids(plan_entries(document, "gaps", "g/CAUSE")) == ["IE-18"]
    assert ids(plan_entries(document, "rows", spec="")) == ids(document["rows"])
    assert plan_entries(document, "rows", "no such words at all") == []


def test_a_panel_is_filtered_from_code(document):
    """What is chosen is what is shown; a field that the table has not is refused."""
    panel = plan(document, "gaps")
    assert ids(panel.choose(met_by="package")) == ["IE-18"]
    assert "IE-18" in str(panel) and "IE-23" not in str(panel)
    assert ids(panel.choose("seplink")) == ["IE-8"]
    with pytest.raises(KeyError, match="filtered by"):
        panel.choose(colour="blue")


def test_the_panel_has_a_field_for_each_filter(document):
    """In a notebook every value of a filter can be chosen, and choosing it draws the table anew."""
    box = plan(document, "gaps")._panel()
    words, status, interface, met_by = box.children[0].children
    assert [value for _, value in interface.options][:1] == [""] and "Mp" in [value for _, value in interface.options]
    met_by.value = "gap"
    assert "IE-23" in box.children[1].value and "IE-18" not in box.children[1].value
    words.value = "key"
    assert "IE-8" not in box.children[1].value
    assert status.value == ""


def test_what_stands_in_an_entry_is_escaped(document):
    entry = {**document["rows"][0], "subject": "<script>alert(1)</script>", "reason": "<img src=x>"}
    html = plan_html({"rows": [entry]}, "rows")
    assert "<script>" not in html and "<img" not in html and "&lt;script&gt;" in html
