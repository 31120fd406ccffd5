# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for systemctl where no systemd runs: knows the units of one folder and runs them as processes.

What ansible.builtin.systemd_service asks for and no more. ``STAND_IN_UNITS`` is the folder of the units, ``STAND_IN_STATE`` a folder for
what is remembered; each command that changes something is a line of ``commands`` there.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

UNITS = Path(os.environ["STAND_IN_UNITS"])
STATE = Path(os.environ["STAND_IN_STATE"])
STOP_SECONDS = 10.0


def unit_file(name: str) -> Path:
    return UNITS / name


def lines_of(name: str, setting: str) -> list[str]:
    text = unit_file(name).read_text(encoding="utf-8")
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{setting}=")]


def environment_of(name: str) -> dict[str, str]:
    found = dict(os.environ)
    for file in lines_of(name, "EnvironmentFile"):
        for line in Path(file.removeprefix("-")).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                variable, _sign, value = line.partition("=")
                found[variable] = re.sub(r"\\(.)", r"\1", value.removeprefix('"').removesuffix('"'))
    return found


def recall(name: str) -> dict[str, Any]:
    file = STATE / f"{name}.json"
    fresh = {"enabled": False, "masked": False, "pid": 0}
    return {**fresh, **json.loads(file.read_text(encoding="utf-8"))} if file.exists() else fresh


def remember(name: str, state: dict[str, Any]) -> None:
    (STATE / f"{name}.json").write_text(json.dumps(state), encoding="utf-8")


def runs(pid: int) -> bool:
    if not pid:
        return False
    try:
        stat = Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def start(name: str, state: dict[str, Any]) -> None:
    (command,) = lines_of(name, "ExecStart")
    with (STATE / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(command)],
            env=environment_of(name),
            cwd=lines_of(name, "WorkingDirectory")[0],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    state["pid"] = process.pid


def stop(state: dict[str, Any]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    with contextlib.suppress(ProcessLookupError):
        if runs(state["pid"]):
            os.kill(state["pid"], signal.SIGTERM)
        while runs(state["pid"]):
            if time.monotonic() > deadline:
                os.kill(state["pid"], signal.SIGKILL)
            time.sleep(0.05)
    state["pid"] = 0


def show(name: str, state: dict[str, Any]) -> int:
    load = "masked" if state["masked"] else "loaded" if unit_file(name).exists() else "not-found"
    active = "active" if runs(state["pid"]) else "inactive"
    print(f"Id={name}\nLoadState={load}\nActiveState={active}\nSubState={'running' if active == 'active' else 'dead'}")
    return 0


def main(arguments: list[str]) -> int:
    command, *rest = [argument for argument in arguments if not argument.startswith("-")]
    if command == "daemon-reload":
        return 0
    (name,) = rest
    state = recall(name)
    if command == "show":
        return show(name, state)
    if command == "is-enabled":
        answer = "masked" if state["masked"] else "enabled" if state["enabled"] else "disabled"
        print(answer)
        return 0 if answer == "enabled" else 1
    with (STATE / "commands").open("a", encoding="utf-8") as commands:
        commands.write(f"{command} {name}\n")
    if command in ("mask", "unmask"):
        state["masked"] = command == "mask"
    elif command in ("enable", "disable"):
        state["enabled"] = command == "enable"
    elif command in ("start", "restart", "stop"):
        stop(state)
        if command != "stop":
            start(name, state)
    else:
        print(f"the stand-in knows no {command}", file=sys.stderr)
        return 1
    remember(name, state)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
