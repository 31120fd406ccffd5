# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How GCP KMS is reached."""

from __future__ import annotations

import builtins
import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.plugins.module_utils._kms.gcp.support import PLACE, Gcp

from ansible_collections.ledgerops.canton.plugins.modules import kms_key, kms_key_info


def test_no_credentials(cloud: Gcp, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    error = cloud.refused(purpose="namespace", endpoint_url=None)
    assert error.error_id == "DefaultCredentialsError" and "credentials_file" in error.hint
    broken = tmp_path / "broken.json"
    broken.write_text("{}")
    for path in (broken, tmp_path / "none.json"):
        error = cloud.refused(purpose="namespace", endpoint_url="https://127.0.0.1:1", credentials_file=str(path))
        assert "credentials_file" in error.hint


def test_library_that_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    real = builtins.__import__

    def without_google(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("google.cloud"):
            raise ImportError("No module named 'google.cloud'")
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without_google)
    for module, more in ((kms_key, {"name": "k", "purpose": "namespace"}), (kms_key_info, {})):
        with patch_module_args({**PLACE, **more}), pytest.raises(SystemExit):
            module.main()
        values = json.loads(capsys.readouterr().out)
        assert values["error_id"] == "dependency_missing" and "pip install google-cloud-kms" in values["msg"]
