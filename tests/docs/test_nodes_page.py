"""docs/nodes.md: every file that it shows is accepted, and shows every setting there is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from workbench.lab import settings
from workbench.lab.metrics import KNOWN
from workbench.lab.settings.agw import AgwFile
from workbench.lab.settings.alg import AlgFile
from workbench.lab.settings.ibcf import IbcfFile, ibcf
from workbench.lab.settings.kms import KmsFile, kms
from workbench.lab.settings.mrfc import MrfcFile, mrfc
from workbench.lab.settings.mrfc import script as calls
from workbench.lab.settings.mrfp import MrfpFile, mrfp
from workbench.lab.settings.nat import NatFile, device
from workbench.lab.settings.ue import UeFile, script
from workbench.security.source import Source

PAGE = (Path(__file__).parents[2] / "docs" / "nodes.md").read_text(encoding="utf-8")
KINDS = {"agw": (settings.agw, AgwFile), "alg": (settings.alg, AlgFile), "ue": (settings.ue, UeFile),
         "nat": (settings.nat, NatFile), "mrfp": (mrfp, MrfpFile), "kms": (kms, KmsFile), "ibcf": (ibcf, IbcfFile),
         "mrfc": (mrfc, MrfcFile)}


def shown(kind: str) -> list[str]:
    """The files of a command's section."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (text,) = [one for one in section if one.startswith(f"workbench {kind}\n")]
    return re.findall(r"```toml\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_of_the_page_are_accepted(kind: str, tmp_path: Path):
    """A reader who copies one has a node."""
    make, _ = KINDS[kind]
    for text in shown(kind):
        file = tmp_path / "node.toml"
        file.write_text(text)
        assert make(file, Source(1, "x"), 0.0).name == tomllib.loads(text)["name"]
        if kind == "ue":
            script(file)
        if kind == "mrfc":
            assert calls(file)
        if kind == "nat":
            device(file)


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_on_the_page(kind: str):
    """Those that most files go without stand in a comment; nothing is shown that is not there."""
    first, *_ = shown(kind)
    named = set(tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", first, flags=re.MULTILINE)))
    assert named == {field.name for field in msgspec.structs.fields(KINDS[kind][1])}


def test_every_option_is_on_the_page():
    """Of the command line, for all nodes."""
    from workbench.cli_nodes import agw

    for name in agw.__annotations__:
        assert f"`--{ {'every': 'all', 'size': 'capture-size'}.get(name, name)}" in PAGE or name in ("return", "config")


def test_every_figure_is_on_the_page():
    """With its label, kind and meaning; none that is not there."""
    rows = re.findall(r"^\| `(\w+)`(?:, by (\w+))? \| (\w+) \| (.+) \|$", PAGE, re.MULTILINE)
    shown = {name: (label, kind, meaning) for name, label, kind, meaning in rows if kind in ("gauge", "counter")}
    assert shown == KNOWN
