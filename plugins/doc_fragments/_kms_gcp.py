# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The choice of the KMS, and connection options of Google Cloud KMS."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  provider:
    description: V(aws) for AWS KMS, V(gcp) for Google Cloud KMS. An option of the other one is an error.
    type: str
    choices: [aws, gcp]
    default: aws
  project:
    description: Id of the GCP project with the key ring. Required with O(provider=gcp).
    type: str
  location:
    description: Location of the key ring, for example V(europe-west3), or V(global). Required with O(provider=gcp).
    type: str
  key_ring:
    description: Name of the key ring. A node's keys are all in one ring. Required with O(provider=gcp).
    type: str
  credentials_file:
    description: File with credentials of GCP, such as the key of a service account, on the host that runs the module. When not set, Google's default
      sources are used in their usual order, from E(GOOGLE_APPLICATION_CREDENTIALS) to the service account of the instance.
    type: path
  impersonate_service_account:
    description: E-mail address of a service account to act as. The credentials must be allowed to get tokens for it.
    type: str
requirements:
  - google-cloud-kms >= 3, where the module runs, with O(provider=gcp)
"""

    KEY = r"""
options:
  name:
    description: Short name of the key in its ring. Required with O(provider=gcp). A name in GCP is permanent. After its key is destroyed, no node can
      use the name again.
    type: str
  create_key_ring:
    description: Whether to create the key ring if it does not exist, with O(provider=gcp). A key ring is permanent.
    type: bool
    default: false
  protection_level:
    description: Protection level of the key in GCP. It never changes; an existing key with another one is an error. When not set, a new key gets
      V(hsm), as a key that a node creates, and an existing key may have either.
    type: str
    choices: [hsm, software]
  labels:
    description: Labels of the key in GCP. Not changed when not set.
    type: dict
"""

    KEEPING = r"""
options:
  purge_labels:
    description: Whether to remove labels that are not in O(labels).
    type: bool
    default: true
  destroy_scheduled_duration:
    description: Days between O(state=absent) and the destruction of a key in GCP, from V(1) to V(120). GCP's default is V(30). This is fixed at
      creation; an existing key with another value is an error.
    type: int
notes:
  - In GCP it requires C(cloudkms.cryptoKeys.get), C(cloudkms.cryptoKeyVersions.get), C(cloudkms.cryptoKeyVersions.viewPublicKey) and, for symmetric
    keys, C(cloudkms.cryptoKeyVersions.list) to read; depending on the change, C(cloudkms.keyRings.get), C(cloudkms.keyRings.create),
    C(cloudkms.cryptoKeys.create), C(cloudkms.cryptoKeys.update), C(cloudkms.cryptoKeyVersions.update), C(cloudkms.cryptoKeyVersions.destroy),
    C(cloudkms.cryptoKeyVersions.restore), C(cloudkms.cryptoKeys.getIamPolicy) and C(cloudkms.cryptoKeys.setIamPolicy).
  - A key of GCP has versions. A node uses version 1 only, so the module manages this version; of a symmetric key, all versions.
"""
