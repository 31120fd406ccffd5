# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint


def test_errors_name_label_and_address() -> None:
    end = Endpoint("10.0.0.5:5012", "source participant")
    assert end.where() == "the source participant at 10.0.0.5:5012"
    assert end.at_start() == "The source participant at 10.0.0.5:5012"
