"""A Chromium of the tests' own that speaks to nobody, and what happened on a page of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import programs
import pytest

AXE = Path(__file__).parents[1] / "vectors" / "axe" / "axe.min.js"


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser, ended at the end."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=programs.need("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                  "--disable-background-networking", "--disable-component-update"])
        yield browser
        browser.close()


class Seen:
    """A page, and everything on it that a report must not do: errors, console lines, dialogs, requests elsewhere.

    Args:
        browser: of `chromium`.
        address: of the page, `file:`.
        options: of the browser's context, such as `color_scheme`.
    """

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.happened: list[str] = []
        self.requests: list[str] = []
        self._context = browser.new_context(**options)
        self.page = self._context.new_page()
        self.page.on("pageerror", lambda error: self.happened.append(f"error: {error}"))
        self.page.on("console", lambda message: self.happened.append(f"console: {message.text}"))
        self.page.on("dialog", self._dialog)
        self.page.on("popup", lambda popup: self.happened.append(f"popup: {popup.url}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def _dialog(self, dialog: Any) -> None:
        self.happened.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def close(self) -> None:
        """End the page."""
        self._context.close()


def serious(page: Any) -> list[tuple[str, str, str, str]]:
    """What axe finds on a page that is serious or critical: rule, impact, what it asks for, the first such element.

    Axe judges what is visible; explanations that are not shown are taken away before, since it would walk them all.
    """
    page.evaluate("document.querySelectorAll('.panel:not(.chosen)').forEach(one => one.remove())")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["testEngine"]["version"] == "4.14.1" and len(found["passes"]) > 15
    return [(one["id"], one["impact"], one["help"], one["nodes"][0]["html"][:200]) for one in found["violations"]
            if one["impact"] in ("serious", "critical")]
