# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception that leaves this collection's own code on a foreseen failure."""

from __future__ import annotations


class CantonError(Exception):
    """A failure that an operator can act on.

    ``message`` says what failed and why, in one sentence; ``error_id`` is the id of the side that refused (Canton's
    ``ErrorInfo.reason``, an AWS error code, or an id of our own in lower case); ``hint`` says what to do;
    ``retryable`` is true only when the very same call may succeed later without any change;
    ``details`` are further values for machines (never payloads, tokens or keys).
    """

    def __init__(
        self,
        message: str,
        error_id: str = "",
        hint: str = "",
        retryable: bool = False,
        details: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_id = error_id
        self.hint = hint
        self.retryable = retryable
        self.details = details or {}

    def __str__(self) -> str:
        text = (
            self.message if not self.error_id or self.error_id in self.message else f"{self.message} [{self.error_id}]"
        )
        return f"{text}. {self.hint}" if self.hint and not text.endswith(".") else f"{text} {self.hint}".rstrip()


class DependencyMissing(CantonError):
    """A Python library that this module needs is not installed where the module runs."""

    def __init__(self, library: str, reason: str) -> None:
        super().__init__(
            f"The Python library {library} cannot be imported: {reason}",
            error_id="dependency_missing",
            hint=f"Install it for the interpreter that runs the module (pip install {library}); "
            "set ansible_python_interpreter to that interpreter, often '{{ ansible_playbook_python }}'.",
        )
        self.library = library
