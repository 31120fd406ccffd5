# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys are read, whatever the provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._kms.errors import PermissionDenied
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.info import grouped_notes, read_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key


def key(name: str, **more: Any) -> Key:
    return Key("enabled", "symmetric", "encrypt_decrypt", key_id=name, full_name=f"key/{name}", **more)


class FakeKeys:
    """``hidden`` may not be read; the policy of none may."""

    def __init__(self, *found: Key) -> None:
        self.found = {str(each.key_id): each for each in found}

    def names(self) -> list[str]:
        return [*self.found, "hidden", "gone"]

    def full_name(self, name: str) -> str:
        return f"key/{name}"

    def find(self, name: str) -> Key | None:
        if name == "hidden":
            raise PermissionDenied("no permission", "AccessDenied")
        return self.found.get(name)

    def with_details(self, key: Key) -> Key:
        return replace(key, notes=(f"Policy of {key.full_name} can't be read.",))


KEYS = FakeKeys(key("a", tags={"n": "1"}), key("b", tags=None), key("c", tags={"n": "1"}, managed_by_provider=True))


def read(names: list[str] | None = None, **tags: Any) -> tuple[list[str], Any, list[str]]:
    outcome = read_keys(KEYS, names, tags)
    found: Any = outcome.result["keys"]
    return [each["key_id"] for each in found], outcome.result["missing"], outcome.warnings


def test_all_keys_of_the_customer() -> None:
    found, missing, warnings = read()
    assert (found, missing) == (["a", "b"], [])
    assert warnings == ["key/hidden is left out. no permission [AccessDenied]", "Policy of 2 keys can't be read."]


def test_named_keys_in_their_order() -> None:
    assert read(["c", "x", "a"])[:2] == (["c", "a"], ["x"])
    with pytest.raises(PermissionDenied):
        read(["hidden"])


def test_details_are_read_of_keys_with_the_tags_only() -> None:
    assert read(n=1) == (
        ["a"],
        [],
        ["key/hidden is left out. no permission [AccessDenied]", "Policy of key/a can't be read."],
    )


def test_each_note_is_there_once() -> None:
    notes = ("Tags of {0}: no.", "Policy of {0}: no.")
    found = [replace(key(name), notes=tuple(note.format(f"key/{name}") for note in notes)) for name in "ab"]
    assert grouped_notes(found) == ["Tags of 2 keys: no.", "Policy of 2 keys: no."]
    assert grouped_notes(found[:1]) == ["Tags of key/a: no.", "Policy of key/a: no."]
