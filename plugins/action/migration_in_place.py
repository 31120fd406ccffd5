# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passes this run to the module of the same name, which locks for it."""

from __future__ import annotations

from ..plugin_utils._locking import LockingAction


class ActionModule(LockingAction):
    pass
