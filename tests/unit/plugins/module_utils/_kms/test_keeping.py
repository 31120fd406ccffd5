# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A private key that is kept outside of the participant: the right one, privately, and never another one over it."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from unit.plugins.module_utils._participant.vault import running
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._kms import keeping
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import PKCS8, KeyPair
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import fingerprint
from ansible_collections.ledgerops.canton.plugins.modules import participant_key_export


def private() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def listed(raw: bytes) -> Key:
    public = serialization.load_der_private_key(raw, None).public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Key(fingerprint("ec_p256", der), "root", "signing", ("namespace",), "ec_p256", "", b"", der)


def pair(raw: bytes) -> KeyPair:
    return KeyPair(listed(raw).fingerprint, "signing", ("namespace",), "ec_p256", PKCS8, raw, raw)


@pytest.fixture
def secret() -> bytes:
    return private()


@pytest.fixture
def node(secret: bytes) -> Any:
    """Its exported pair is the private key itself."""
    found = running(kms=False)
    found.keys.append(listed(secret))
    found.export_key_pair = lambda _fingerprint, _version: pair(secret)
    found.read_key_pair = pair
    found.public_keys = lambda: [listed(secret)]
    return found


def run(node: Any, check: bool = False, **params: Any) -> Any:
    nothing = dict.fromkeys(participant_key_export.SPEC)
    return participant_key_export.ensure({**nothing, **params}, node, check)


def test_a_file_of_its_own(node: Any, secret: bytes, tmp_path: Path) -> None:
    path, key = tmp_path / "root.key", listed(secret).fingerprint
    predicted = run(node, check=True, path=str(path), fingerprint=key)
    assert predicted.changed and not path.exists()
    done = run(node, path=str(path), fingerprint=key)
    assert done.changed and path.read_bytes() == secret and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in repr(done).encode() and done.result == {
        "key": {"fingerprint": key, "name": "root", "spec": "ec_p256"}
    }
    assert not run(node, path=str(path), fingerprint=key).changed
    # it is still proven when the participant has lost the private key, and refused when the file is lost too
    node.keys.pop()
    assert not run(node, path=str(path), fingerprint=key).changed
    path.unlink()
    assert refused(lambda: run(node, path=str(path), fingerprint=key)).error_id == "key_gone"


def test_another_key_is_never_overwritten(node: Any, secret: bytes, tmp_path: Path) -> None:
    path, other = tmp_path / "root.key", private()
    path.write_bytes(other)
    error = refused(lambda: run(node, path=str(path), fingerprint=listed(secret).fingerprint))
    assert error.error_id == "other_key_kept" and path.read_bytes() == other


def test_a_link_is_not_followed(node: Any, secret: bytes, tmp_path: Path) -> None:
    (tmp_path / "root.key").symlink_to(tmp_path / "elsewhere")
    error = refused(lambda: run(node, path=str(tmp_path / "root.key"), fingerprint=listed(secret).fingerprint))
    assert error.error_id == "file_eloop" and not (tmp_path / "elsewhere").exists()


def commands(path: Path) -> dict[str, Any]:
    store = f"import sys; open({str(path)!r}, 'wb').write(sys.stdin.buffer.read())"
    show = f"import os, sys; sys.stdout.buffer.write(open({str(path)!r}, 'rb').read() if os.path.exists({str(path)!r}) else b'')"
    return {"store_command": [sys.executable, "-c", store], "show_command": [sys.executable, "-c", show]}


def test_a_command_of_the_operator_s(node: Any, secret: bytes, tmp_path: Path) -> None:
    options: dict[str, Any] = {**commands(tmp_path / "kept"), "fingerprint": listed(secret).fingerprint}
    assert run(node, **options).changed and (tmp_path / "kept").read_bytes() == secret
    assert not run(node, **options).changed


@pytest.mark.parametrize("script", ["import sys; sys.exit('cleartext')", "pass"])
def test_a_command_that_does_not_keep_it(node: Any, secret: bytes, tmp_path: Path, script: str) -> None:
    options: dict[str, Any] = {**commands(tmp_path / "kept"), "fingerprint": listed(secret).fingerprint}
    error = refused(lambda: run(node, **{**options, "store_command": [sys.executable, "-c", script]}))
    assert error.error_id == ("key_not_kept" if script == "pass" else "key_command_failed")
    assert "cleartext" not in str(error)


def test_a_command_that_is_not_there(node: Any, tmp_path: Path) -> None:
    place = keeping.CommandPlace([str(tmp_path / "none")], [str(tmp_path / "none")])
    assert refused(place.read).error_id == "key_command_failed"


def test_an_exported_key_that_is_another_one(node: Any, secret: bytes, tmp_path: Path) -> None:
    node.export_key_pair = lambda _fingerprint, _version: pair(private())
    error = refused(lambda: run(node, path=str(tmp_path / "root.key"), fingerprint=listed(secret).fingerprint))
    assert error.error_id == "exported_key_differs" and os.listdir(tmp_path) == []


def test_a_key_that_nobody_knows(node: Any, tmp_path: Path) -> None:
    assert refused(lambda: run(node, path=str(tmp_path / "x"), fingerprint="1220")).error_id == "key_unknown"
