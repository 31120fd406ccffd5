# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a program in the background until it is ready, and stop it later by its process id.

Usage: background.py start PIDFILE LOGFILE READYFILE SECONDS COMMAND...
       background.py stop PIDFILE SECONDS
`start` returns when READYFILE exists. When the program ends before that, or SECONDS pass, it shows the end of the log
and fails.
`stop` asks politely (SIGTERM) and kills after SECONDS; nothing to stop is no error.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

LOG_TAIL = 4000
POLL_SECONDS = 0.1


def start(pid_file: Path, log_file: Path, ready_file: Path, seconds: float, command: list[str]) -> int:
    for path in (pid_file, log_file, ready_file):
        path.parent.mkdir(parents=True, exist_ok=True)
    ready_file.unlink(missing_ok=True)
    with log_file.open("wb") as log:
        # a session of its own: it must outlive this program and the playbook that runs it
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    pid_file.write_text(f"{process.pid} {started(process.pid)}\n", encoding="utf-8")
    deadline = time.monotonic() + seconds
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            print(log_file.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL:], file=sys.stderr)
            print(f"{command[0]} was not ready after {seconds:.0f} s (exit code {process.poll()})", file=sys.stderr)
            stop(pid_file, seconds=10)
            return 1
        time.sleep(POLL_SECONDS)
    return 0


def started(pid: int) -> str:
    """When a live process was started, in clock ticks since boot; empty when there is none.

    It tells a process from a later one that got the same id.
    """
    try:
        stat = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # the second field, in brackets, is the command and may hold blanks; the third is the state, the 22nd the start time
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def stop(pid_file: Path, seconds: float) -> int:
    if not pid_file.exists():
        return 0
    pid_text, birth = pid_file.read_text(encoding="utf-8").rstrip("\n").split(" ")
    pid = int(pid_text)
    deadline = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        if birth and started(pid) == birth:
            os.kill(pid, signal.SIGTERM)
        while birth and started(pid) == birth:
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
    pid_file.unlink()
    return 0


def main(arguments: list[str]) -> int:
    if arguments[0] == "start":
        pid_file, log_file, ready_file = (Path(argument) for argument in arguments[1:4])
        return start(pid_file, log_file, ready_file, float(arguments[4]), arguments[5:])
    return stop(Path(arguments[1]), float(arguments[2]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
