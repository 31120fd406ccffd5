# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that only GCP KMS has."""

from __future__ import annotations

import typing as t

from .model import PROTECTION_LEVELS

Spec = dict[str, dict[str, t.Any]]

# The options that say how to reach GCP; documented in the fragment ``_kms_gcp``. ``endpoint_url`` is an option of all providers.
CONNECTION_SPEC: Spec = {
    "project": {"type": "str"},
    "location": {"type": "str"},
    "key_ring": {"type": "str", "no_log": False},
    "credentials_file": {"type": "path"},
    "impersonate_service_account": {"type": "str"},
}
RING = ("project", "location", "key_ring")

# What a key is to be, for each module that makes one; documented in the fragment ``_kms_gcp.key``
KEY_SPEC: Spec = {
    "name": {"type": "str"},
    "create_key_ring": {"type": "bool", "default": False},
    "protection_level": {"type": "str", "choices": list(PROTECTION_LEVELS)},
    "labels": {"type": "dict"},
}
# What else is kept of a key; documented in the fragment ``_kms_gcp.keeping``
KEEPING_SPEC: Spec = {"purge_labels": {"type": "bool", "default": True}, "destroy_scheduled_duration": {"type": "int"}}
