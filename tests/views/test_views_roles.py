"""The role table, and the timeline."""

from __future__ import annotations

from view_samples import report

from workbench.views import role_rows, roles_figure, roles_html, roles_text, timeline_figure, timeline_text


def test_a_row_a_leg() -> None:
    """Roles, version and certificates of each leg stand in its row."""
    access, core = role_rows(report())
    assert (access.tcp_client, access.tls_server, access.matches) == ("UE A", "IMS-AGW", False)
    assert access.tls == "TLS 1.3 TLS_AES_128_GCM_SHA256, decrypted"
    assert (core.tls, core.matches) == ("", None)


def test_a_wrong_certificate_is_said_in_words() -> None:
    """A mismatch is told without colour, in both forms."""
    assert "does NOT match" in roles_html(report())
    assert "does NOT match" in roles_text(report()).replace("\n", " ")


def test_header_cells_have_scope() -> None:
    """Every header cell says what it heads, so that a screen reader can (WCAG 2.2, 1.3.1)."""
    markup = roles_html(report())
    assert markup.count("<th ") == markup.count("scope=") > 0
    assert "<caption>" in markup


def test_no_leg_is_said() -> None:
    """A capture without media says so."""
    assert "no media leg" in roles_text(report(), session="none").lower()
    assert "No media leg" in roles_html(report(), session="none")


def test_figures_show_every_leg_and_wire() -> None:
    """The plotly figures hold a line for TCP and TLS of each leg, and a mark for each message."""
    assert [trace.name for trace in roles_figure(report()).data] == ["access TCP", "access TLS", "core TCP"]
    assert sum(len(trace.x) for trace in timeline_figure(report()).data) == 15


def test_timeline_as_text() -> None:
    """One line a wire, with the letters of what was seen there."""
    lines = timeline_text(report()).splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["UE", "Core"]
    assert "M" in lines[1]
