"""What make says on a machine that lacks something: which thing, and the command that brings it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from programs import need

ROOT = Path(__file__).parents[2]


class Machine:
    """A folder with the Makefile, and programs that pretend."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs = folder / "programs"
        self.programs.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        shutil.copytree(ROOT / "binder", folder / "binder")
        (folder / "tests").mkdir()
        shutil.copy(ROOT / "tests/apt.txt", folder / "tests")

    def has(self, name: str, script: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)

    def make(self, *words: str, path: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "CI"}
        found = os.pathsep.join(filter(None, [str(self.programs), path]))
        return subprocess.run(
            [need("make"), *words], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False,
            env={**clean, "PATH": found, **environment})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_old_python_is_named(machine: Machine) -> None:
    """The version that is there, the one that is needed, and how to name another."""
    machine.has("python3", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    done = machine.make(".venv/bin/python")
    assert done.returncode != 0
    assert "3.11 or later" in done.stdout and "Python 3.9.2" in done.stdout and "PYTHON=" in done.stdout
    assert not (machine.folder / ".venv").exists()


def test_an_old_python_that_was_asked_for_is_refused(machine: Machine) -> None:
    """Naming an interpreter does not get round the check."""
    machine.has("python3.9", 'case "$1" in --version) echo Python 3.9.2;; *) exit 1;; esac')
    done = machine.make(".venv/bin/python", "PYTHON=python3.9")
    assert done.returncode != 0 and "python3.9 is Python 3.9.2" in done.stdout


def test_a_missing_venv_module_comes_with_its_command(machine: Machine) -> None:
    """Debian's python3 without python3-venv, and nobody who may install: the command, not a traceback."""
    machine.has("python3", 'case "$2" in *ensurepip*) exit 1;; esac; exit 0')
    machine.has("id", "echo 1000")
    done = machine.make(".venv/bin/python")
    assert done.returncode != 0 and "sudo apt-get install python3-venv" in done.stdout


@pytest.mark.parametrize("ci", [False, True], ids=["on a laptop", "on CI"])
def test_missing_programs_are_named_and_only_ci_insists(machine: Machine, ci: bool) -> None:
    """Not root: every missing package by name with the command; tests go on, except on CI."""
    machine.has("dpkg-query", '[ "${!#}" = iproute2 ] && echo installed')
    machine.has("id", "echo 1000")
    done = machine.make("system", path="/usr/bin:/bin", **({"CI": "true"} if ci else {}))
    assert (done.returncode != 0) is ci
    assert "sudo apt-get install" in done.stdout and "iproute2" not in done.stdout
    for package in (ROOT / "tests/apt.txt").read_text().split():
        assert package == "iproute2" or package in done.stdout


def test_nothing_is_said_where_nothing_is_missing(machine: Machine) -> None:
    """All packages there: no word and no apt-get."""
    machine.has("dpkg-query", "echo installed")
    machine.has("apt-get", "exit 1")
    done = machine.make("system", path="/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (0, "")


def test_packages_are_installed_where_that_is_allowed(machine: Machine) -> None:
    """Root: apt-get gets just what is missing."""
    machine.has("dpkg-query", '[ "${!#}" != tshark ] && echo installed')
    machine.has("id", "echo 0")
    machine.has("apt-get", f'echo "$@" >> {machine.folder}/asked')
    done = machine.make("system", f"POLICY={machine.folder}/policy", path="/usr/bin:/bin")
    assert done.returncode == 0
    assert (machine.folder / "asked").read_text() == "install -qq -y --no-install-recommends tshark\n"


@pytest.mark.parametrize("works", [True, False], ids=["installed", "apt-get fails"])
def test_no_service_is_started_by_its_installation(machine: Machine, works: bool) -> None:
    """While apt-get runs, policy-rc.d answers 101 (action forbidden by policy); afterwards it is gone."""
    policy = machine.folder / "policy"
    machine.has("dpkg-query", '[ "${!#}" != kamailio ] && echo installed')
    machine.has("id", "echo 0")
    machine.has("apt-get", f"{policy} kamailio start; echo $? >> {machine.folder}/said; exit {0 if works else 1}")
    machine.make("system", f"POLICY={policy}", path="/usr/bin:/bin")
    assert set((machine.folder / "said").read_text().split()) == {"101"}
    assert not policy.exists()


def test_a_policy_of_the_machine_s_own_stays(machine: Machine) -> None:
    """Whoever has said already what may be started keeps that word."""
    policy = machine.folder / "policy"
    machine.has("policy", "exit 104")
    policy.write_bytes((machine.programs / "policy").read_bytes())
    machine.has("dpkg-query", "true")
    machine.has("id", "echo 0")
    machine.has("apt-get", "true")
    machine.make("system", f"POLICY={policy}", path="/usr/bin:/bin")
    assert "exit 104" in policy.read_text()


def test_help_names_every_target_that_people_use(machine: Machine) -> None:
    """`make` alone lists them."""
    done = machine.make(path="/usr/bin:/bin")
    assert done.returncode == 0
    assert all(f"\n{target} " in "\n" + done.stdout for target in ("run", "test", "test-long", "lab", "lock"))
