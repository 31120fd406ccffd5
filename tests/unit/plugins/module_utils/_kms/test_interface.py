# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Providers are of equal shape: mypy compares the types, and this that nobody offers more to the modules than the interface."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._kms import interface
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.importer import AwsImporter
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.importer import GcpImporter
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.provider import PROVIDERS


def public(*classes: Any) -> set[str]:
    names = {name for each in classes for name in (*vars(each), *getattr(each, "__annotations__", ()))}
    return {name for name in names if not name.startswith("_")}


@pytest.mark.parametrize("name", PROVIDERS)
def test_provider(name: str) -> None:
    assert public(type(PROVIDERS[name])) == public(interface.Provider)
    assert PROVIDERS[name].name == name


@pytest.mark.parametrize("importer", [AwsImporter, GcpImporter])
def test_importer(importer: type) -> None:
    assert public(importer) == public(interface.Importer)
