# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which provider a task is about."""

from __future__ import annotations

from typing import Any

from unit.plugins.module_utils._kms.gcp.support import Gcp


def test_options_of_the_other_provider_are_named(cloud: Gcp) -> None:
    assert "alias, pending_window are options of AWS" in cloud.refused(alias="a", pending_window=7).message
    theirs: dict[str, Any] = {"provider": "aws", "alias": "a", "name": None, "endpoint_url": None}
    error = cloud.refused(**theirs, purpose="namespace")
    assert error.message.startswith("key_ring, location, project are options of GCP")
    place: dict[str, Any] = dict.fromkeys(("project", "location", "key_ring"))
    assert "Ed25519" in cloud.refused(**theirs, **place, spec="ec_curve25519").message
