"""The command line in this process."""

from __future__ import annotations

import sys

import pytest

from workbench import cli


@pytest.fixture
def command(monkeypatch, capsys):
    """`command("list", "--json")`: exit status, stdout and stderr of `workbench list --json`."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return run
