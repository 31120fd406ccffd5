# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The refusals of a KMS that code distinguishes, whichever provider it is of. ``error_id`` stays the provider's own code."""

from __future__ import annotations

from .._errors import CantonError


class NotFound(CantonError):
    """There is no such key, key ring or version."""


class PermissionDenied(CantonError):
    """The credentials lack a permission; ``details["action"]`` is its name."""


class AlreadyExists(CantonError):
    """The name is taken."""


class InvalidState(CantonError):
    """The key's state does not allow the call."""
