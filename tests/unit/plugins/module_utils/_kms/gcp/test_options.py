# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of GCP KMS."""

from __future__ import annotations

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import options as aws_options
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.options import (
    CONNECTION_SPEC,
    KEEPING_SPEC,
    KEY_SPEC,
    RING,
)


def test_a_key_ring_is_no_secret_though_its_name_says_key() -> None:
    assert CONNECTION_SPEC["key_ring"]["no_log"] is False
    assert set(RING) <= set(CONNECTION_SPEC)


def test_no_option_is_of_both_providers() -> None:
    ours = {*CONNECTION_SPEC, *KEY_SPEC, *KEEPING_SPEC}
    assert not ours & {*aws_options.CONNECTION_SPEC, *aws_options.KEY_SPEC, *aws_options.KEEPING_SPEC}
