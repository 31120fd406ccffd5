#!/usr/bin/python
# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: participant_user
short_description: Copy users, rights, identity providers and party annotations to another participant
version_added: 0.1.0
author: The ledgerops.canton authors (@ledgerops)
description:
  - The users of a ledger API are not part of topology or contracts. Without them, applications cannot act on the new participant.
  - Missing objects are added to the target, and differences are updated. Nothing is removed from users of the target.
  - Annotations are copied for the parties that both participants host.
extends_documentation_fragment:
  - ledgerops.canton._participant.source
  - ledgerops.canton._participant.target
  - ledgerops.canton._attributes
  - ledgerops.canton._attributes.actiongroup_participant_pair
options:
  skip_users:
    description: Ids of users that are not copied. The built-in V(participant_admin) is never copied.
    type: list
    elements: str
    default: []
  admin_rights:
    description: Whether to copy the rights V(participant_admin) and V(identity_provider_admin).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Copy the users of the old participant
  ledgerops.canton.participant_user:
    source: {endpoint: 10.0.0.5:5012, ledger_endpoint: 10.0.0.5:5011}
    target: {endpoint: 10.0.0.6:5022, ledger_endpoint: 10.0.0.6:5021}
"""

RETURN = r"""
created:
  description: Ids of users that the target lacked.
  returned: always
  type: list
  elements: str
updated:
  description: Ids of users whose primary party, activation or annotations differed.
  returned: always
  type: list
  elements: str
granted:
  description: Rights that existing users of the target lacked.
  returned: always
  type: dict
  sample: {alice-app: ["can_act_as(Alice::1220c0ffee)"]}
identity_providers:
  description: Ids of identity providers that the target lacked.
  returned: always
  type: list
  elements: str
annotated:
  description: Parties whose annotations or identity provider differed.
  returned: always
  type: list
  elements: str
users:
  description: Ids of all source users that the target must have.
  returned: always
  type: list
  elements: str
left_out:
  description: Rights that were not copied and that the target lacks, by user. These are administrative rights without
    O(admin_rights), and all rights of O(skip_users).
  returned: always
  type: dict
  sample: {operator: [participant_admin]}
"""

from ..module_utils._participant.copying.users import ensure_copied
from ..module_utils._runner import run_pair

SPEC = {
    "skip_users": {"type": "list", "elements": "str", "default": []},
    "admin_rights": {"type": "bool", "default": False},
}


def main() -> None:
    run_pair(SPEC, ensure_copied)


if __name__ == "__main__":
    main()
