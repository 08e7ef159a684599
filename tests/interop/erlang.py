"""Erlang/OTP's megaco as a second opinion on H.248, text and BER: one process for a whole batch of messages."""

from __future__ import annotations

import base64
import subprocess
from functools import cache
from pathlib import Path

from programs import missing, need

_HERE = Path(__file__).parent
_DRIVER = Path(__file__).with_name("h248_driver.escript")
_PACKAGES = "erlang-base erlang-megaco erlang-examples"


@cache
def compiled(folder: Path) -> Path:
    """A folder with the modules of our own that run on megaco, compiled once a run of the tests."""
    erlc = need("erlc", _PACKAGES)
    done = subprocess.run([erlc, "-o", str(folder), *map(str, sorted(_HERE.glob("*.erl")))],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Refused(str):
    """Why megaco did not decode or encode a message."""


def erlang_terms(messages: list[bytes]) -> list[str | Refused]:
    """What megaco's text decoder makes of each message: the Erlang term as text, or why it refused.

    Skips the test where Erlang is missing (on CI it fails).
    """
    return _terms(_asked([("text", message) for message in messages]))


def erlang_ber_terms(messages: list[tuple[int, bytes]]) -> list[str | Refused]:
    """The same of messages in BER, each with its version (asked to find it out, megaco reads them as version 1)."""
    return _terms(_asked([(f"ber{version}", octets) for version, octets in messages]))


def erlang_native_terms(messages: list[tuple[int, bytes]]) -> list[str | Refused]:
    """What megaco's ASN.1 codec makes of BER, with ids and names of any form left as octets."""
    return _terms(_asked([(f"native{version}", octets) for version, octets in messages]))


def _terms(answers: list[tuple[bool, bytes]]) -> list[str | Refused]:
    return [Refused(_text(answer)) if bad else _text(answer) for bad, answer in answers]


def erlang_recoded(messages: list[bytes]) -> list[bytes | Refused]:
    """What megaco's BER encoder makes of each text, or why text or encoder refused."""
    answers = _asked([("recode", message) for message in messages])
    return [Refused(_text(answer)) if bad else answer for bad, answer in answers]


def _text(octets: bytes) -> str:
    return octets.decode("utf-8")


def _asked(messages: list[tuple[str, bytes]]) -> list[tuple[bool, bytes]]:
    need("erl", _PACKAGES)
    escript = need("escript", _PACKAGES)
    lines = "".join(f"{what} {base64.b64encode(message).decode()}\n" for what, message in messages)
    done = subprocess.run(
        [escript, str(_DRIVER)], input=lines, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode or "megaco" in done.stderr:
        missing("megaco", f"apt-get install {_PACKAGES}: {done.stderr.strip()[:300]}")
    answers: list[tuple[bool, bytes]] = []
    for line in done.stdout.splitlines():
        tag, _, answer = line.partition(" ")
        answers.append((tag != "ok", base64.b64decode(answer)))
    assert len(answers) == len(messages), done.stderr
    return answers


def example_messages() -> dict[str, bytes]:
    """The 149 messages that come with megaco's examples, by name.

    Skips the test where they are missing (on CI it fails).
    """
    return _examples("pretty")


def example_ber() -> dict[str, bytes]:
    """The same messages as megaco's own measurements have them in BER."""
    return _examples("ber")


def _examples(encoding: str) -> dict[str, bytes]:
    erl = need("erl", _PACKAGES)
    script = (
        "megaco:start(),"
        'code:add_patha(filename:join([code:lib_dir(megaco), "examples", "meas"])),'
        f"{{_, L}} = lists:keyfind({encoding}, 1, megaco_codec_transform:messages()),"
        'io:setopts([{encoding, latin1}]), [io:format("~s ~s~n", [N, base64:encode(M)]) || {N, M} <- L], halt().'
    )
    done = subprocess.run([erl, "-noshell", "-eval", script], capture_output=True, text=True, timeout=60, check=False)
    pairs = (line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith("msg"))
    found = {name: base64.b64decode(octets) for name, octets in pairs}
    if not found:
        missing("time_test.msgs", f"apt-get install {_PACKAGES}")
    return found
