"""Erlang/OTP's megaco as a second opinion on H.248 text: one process for a whole batch of messages."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from programs import missing, need

_DRIVER = Path(__file__).with_name("h248_driver.escript")
_PACKAGES = "erlang-base erlang-megaco erlang-examples"


class Refused(str):
    """Why megaco did not decode a message."""


def erlang_terms(messages: list[bytes]) -> list[str | Refused]:
    """What megaco's text decoder makes of each message: the Erlang term as text, or why it refused.

    Skips the test where Erlang is missing (on CI it fails).
    """
    need("erl", _PACKAGES)
    escript = need("escript", _PACKAGES)
    lines = "".join(base64.b64encode(message).decode() + "\n" for message in messages)
    done = subprocess.run(
        [escript, str(_DRIVER)], input=lines, capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode or "megaco" in done.stderr:
        missing("megaco", f"apt-get install {_PACKAGES}: {done.stderr.strip()[:300]}")
    answers: list[str | Refused] = []
    for line in done.stdout.splitlines():
        tag, _, term = line.partition(" ")
        text = base64.b64decode(term).decode("utf-8")
        answers.append(text if tag == "ok" else Refused(text))
    assert len(answers) == len(messages), done.stderr
    return answers


def example_messages() -> dict[str, bytes]:
    """The 149 messages that come with megaco's examples, by name.

    Skips the test where they are missing (on CI it fails).
    """
    erl = need("erl", _PACKAGES)
    script = (
        'File = filename:join([code:lib_dir(megaco), "examples", "meas", "time_test.msgs"]),'
        "case file:consult(File) of {ok, [{pretty, L}]} ->"
        ' [io:format("~s ~s~n", [N, base64:encode(M)]) || {N, M} <- L]; _ -> ok end, halt().'
    )
    done = subprocess.run([erl, "-noshell", "-eval", script], capture_output=True, text=True, timeout=60, check=True)
    pairs = (line.split(" ", 1) for line in done.stdout.splitlines())
    found = {name: base64.b64decode(octets) for name, octets in pairs}
    if not found:
        missing("time_test.msgs", f"apt-get install {_PACKAGES}")
    return found
