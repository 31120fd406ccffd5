# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module says about itself; C(support) is left to each module."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and report changes without making them.
  diff_mode:
    description: Shows the state before and after with C(--diff).
  idempotent:
    description: Changes nothing when run again with the same options.
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

    ACTIONGROUP_PARTICIPANT = r"""
options: {}
attributes:
  action_group:
    description: Connection options can be set once per play in C(module_defaults).
    support: full
    membership:
      - ledgerops.canton.participant
"""

    ACTIONGROUP_PARTICIPANT_PAIR = r"""
options: {}
attributes:
  action_group:
    description: Connection options can be set once per play in C(module_defaults).
    support: full
    membership:
      - ledgerops.canton.participant_pair
"""

    ACTIONGROUP_KMS = r"""
options: {}
attributes:
  action_group:
    description: Connection options can be set once per play in C(module_defaults).
    support: full
    membership:
      - ledgerops.canton.kms
"""

    ACTIONGROUP_MIGRATION = r"""
options: {}
attributes:
  action_group:
    description: Connection options can be set once per play in C(module_defaults).
    support: full
    membership:
      - ledgerops.canton.migration
"""
