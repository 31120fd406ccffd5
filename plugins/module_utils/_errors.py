# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exception for every failure that this collection foresees, and its subclasses that several rooms catch.

Code distinguishes errors by class; ``error_id`` is for users and for other programs.
"""

from __future__ import annotations

import typing as t


class CantonError(Exception):
    """A failure that an operator can act on.

    ``message`` says what failed and why, in one sentence; ``error_id`` is the id of the side that refused (Canton's ``ErrorInfo.reason``, an AWS
    error code, or an id of our own in lower case); ``hint`` says what to do; ``retryable`` is true only when the very same call may succeed later
    without any change; ``details`` are further values for machines (never payloads, tokens or keys).
    """

    # The error id of a class that has one of its own
    ID: t.ClassVar[str] = ""

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
        self.error_id = error_id or self.ID
        self.hint = hint
        self.retryable = retryable
        self.details = details or {}

    def __str__(self) -> str:
        text = (
            self.message if not self.error_id or self.error_id in self.message else f"{self.message} [{self.error_id}]"
        )
        return f"{text}. {self.hint}" if self.hint and not text.endswith(".") else f"{text} {self.hint}".rstrip()

    def restated(self, message: str | None = None, hint: str | None = None, **details: object) -> CantonError:
        """This error with another message or hint, or with more details: its class, id and retryability stay."""
        new = CantonError.__new__(type(self))
        CantonError.__init__(
            new,
            self.message if message is None else message,
            self.error_id,
            self.hint if hint is None else hint,
            self.retryable,
            {**self.details, **details},
        )
        return new


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


class ConnectionFailed(CantonError):
    """The node cannot be used at all: no other call to it will succeed either."""


class Unreachable(ConnectionFailed):
    ID = "unreachable"


class NotAuthenticated(ConnectionFailed):
    ID = "UNAUTHENTICATED"


class NotPermitted(ConnectionFailed):
    ID = "PERMISSION_DENIED"


class NoReflection(ConnectionFailed):
    ID = "no_reflection"


class NotOffered(CantonError):
    """The node's release or configuration lacks an RPC, a message, or an ability."""

    ID = "not_offered"


class NoIdentity(CantonError):
    """The node waits for its identity or its first topology, and offers only a part of its API."""

    ID = "not_initialized"


class Busy(CantonError):
    """The node refused for the moment (back pressure, overload) and did nothing: the same call may succeed later.

    ``retry_after``: seconds that the node asks to wait.
    """

    retry_after: float = 0.0


class MessageTooLarge(CantonError):
    """The node does not accept messages of this size."""

    ID = "message_too_large"


class Redacted(CantonError):
    """The node refused and returned neither an error id nor a reason."""

    ID = "redacted"


class MappingExists(CantonError):
    """A topology write that changes nothing: the mapping is in force already."""


class MappingGone(CantonError):
    """A topology removal that changes nothing: no such mapping is in force."""


class SerialMismatch(CantonError):
    """A topology mapping was changed by another since it was read."""


class TransactionExists(CantonError):
    """The node has this signed topology transaction already (Canton 2)."""


class SigningRefused(CantonError):
    """The node has no key that may sign this topology transaction."""


class PartyHasContracts(CantonError):
    """The node hosts active contracts of a party whose hosting is to be removed."""


class EventsUnknown(CantonError):
    """The node has no events of this contract that these parties see."""


class PartiesUnknown(CantonError):
    """The ledger API does not know one of the parties."""


class OnboardingUnknown(CantonError):
    """The node does not know the hosting yet whose onboarding flag it must clear."""


class StoreNotEncrypted(CantonError):
    """No KMS key encrypts the node's key store."""


class DarWithoutContent(CantonError):
    """A node has the packages of a DAR but not its file (Canton 2, when it was uploaded through the ledger API)."""

    ID = "dar_without_content"

    def __init__(self, message: str) -> None:
        super().__init__(message, hint="Pass its DAR file to ledgerops.canton.participant_package in files.")
