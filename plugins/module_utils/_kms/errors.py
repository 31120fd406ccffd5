# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The refusals of a KMS that code distinguishes, whichever provider it is of. ``error_id`` stays the provider's own code."""

from __future__ import annotations

import typing as t

from .._errors import CantonError


class NotFound(CantonError):
    """There is no such key, key ring or version."""


class PermissionDenied(CantonError):
    """The credentials lack a permission; ``details["action"]`` is its name."""


class AlreadyExists(CantonError):
    """The name is taken."""


class InvalidState(CantonError):
    """The key's state does not allow the call."""


def unanswered(service: str, operation: str, exc: Exception, hints: t.Mapping[str, str], reach: str) -> CantonError:
    """For an error of a library itself, without an answer of the KMS.

    ``hints`` are by the class names of its exceptions: a subclass is found under its parent's name. Only a failure whose hint is
    ``reach`` may pass.
    """
    names = [cls.__name__ for cls in type(exc).__mro__]
    hint = next((hints[name] for name in names if name in hints), "")
    return CantonError(
        f"{operation} did not reach {service}: {exc}",
        error_id=names[0],
        hint=hint,
        retryable=hint == reach,
        details={"operation": operation},
    )
