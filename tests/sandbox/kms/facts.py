# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others need to know of the KMS without loading boto3, which is slow."""

from __future__ import annotations


class KmsRefused(Exception):
    """The KMS did not do what was asked; the text is its own."""


# The name under which the KMS is killed and started again and has knobs, as participants are and have by theirs.
KMS = "kms"

# All its keys are in this account.
ACCOUNT = "123456789012"

# The KMS of the sandbox accepts any credentials; these are what its own participants send.
DUMMY_CREDENTIALS = {"aws_access_key_id": "sandbox-access", "aws_secret_access_key": "sandbox-secret"}

# Calls with this one are answered AccessDeniedException.
POWERLESS_ACCESS_KEY_ID = "sandbox-without-permission"
