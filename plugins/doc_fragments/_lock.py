# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of modules that lock both participants of a migration for this run."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  break_lock:
    description: Whether to take over the locks from any owner.
    type: bool
    default: false
  forgotten_after:
    description: Seconds without activity of its owner after which a lock is invalid.
    type: float
    default: 14400
  owner:
    description: The current run. Set by the controller; do not set it.
    type: dict
    suboptions:
      controller:
        description: Name of the controller.
        type: str
        required: true
      boot:
        description: Boot id of the controller.
        type: str
        default: ""
      pid:
        description: Process id of ansible-playbook.
        type: int
        required: true
      started:
        description: Start time of that process, in the controller's own unit.
        type: str
        default: ""
      user:
        description: User who runs it.
        type: str
        default: ""
  dead_owners:
    description: Owners that have ended according to the controller. Set by the controller; do not set it.
    type: list
    elements: dict
    default: []
"""
