# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module says about itself. Support is full unless the module says otherwise."""

from __future__ import annotations


def _group(name: str) -> str:
    return f"""
options: {{}}
attributes:
  action_group:
    description: Connection options can be set once per play in C(module_defaults).
    support: full
    membership: [ledgerops.canton.{name}]
"""


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and report changes without making them.
    support: full
  diff_mode:
    description: Shows the state before and after with C(--diff).
    support: full
  idempotent:
    description: Changes nothing when run again with the same options.
    support: full
"""

    # Modules that only read.
    INFO_MODULE = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in check mode and report changes without making them.
    details: This module changes nothing in either mode.
  diff_mode:
    support: N/A
    description: Shows the state before and after with C(--diff).
    details: This module changes nothing.
  idempotent:
    support: full
    description: Changes nothing when run again with the same options.
    details: This module changes nothing. Its result depends on the current state.
"""

    ACTIONGROUP_PARTICIPANT: str = _group("participant")
    ACTIONGROUP_PARTICIPANT_PAIR: str = _group("participant_pair")
    ACTIONGROUP_KMS: str = _group("kms")
    ACTIONGROUP_MIGRATION: str = _group("migration")
