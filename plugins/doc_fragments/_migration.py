# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that say what is migrated, how, and what the operator accepts."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  parties:
    description: Ids of the parties to move. Default is all movable parties of the source.
    type: list
    elements: str
  exclude:
    description: Ids of parties that do not move.
    type: list
    elements: str
    default: []
  target_protocol_version:
    description: Protocol version of the target's synchronizer, if the target does not report it (Canton 2.8).
    type: int
  skip_users:
    description: Ids of users that are not copied.
    type: list
    elements: str
    default: []
  exclude_dars:
    description: Names or main package ids of DARs that are not copied, as in the option O(ledgerops.canton.participant_package#module:exclude)
      of M(ledgerops.canton.participant_package).
    type: list
    elements: str
    default: []
  namespaces:
    description: Fingerprints of further namespaces that will be delegated to the target. Existing delegations to the target are detected.
    type: list
    elements: str
    default: []
  replace_hosts:
    description: Ids of abandoned participants that are still the sole host of a party on the target's synchronizer.
    type: list
    elements: str
    default: []
  purge_stale:
    description: Whether contracts that the target has and the source lacks will be purged. Otherwise they are an error.
    type: bool
    default: false
  require_kms:
    description: Whether every key of the target must be in a KMS.
    type: bool
    default: true
  path:
    description: Folder for the snapshot on the host that runs the module. Its free space is compared with the number of contracts. Estimates use the
      speed of earlier transfers, recorded there in C(throughput.json).
    type: path
  method:
    description:
      - Method of the migration. V(other_synchronizer), also called V(delegation), moves parties and contracts to another synchronizer.
      - V(same_synchronizer) moves them on the same synchronizer. It requires Canton 3.5 on both sides, and O(accept_unsupported).
      - V(key_import) was removed and is always refused, because on real nodes its target crashes at every start. The finding describes the alternative.
      - V(envelope) is always refused, because encrypting the key store with a KMS key needs no migration. The finding describes the alternative.
    type: str
    choices: [other_synchronizer, delegation, same_synchronizer, key_import, envelope]
    default: other_synchronizer
  kms_provider:
    description: Provider of the KMS that has the keys of the target.
    type: str
    choices: [aws, gcp]
    default: aws
    version_added: 0.3.0
  rotate_keys:
    description: Has no effect. It belonged to O(method=key_import), and will be removed.
    type: bool
    default: false
    version_added: 0.3.0
  accept_unsupported:
    description: Whether the operator accepts the risk of O(method=same_synchronizer), which the vendor's manual calls unsupported.
    type: bool
    default: false
  backup_confirmed:
    description: Whether the databases of both participants are backed up. Required for a migration; cannot be verified by API.
    type: bool
    default: false
"""
