# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that only AWS KMS has."""

from __future__ import annotations

import typing as t

from .grants import OPERATIONS

Spec = dict[str, dict[str, t.Any]]

# The options that say how to reach AWS; documented in the fragment ``_kms``. ``endpoint_url`` is an option of all providers.
CONNECTION_SPEC: Spec = {
    "region": {"type": "str"},
    "sts_endpoint_url": {"type": "str"},
    "profile": {"type": "str"},
    "access_key": {"type": "str", "no_log": True},
    "secret_key": {"type": "str", "no_log": True},
    "session_token": {"type": "str", "no_log": True},
    "assume_role": {
        "type": "dict",
        "options": {
            "role_arn": {"type": "str", "required": True},
            "session_name": {"type": "str", "default": "ledgerops.canton"},
            "external_id": {"type": "str"},
            "duration": {"type": "int", "default": 3600},
        },
    },
}
REQUIRED_TOGETHER = [("access_key", "secret_key")]
REQUIRED_BY = {"session_token": ("access_key",)}
MUTUALLY_EXCLUSIVE = [("profile", "access_key")]

# What a key is to be, for each module that makes one
KEY_SPEC: Spec = {"alias": {"type": "str"}, "description": {"type": "str"}, "tags": {"type": "dict"}}

GRANT_SPEC: Spec = {
    "name": {"type": "str", "required": True},
    "grantee_principal": {"type": "str", "required": True},
    "operations": {"type": "list", "elements": "str", "choices": OPERATIONS, "required": True},
    "retiring_principal": {"type": "str"},
    "constraints": {
        "type": "dict",
        "options": {"encryption_context_equals": {"type": "dict"}, "encryption_context_subset": {"type": "dict"}},
        "mutually_exclusive": [("encryption_context_equals", "encryption_context_subset")],
    },
}
# What else is kept of a key; documented in the fragment ``_kms.keeping``
KEEPING_SPEC: Spec = {
    "alias_state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "alias_move": {"type": "bool", "default": False},
    "key_id": {"type": "str"},
    "purge_tags": {"type": "bool", "default": True},
    "pending_window": {"type": "int", "default": 30},
    "admin_principals": {"type": "list", "elements": "str"},
    "policy_lockout": {"type": "bool", "default": False},
    "grants": {"type": "list", "elements": "dict", "options": GRANT_SPEC},
    "purge_grants": {"type": "bool", "default": False},
    "multi_region": {"type": "bool"},
    "replicas": {"type": "list", "elements": "str"},
    "purge_replicas": {"type": "bool", "default": False},
    "replica_endpoint_urls": {"type": "dict"},
}
