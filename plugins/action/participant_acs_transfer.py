# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module of the same name in the background of the executing host, and shows its progress.

It uses Ansible's own ``async``: such a job continues after a lost connection and after the end of Ansible. A second run finds the
lock of the transfer held, watches that transfer until it ends, and then starts the module again.
"""

from __future__ import annotations

import hashlib
import shlex
import time
import typing as t
from dataclasses import dataclass

import ansible.constants as C
from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_bool, check_type_float
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible.vars.clean import remove_internal_keys

from ..plugin_utils._progress import Progress, Sample, summary

MODULE = "ledgerops.canton.participant_acs_transfer"
LIMIT_SECONDS = 30 * 24 * 3600  # Ansible ends background jobs after a time that has to be named
FIRST_LOOK_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
# The exit code of the command that reads a job's file, where there is none
NO_FILE = 3
# A process that has just ended may not have left its result yet.
ENDING_SECONDS = 5.0
FOLDER_GONE_SECONDS = 15.0
# A module reports its start at once; after this time it never will, for example because the host was restarted.
BEGINNING_SECONDS = 600.0
_OF_THE_JOB = (
    "ansible_job_id",
    "finished",
    "results_file",
    "started",
    "stderr",
    "stderr_lines",
    "stdout",
    "stdout_lines",
)
_MARK = "-- ledgerops.canton --"
AGAIN = "Start the same play again: it waits for a transfer that still runs, and resumes an interrupted one."

display = Display()


class Lost(Exception):
    """The executing host was unreachable for longer than progress_patience."""


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: t.Any = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        if not self._in_background():
            wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
            result.update(self._execute_module(module_name=MODULE, task_vars=variables, wrap_async=wrap_async))
            if not wrap_async:
                self._remove_tmp_path(self._connection._shell.tmpdir)
            return result
        self._host = str(variables.get("inventory_hostname", "host"))
        self._began = time.monotonic()
        try:
            self._patience = check_type_float(self._task.args.get("progress_patience", 300.0))
            self._interval = check_type_float(self._task.args.get("progress_interval", 5.0))
            self._wanted = check_type_bool(self._task.args.get("progress", True)) and not self._task.no_log
            self._background = check_type_bool(self._task.args.get("background", True))
        except TypeError as exc:
            return {
                **result,
                "failed": True,
                "msg": f"background, progress, progress_interval or progress_patience: {exc}",
            }
        self._shown = False
        self._next_line = self._began + self._interval
        arguments = self._arguments()
        while True:
            try:
                found = self._transfer(arguments, variables)
            except Lost as exc:
                found = {"failed": True, "msg": str(exc), "error_id": "connection_lost", "hint": AGAIN}
            # Only the refusal of a lock that is held names a transfer that is running.
            running = found.get("running")
            if not isinstance(running, dict):
                break
            self._say(
                f"another run's transfer is in progress (state {running['state']}, process {running['pid']}): waiting for it"
            )
            try:
                self._watch_other(arguments["progress_file"], int(running["pid"]))
            except Lost as exc:
                found = {"failed": True, "msg": str(exc), "error_id": "connection_lost", "hint": AGAIN}
                break
        if self._shown and "transfer" in found:
            self._say(summary(found["transfer"]))
        result.update(found)
        return result

    def _in_background(self) -> bool:
        """Not what is quick: check mode, which must leave no files, and a connection; not when the user manages the job."""
        elsewhere = self._connection.has_native_async or self._connection.always_pipeline_modules
        quick = self._task.check_mode or self._task.args.get("state") == "connected"
        return not (quick or self._task.async_val or elsewhere)

    def _arguments(self) -> dict[str, t.Any]:
        """The module's arguments, with a progress file that both sides find under one name."""
        given = dict(self._task.args)
        path = given.get("progress_file") or (f"{given['path']}.progress.json" if given.get("path") else None)
        if path and "$" not in path:
            return {**given, "progress_file": self._remote_expand_user(path)}
        # Without a path of its own, or with one that only the module can expand: named after what all its runs have in common
        target = given.get("target")
        endpoint = target.get("endpoint") if isinstance(target, dict) else None
        name = hashlib.sha256(f"{endpoint} {path}".encode()).hexdigest()[:16]
        folder = self._remote_expand_user(self.get_shell_option("async_dir", default="~/.ansible_async"))
        return {
            **given,
            "progress_file": self._connection._shell.join_path(folder, f"ledgerops-canton-{name}.progress.json"),
        }

    def _transfer(self, arguments: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        """Start the module and wait for its result."""
        if not self._background:
            done = dict(self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables))
            self._remove_tmp_path(self._connection._shell.tmpdir)
            return done
        # An existing file belongs to another run, which may have ended long ago.
        old = self._look(arguments["progress_file"], None).sample
        self._make_tmp_path()
        folder = self._connection._shell.tmpdir
        # read by the code that starts the job, and by nobody afterwards
        self._task.async_val = LIMIT_SECONDS
        try:
            job = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables, wrap_async=True)
        finally:
            self._task.async_val = 0
        file = job.get("results_file")
        if job.get("failed") or not file:
            return dict(job)
        found = self._await(str(file), folder, arguments["progress_file"], old)
        self._tidy(str(file), folder)
        return found

    def _await(self, file: str, folder: str, progress_file: str, old: Sample | None) -> dict[str, t.Any]:
        progress = Progress(time.monotonic)
        dead_since = None
        began = time.monotonic()
        for pause in self._pauses():
            time.sleep(pause)
            seen = self._reached(lambda: self._look(progress_file, progress.pid, file, folder), progress.pid)
            if seen.finished:
                return self._reached(lambda: self._result(file), progress.pid)
            if seen.sample is not None and not seen.sample.same_process(old):
                progress.add(seen.sample)
            beginning = progress.pid is None and seen.folder and time.monotonic() - began < BEGINNING_SECONDS
            if seen.alive or beginning:
                dead_since = None
            else:
                dead_since = dead_since or time.monotonic()
                grace = FOLDER_GONE_SECONDS if progress.pid is None else ENDING_SECONDS
                if time.monotonic() - dead_since > grace:
                    return ended_without_result("")
            self._show(progress)
        raise AssertionError("pauses never end")

    def _result(self, file: str) -> dict[str, t.Any]:
        """What async_status would print, without a module for it, which takes longer than a small transfer."""
        read = self._low_level_execute_command(f"test -f {shlex.quote(file)} || exit 3; cat {shlex.quote(file)}")
        if read.get("rc") == NO_FILE:
            return ended_without_result("")
        status = self._parse_returned_data(read, "legacy")
        if not status.get("_ansible_parsed"):
            raise AnsibleError("the result of the background job could not be read")
        if "cmd" in status and "Traceback" in str(status.get("msg")):
            # what the job's wrapper writes when it has found no result
            return ended_without_result(str(status.get("stderr") or ""))
        remove_internal_keys(status)
        return {key: value for key, value in status.items() if key not in _OF_THE_JOB}

    def _tidy(self, file: str, folder: str) -> None:
        """Remove the job's file, and the module with its arguments, at once; the job's own wrapper would take seconds."""
        own = self._connection._shell.tmpdir
        try:
            self._low_level_execute_command(f"rm -f {shlex.quote(file)}")
            if not C.DEFAULT_KEEP_REMOTE_FILES:
                for each in filter(None, (folder, own)):
                    self._remove_tmp_path(each, force=True)
        except AnsibleError as exc:
            display.vvv(f"{file} was left: {exc}", host=self._host)

    def _watch_other(self, progress_file: str, pid: int) -> None:
        """Show another transfer until its process has ended. Its file counts only while that process writes it."""
        progress = Progress(time.monotonic)
        if not pid:  # it has not yet written who it is
            time.sleep(LONGEST_PAUSE_SECONDS)
            return
        for pause in self._pauses():
            time.sleep(pause)
            seen = self._reached(lambda: self._look(progress_file, pid), pid)
            if not seen.alive:
                return
            if seen.sample is not None and seen.sample.pid == pid:
                progress.add(seen.sample)
                self._show(progress, "another run, ")

    def _look(self, progress_file: str, pid: int | None, file: str = "", folder: str = "") -> Seen:
        """One command: the progress file, the beginning of the job's file, and who is still there."""
        job = f"head -c 200 {shlex.quote(file)} 2>/dev/null; " if file else ""
        done = self._low_level_execute_command(
            f"cat {shlex.quote(progress_file)} 2>/dev/null; echo; echo '{_MARK}'; {job}echo; echo '{_MARK}'; "
            f"kill -0 {pid or '-'} 2>/dev/null && echo alive; test -d {shlex.quote(folder or '/')} && echo folder; echo looked"
        )
        return Seen.parse(str(done.get("stdout", "")))

    def _reached(self, call: t.Callable[[], _Found], pid: int | None) -> _Found:
        """The result of the call; it is repeated until the connection was lost for longer than progress_patience."""
        gone_since = None
        for pause in self._pauses():
            try:
                return call()
            except AnsibleError as exc:
                gone_since = gone_since or time.monotonic()
                display.vvv(f"the transfer's progress could not be read: {exc}", host=self._host)
                gone = time.monotonic() - gone_since
                if gone > self._patience:
                    process = f" (process {pid})" if pid else ""
                    raise Lost(
                        f"{self._host} could not be reached for {gone:.0f} seconds while a transfer ran there{process}. "
                        f"The transfer continues there. {AGAIN} Last error: {exc}"
                    ) from exc
                self._reset()
            time.sleep(max(pause, 0.5))
        raise AssertionError("pauses never end")

    def _reset(self) -> None:
        """Some connections stay broken until they are reset."""
        try:
            self._connection.reset()
        except (AttributeError, NotImplementedError, AnsibleError) as exc:
            display.vvvv(f"the connection was not reset: {exc}", host=self._host)

    @staticmethod
    def _pauses() -> t.Iterator[float]:
        pause = FIRST_LOOK_SECONDS
        while True:
            yield pause
            pause = min(pause * 1.2, LONGEST_PAUSE_SECONDS)

    def _show(self, progress: Progress, whose: str = "") -> None:
        if time.monotonic() >= self._next_line:
            self._say(whose + progress.line())
            self._next_line = time.monotonic() + self._interval

    def _say(self, text: str) -> None:
        if self._wanted:
            self._shown = True
            display.display(f"  [{self._host}] {text}")


@dataclass(frozen=True)
class Seen:
    """The result of one read."""

    sample: Sample | None
    finished: bool
    alive: bool
    folder: bool

    @classmethod
    def parse(cls, text: str) -> Seen:
        parts = text.split(_MARK)
        if len(parts) != 3 or "looked" not in parts[2]:
            raise AnsibleError(f"the host returned an unexpected result: {text[-200:]!r}")
        job = parts[1].strip()
        return cls(
            Sample.parse(parts[0]),
            bool(job) and not ('"started"' in job and '"finished": false' in job),
            "alive" in parts[2],
            "folder" in parts[2],
        )


_Found = t.TypeVar("_Found")


def ended_without_result(stderr: str) -> dict[str, t.Any]:
    said = f" Its last output: {stderr.strip().splitlines()[-1][:300]}" if stderr.strip() else ""
    return {
        "failed": True,
        "msg": f"The process of the transfer has ended without a result: it was killed, or its host was restarted. {AGAIN}{said}",
        "error_id": "transfer_killed",
        "hint": AGAIN,
    }
