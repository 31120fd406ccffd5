# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which KMS is meant, and how to reach that of Google Cloud."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  provider:
    description:
      - V(aws) for AWS KMS, V(gcp) for Google Cloud KMS. An option of the other one is an error.
    type: str
    choices: [aws, gcp]
    default: aws
  project:
    description: Id of the project in GCP that has the key ring. Required with O(provider=gcp).
    type: str
  location:
    description:
      - Location of the key ring, for example V(europe-west3), or V(global). Required with O(provider=gcp).
    type: str
  key_ring:
    description: Name of the key ring. A node's keys are all in one ring. Required with O(provider=gcp).
    type: str
  credentials_file:
    description:
      - File with credentials of GCP, such as the key of a service account, on the host that runs the module.
      - When it is not set, Google's own sources are used in their usual order, from E(GOOGLE_APPLICATION_CREDENTIALS) to the
        service account of the instance.
    type: path
  impersonate_service_account:
    description:
      - E-mail address of a service account to act as, which the credentials may get tokens for.
    type: str
requirements:
  - google-cloud-kms >= 3, where the module runs, with O(provider=gcp)
"""

    KEY = r"""
options:
  name:
    description:
      - Name of the key in its ring, without what is in front of it. Required with O(provider=gcp).
      - A name in GCP stays for ever, and after its key was destroyed no node can use it again.
    type: str
  create_key_ring:
    description: Whether to make the key ring when there is none, with O(provider=gcp). A key ring stays for ever.
    type: bool
    default: false
  protection_level:
    description:
      - Where GCP keeps and uses the key. This never changes, and an existing key with another one is an error.
      - When it is not set, a new key gets V(hsm), as those that a node creates, and an existing key may have either.
    type: str
    choices: [hsm, software]
  labels:
    description: Labels of the key in GCP. When it is not set, they are left alone.
    type: dict
"""

    KEEPING = r"""
options:
  purge_labels:
    description: Whether to remove labels that are not in O(labels).
    type: bool
    default: true
  destroy_scheduled_duration:
    description:
      - Days between O(state=absent) and the destruction of a key in GCP, from V(1) to V(120). GCP's own is V(30).
      - This is fixed when a key is created; an existing key with another one is an error.
    type: int
"""
