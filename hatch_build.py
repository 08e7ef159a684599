"""Builds the compiled wheel: the same sources, and beside the hot ones what mypyc makes of them.

The wheel is pure Python unless this hook is enabled:

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true pip wheel --no-deps .        (or: make wheel COMPILED=1)

It needs a C compiler where it is built and none where it is installed. The sources are in the wheel as well: an
interpreter for which nothing was compiled takes them, and says and does the same, more slowly.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILED = (
    "workbench/protocols/h248/reading/*.py",
    "workbench/protocols/h248/tokens.py",
    "workbench/protocols/h248/writing.py",
    "workbench/protocols/sdp/text.py",
)


class CompiledBuild(BuildHookInterface[Any]):
    """Compiles the text codec of H.248 into the wheel."""

    def dependencies(self) -> list[str]:
        """What building needs besides hatchling."""
        return ["mypy>=1.14", "setuptools>=65", "msgspec>=0.19"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put what comes out beside the sources."""
        from mypyc.build import mypycify
        from setuptools import Distribution

        sources = [str(path) for pattern in COMPILED for path in sorted(Path().glob(pattern))]
        out = Path(tempfile.mkdtemp(prefix="compiled-"))
        extensions = mypycify(
            ["--config-file=", "--follow-imports=silent", *sources], opt_level="3", target_dir=str(out / "c")
        )
        build = Distribution({"name": "workbench", "ext_modules": extensions}).get_command_obj("build_ext")
        build.build_lib, build.build_temp = str(out / "lib"), str(out / "temp")
        build.ensure_finalized()
        build.run()
        for made in (out / "lib").rglob("*"):
            if made.is_file():
                build_data["force_include"][str(made)] = str(made.relative_to(out / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
