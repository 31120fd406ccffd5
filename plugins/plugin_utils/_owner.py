# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The identity of this run, and whether another run of this controller still exists."""

from __future__ import annotations

import getpass
import multiprocessing
import os
import socket
import typing as t

Owner = dict[str, t.Any]


def this_run() -> Owner:
    """The owner of the locks that this run takes: ansible-playbook itself, whose workers run the plugins.

    A worker that outlives a killed run has another parent by then, which lives on.
    """
    starter = multiprocessing.parent_process()
    pid = os.getppid() if starter is None or starter.pid is None else starter.pid
    return {"controller": socket.gethostname(), "boot": _boot(), "pid": pid, "started": _started(pid), "user": _user()}


def is_gone(owner: Owner) -> bool:
    """Whether a run has certainly ended. This is unknown for a run on another controller."""
    if owner.get("controller") != socket.gethostname():
        return False
    if owner.get("boot") and owner["boot"] != _boot():
        return True
    pid = int(owner.get("pid", 0))
    if owner.get("started"):
        # another process may have the same number by now
        return bool(owner["started"] != _started(pid))
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _started(pid: int) -> str:
    """The start time of a process in clock ticks since the boot (proc(5), field 22); empty when it is gone or a zombie."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 and fields[0] != "Z" else ""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read().strip()
    except OSError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
