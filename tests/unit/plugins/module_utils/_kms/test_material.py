# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import a key into a KMS that is made up: the order, and what is refused. The real one is in tests/wire."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils._kms.support import PRINT, PRIVATE, PUBLIC, Exporting, FakeKms

from ansible_collections.ledgerops.canton.plugins.module_utils import _waiting
from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.material import Imported, import_key
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import MARK, DesiredKey, Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.key_pair import KeyPair
from sandbox.wire import crypto

OTHER_PUBLIC, OTHER = crypto.generate_signing(crypto.P256)


DESIRED = DesiredKey(PRINT, "ec_p256", "sign_verify", PUBLIC, "signing key")


DENIED = CantonError("denied", "AccessDeniedException", "Allow it.")


def go(kms: FakeKms, export: Any = None, check: bool = False, timeout: float = 5.0) -> Imported:
    return import_key(kms, DESIRED, export or Exporting(), timeout=timeout, check=check)


def refused(kms: FakeKms, export: Any = None, check: bool = False, timeout: float = 5.0) -> CantonError:
    with pytest.raises(CantonError) as caught:
        go(kms, export, check, timeout)
    error = caught.value
    assert error.hint
    for secret in (PRIVATE, OTHER):
        assert secret.hex() not in f"{error!s} {error.details} {error.__cause__!r} {error.__context__!r}"
    return error


def existing(state: str = "enabled", der: bytes | None = PUBLIC, mark: str | None = PRINT, **more: Any) -> Key:
    tags = {} if mark is None else {MARK: mark}
    return replace(Key(state, "ec_p256", "sign_verify", tags=tags, full_name="arn", public_key_der=der), **more)


def test_the_order_and_no_second_time() -> None:
    kms, export = FakeKms(), Exporting()
    said, done = go(kms, export, check=True), go(kms, export)
    assert kms.calls == ["create", "send", "finish"]
    assert (said.before, said.after, said.imported) == (done.before, done.after, True) and done.imported
    assert kms.sent == PRIVATE
    assert export.wiped and len(export.given) == 1
    again = go(kms, export)
    assert again.before == again.after and not again.imported
    assert len(export.given) == 1 and len(kms.calls) == 3


def test_a_refused_export_leaves_no_key() -> None:
    def off() -> KeyPair:
        raise CantonError("off", "preview_commands_off", "Switch it on.")

    kms = FakeKms()
    assert refused(kms, off).error_id == "preview_commands_off"
    assert kms.calls == []


@pytest.mark.parametrize(
    ("export", "error_id"),
    [
        (Exporting(OTHER), "exported_key_differs"),
        (Exporting(PRIVATE, fingerprint="1220"), "exported_key_differs"),
        (Exporting(PRIVATE, format="raw"), "key_format_unfit"),
        (Exporting(b"no key"), "key_unreadable"),
    ],
)
def test_an_export_that_is_not_the_key_is_never_sent(export: Exporting, error_id: str) -> None:
    kms = FakeKms()
    assert refused(kms, export).error_id == error_id
    assert kms.calls == [] and export.wiped


@pytest.mark.parametrize("step", ["create", "send", "finish"])
def test_what_is_left_when_it_is_interrupted(step: str) -> None:
    kms, export = FakeKms(), Exporting()
    kms.failing[step] = DENIED
    error = refused(kms, export)
    assert error.error_id == "AccessDeniedException"
    assert export.wiped
    assert ("resumes" in error.hint) is (step == "send")
    kms.failing.clear()
    assert go(kms, export).imported is (step != "finish")
    assert kms.calls.count("create") == (2 if step == "create" else 1)
    assert kms.name == "wanted"


def test_an_import_whose_answer_was_lost() -> None:
    class Lost(FakeKms):
        def send(self, key: Key, private_key: bytearray) -> None:
            super().send(key, private_key)
            raise CantonError("lost", "ReadTimeoutError", "Look at the network.")

    kms = Lost()
    assert go(kms).key.state == "enabled"


def test_a_wrong_public_key_is_discarded_and_gets_no_name() -> None:
    kms, export = FakeKms(shows=OTHER_PUBLIC), Exporting()
    error = refused(kms, export)
    assert error.error_id == "public_key_mismatch"
    assert "It is gone." in error.hint
    assert kms.calls == ["create", "send", "discard"] and kms.name is None and export.wiped


@pytest.mark.parametrize(
    ("key", "error_id"),
    [
        (existing(der=OTHER_PUBLIC, mark=None), "key_differs"),
        (existing("pending_import", None, "1220" + "cd" * 32), "key_differs"),
        (existing(spec="ec_p384"), "key_spec_mismatch"),
        (existing(usage="encrypt_decrypt"), "key_spec_mismatch"),
        (existing("disabled"), "key_disabled"),
        (existing("pending_deletion"), "key_pending_deletion"),
        (existing("unavailable"), "key_unavailable"),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_a_key_that_cannot_be_it_is_left_alone(key: Key, error_id: str, check: bool) -> None:
    kms, export = FakeKms(key), Exporting()
    assert refused(kms, export, check=check).error_id == error_id
    assert kms.calls == [] and export.given == []


def test_a_marked_key_with_other_material_goes() -> None:
    kms = FakeKms(existing(der=OTHER_PUBLIC))
    assert refused(kms, check=True).error_id == "key_differs"
    assert kms.calls == []
    assert refused(kms).error_id == "public_key_mismatch"
    assert kms.calls == ["discard"]


def test_a_slow_kms_is_waited_for_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_waiting, "FIRST_PAUSE_SECONDS", 0.001)
    kms = FakeKms()
    kms.slow = 3
    assert go(kms).key.state == "enabled"
    kms = FakeKms()
    kms.slow = 10_000
    error = refused(kms, timeout=0.01)
    assert error.error_id == "change_not_visible" and error.retryable
