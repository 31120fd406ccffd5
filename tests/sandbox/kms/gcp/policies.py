# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may use a key."""

from __future__ import annotations

from typing import Any

import grpc
from google.iam.v1 import policy_pb2

from sandbox.kms.gcp.keys import Keys
from sandbox.kms.gcp.rules import ROLE, Refused, invalid


class Policies(Keys):
    def _get_iam_policy(self, request: Any) -> Any:
        policy = policy_pb2.Policy()
        policy.CopyFrom(self._key(request.resource).policy)
        policy.etag = policy.etag or b"ACAB"
        if request.options.requested_policy_version < 3 and any(each.HasField("condition") for each in policy.bindings):
            raise invalid("Requested policy version must be 3 for a policy with conditions.")
        return policy

    def _set_iam_policy(self, request: Any) -> Any:
        key = self._key(request.resource)
        if self.faults.concurrent_policy_changes > 0:
            self.faults.concurrent_policy_changes -= 1
            key.policy.etag = self._etag()
        if request.policy.etag and request.policy.etag != (key.policy.etag or b"ACAB"):
            raise Refused(
                grpc.StatusCode.ABORTED,
                "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.",
            )
        for each in request.policy.bindings:
            if not ROLE.fullmatch(each.role):
                raise invalid(f"Role {each.role} is not supported for this resource.")
            if each.HasField("condition") and request.policy.version != 3:
                raise invalid("A policy with conditions must have version 3.")
            if any("nobody@" in member for member in each.members):
                raise invalid(f"Service account {each.members[0].partition(':')[2]} does not exist.")
        key.policy.CopyFrom(request.policy)
        key.policy.etag = self._etag()
        return key.policy

    def _etag(self) -> bytes:
        self._changes += 1
        return b"BwX%d" % self._changes
