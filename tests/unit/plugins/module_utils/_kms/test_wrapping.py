# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a private key in this process."""

from __future__ import annotations

import os
import resource
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import wrapping
from sandbox.wire import crypto

PUBLIC, PRIVATE = crypto.generate_signing(crypto.P256)


def test_wrapping_is_what_a_kms_unwraps() -> None:
    from cryptography.hazmat.primitives import hashes, keywrap
    from cryptography.hazmat.primitives.asymmetric import padding

    public, private = crypto.generate_encryption(crypto.ENC_RSA2048)
    outer: Any = load_der_private_key(private, None)
    first, second = (wrapping.wrap(public, bytearray(PRIVATE)) for _time in range(2))
    assert first != second
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    once = outer.decrypt(first[:256], oaep)
    assert keywrap.aes_key_unwrap_with_padding(once, first[256:]) == PRIVATE
    with pytest.raises(CantonError) as caught:
        wrapping.wrap(PUBLIC, bytearray(PRIVATE))
    assert caught.value.error_id == "wrapping_failed"


def test_a_process_with_a_secret_dumps_no_core_and_traces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_TRACE", "all")
    monkeypatch.setenv("GRPC_VERBOSITY", "debug")
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        wrapping.keep_secrets_in_memory()
        assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)
    assert not {"GRPC_TRACE", "GRPC_VERBOSITY"} & set(os.environ)
