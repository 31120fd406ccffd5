# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refusals of every provider are of the same classes."""

from __future__ import annotations

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import errors
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.errors import refused as refused_by_aws
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.errors import refused as refused_by_gcp


@pytest.mark.parametrize(
    ("kind", "aws", "gcp"),
    [
        (errors.NotFound, "NotFoundException", "NOT_FOUND"),
        (errors.PermissionDenied, "AccessDeniedException", "PERMISSION_DENIED"),
        (errors.AlreadyExists, "AlreadyExistsException", "ALREADY_EXISTS"),
        (errors.InvalidState, "KMSInvalidStateException", "FAILED_PRECONDITION"),
        (CantonError, "ThrottlingException", "RESOURCE_EXHAUSTED"),
    ],
)
def test_class_and_id_of_a_refusal(kind: type[CantonError], aws: str, gcp: str) -> None:
    for error, code in (
        (refused_by_aws("Op", aws, "text", "eu-central-1"), aws),
        (refused_by_gcp("Op", gcp, "text"), gcp),
    ):
        assert (type(error), error.error_id) == (kind, code)
