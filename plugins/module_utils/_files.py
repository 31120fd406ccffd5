# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Private files of this host: written atomically, mode 0600, one writer at a time."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
import typing as t
from contextlib import contextmanager, suppress
from datetime import datetime, timezone

from ._errors import CantonError


def now() -> datetime:
    return datetime.now(timezone.utc)


def stamp(moment: datetime | None = None) -> str:
    """A time, or now, as the files have it: UTC, to the millisecond."""
    return (moment or now()).isoformat(timespec="milliseconds")


@contextmanager
def only_one(path: str, state: str) -> t.Iterator[None]:
    """Hold the lock ``path``, or raise ``transfer_running`` with the holder as the file names it: ``{pid, state, started}``.

    The kernel releases the lock when the process of its holder ends; the file that is left is then reused.
    """
    descriptor = _locked(path)
    try:
        with suppress(OSError):  # the holder is only information for others
            os.ftruncate(descriptor, 0)
            values = {"pid": os.getpid(), "state": state, "started": time.time()}
            os.pwrite(descriptor, json.dumps(values).encode(), 0)
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _locked(path: str) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as exc:
            raise file_error(path, "made", exc) from exc
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _still_there(path, descriptor):
                return descriptor
        except OSError as exc:
            try:
                raise _held(path, descriptor) if exc.errno == errno.EWOULDBLOCK else file_error(path, "locked", exc)
            finally:
                os.close(descriptor)
        # Its holder removed the file between the two calls: others would lock a new file.
        os.close(descriptor)


def _still_there(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _held(path: str, descriptor: int) -> CantonError:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        pid, state, started = int(holder["pid"]), str(holder["state"]), float(holder["started"])
    except (OSError, ValueError, KeyError, TypeError):
        pid, state, started = 0, "", 0.0
    since = datetime.fromtimestamp(started, timezone.utc).isoformat(timespec="seconds") if started else "some time"
    return CantonError(
        f"Another transfer of this snapshot is running ({f'state {state}, process {pid}' if pid else 'it has just started'}, since {since}); it holds {path}",
        error_id="transfer_running",
        hint="Wait until it has ended, then run again. To stop it, end that process: the next run resumes the interrupted transfer.",
        details={"running": {"pid": pid, "state": state, "started": started}},
    )


@contextmanager
def locked_folder(folder: str) -> t.Iterator[None]:
    """Hold the lock of ``folder`` while reading and writing in it; other processes that use this lock wait."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as exc:
        raise file_error(folder, "opened", exc) from exc
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as exc:
            raise file_error(folder, "locked", exc) from exc
        yield
    finally:
        os.close(descriptor)


def make_folder(folder: str) -> None:
    """Make a folder with mode 0700 unless it is there."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as exc:
        raise file_error(folder, "made", exc) from exc


def remove(path: str) -> None:
    """Remove a file durably, so that it stays removed after a crash of this host; a missing file is no error."""
    try:
        os.unlink(path)
        _sync_folder(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise file_error(path, "removed", exc) from exc


@contextmanager
def private_file(path: str, durable: bool = True) -> t.Iterator[t.BinaryIO]:
    """A file that appears under its name only when it is complete: mode 0600, temporary name, rename.

    It is synced to the disk first unless ``durable`` is false, which is for files that are not needed after this process.
    """
    part = path + ".part"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(descriptor, 0o600)
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            if durable:
                handle.flush()
                os.fsync(handle.fileno())
        os.replace(part, path)
        if durable:
            _sync_folder(path)
    except BaseException as exc:
        with suppress(OSError):
            os.unlink(part)
        if isinstance(exc, OSError):
            raise file_error(path, "written", exc) from exc
        raise


def _sync_folder(path: str) -> None:
    descriptor = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_error(path: str, verb: str, exc: OSError) -> CantonError:
    hints = {
        errno.ENOSPC: "Free space or name another folder in path, then run again: the unfinished file was removed.",
        errno.EDQUOT: "Raise the quota or name another folder in path, then run again: the unfinished file was removed.",
        errno.ENOENT: "Create the folder first (mode 0700, owned by the user who runs the module).",
        errno.EACCES: "Give the user who runs the module access to this folder.",
        errno.EROFS: "Name a folder on a writable file system.",
    }
    return CantonError(
        f"{path} cannot be {verb}: {exc.strerror or exc}",
        error_id="file_" + (errno.errorcode.get(exc.errno or 0, "error").lower()),
        hint=hints.get(exc.errno or 0, "Check the folder and its file system."),
    )


def read_json(path: str, damaged: t.Callable[[str], CantonError] | None = None) -> dict[str, t.Any] | None:
    """The JSON object in a file, or None when there is no such file.

    ``damaged`` makes the error for a file without a JSON object, from the reason; without it, such a file counts as missing.
    """
    why = "it is not a JSON object"
    try:
        with open(path, encoding="utf-8") as handle:
            values = json.load(handle)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise file_error(path, "read", exc) from exc
    except ValueError:
        values, why = None, "it is not JSON"
    if isinstance(values, dict):
        return values
    if damaged is None:
        return None
    raise damaged(why)


def write_json(path: str, values: t.Mapping[str, t.Any], durable: bool = True) -> None:
    with private_file(path, durable) as handle:
        handle.write(json.dumps(values, indent=2, sort_keys=True).encode() + b"\n")
