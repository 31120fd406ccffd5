# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A delegation whose root key and target are never reached together: what goes there, what comes back, what is refused."""

from __future__ import annotations

import base64
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import new_participant, old_participant
from unit.plugins.samples import NEW_NAMESPACE, NEW_SYNC, OLD_NAMESPACE, key, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED, Delegation
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.topology.delegation_file import digest
from ansible_collections.ledgerops.canton.plugins.modules import participant_namespace_delegation as module

FURTHER = "1220" + "f" * 64


class Post:
    """The steps of a delegation that travels in files; a refusal is what the module would fail with."""

    def __init__(self, folder: Path) -> None:
        self.key, self.signed = folder / "new.key.json", folder / "old.signed.json"
        self.source: Any = old_participant()
        self.target: Any = new_participant(known=[synchronizer("newsync")])
        self.target.keys[0] = replace(self.target.keys[0], public_key=NEW_NAMESPACE.encode())

    def export_key(self, check: bool = False) -> dict[str, Any]:
        return self.run(check, None, self.target, state="key_exported", target_key_file=str(self.key))

    def sign(self, check: bool = False, **options: Any) -> dict[str, Any]:
        files = {"target_key_file": str(self.key), "signed_file": str(self.signed)}
        return self.run(check, self.source, None, state="signed", **{**files, "synchronizer": None, **options})

    def load(self, check: bool = False, **options: Any) -> dict[str, Any]:
        return self.run(check, None, self.target, signed_file=str(self.signed), **options)

    def run(self, check: bool, source: Any, target: Any, **options: Any) -> dict[str, Any]:
        defaults = {"state": "present", "synchronizer": "newsync", "wait_timeout": 1.0}
        try:
            outcome = module.ensure({**dict.fromkeys(module.SPEC), **defaults, **options}, source, target, check)
        except CantonError as exc:
            return {"failed": True, "error_id": exc.error_id, "msg": str(exc), "hint": exc.hint}
        return outcome.exit_values(True)


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


def thrice(step: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    predicted, done, again = step(check=True), step(), step()
    assert predicted["diff"] == done["diff"]
    assert [each["changed"] for each in (predicted, done, again)] == [True, True, False]
    return done


def test_key_signature_and_delegation_travel(post: Post) -> None:
    written = thrice(post.export_key)
    assert written["target_key"] == NEW_NAMESPACE and written["content"] == json.loads(post.key.read_text())
    made = thrice(post.sign)
    assert (made["namespace"], made["target_key"]) == (OLD_NAMESPACE, NEW_NAMESPACE)
    assert made["content"] == json.loads(post.signed.read_text())
    assert post.source.changes == [("authorize", NEW_NAMESPACE)]
    assert post.target.changes == []
    loaded = thrice(post.load)
    assert loaded["delegation"] == {"source": True, "target": True, "synchronizer": True}
    assert (loaded["namespace"], loaded["target_key"]) == (OLD_NAMESPACE, NEW_NAMESPACE)
    assert post.target.changes == [("load", [OLD_NAMESPACE, NEW_NAMESPACE])]
    assert {stat.S_IMODE(file.stat().st_mode) for file in (post.key, post.signed)} == {0o600}


def test_check_mode_writes_no_file(post: Post) -> None:
    assert post.export_key(check=True)["changed"] and not post.key.exists()
    post.export_key()
    assert "content" not in post.sign(check=True)
    assert not post.signed.exists() and post.source.changes == []


def test_signing_for_a_target_that_is_reached(post: Post) -> None:
    made = post.run(False, post.source, post.target, state="signed", signed_file=str(post.signed))
    assert made["changed"] and post.load()["changed"]


def test_root_key_of_another_namespace_in_the_vault(post: Post) -> None:
    """The source may be any node that the root key was brought into."""
    post.export_key()
    assert post.sign(namespace=FURTHER)["error_id"] == "namespace_key_missing"
    post.source.keys.append(key(FURTHER))
    assert post.sign(namespace=FURTHER)["error_id"] == "certificate_missing"
    post.source.delegated[AUTHORIZED].append(Delegation(FURTHER, FURTHER, "all", 1))
    assert post.sign(namespace=FURTHER)["namespace"] == FURTHER
    assert post.load(namespace=OLD_NAMESPACE)["error_id"] == "signed_for_another_namespace"
    assert post.load(namespace=FURTHER)["changed"]


def test_file_of_another_delegation_is_written_anew(post: Post) -> None:
    post.export_key()
    post.sign()
    post.source.keys.append(key(FURTHER))
    post.source.delegated[AUTHORIZED].append(Delegation(FURTHER, FURTHER, "all", 1))
    assert post.sign(namespace=FURTHER)["changed"]
    assert json.loads(post.signed.read_text())["namespace"] == FURTHER
    post.signed.write_text("{")
    assert post.sign(namespace=FURTHER)["changed"] and not post.sign(namespace=FURTHER)["changed"]


def encoded(*words: str) -> str:
    return base64.b64encode(" ".join(words).encode()).decode()


@pytest.mark.parametrize(
    ("change", "error_id", "why"),
    [
        ({"format": "something else"}, "delegation_file_foreign", "no signed delegation"),
        ({"version": 2}, "delegation_file_version", "version 2"),
        ({"canton": 2}, "release_lines", "from Canton 2"),
        ({"delegation": None}, "delegation_file_damaged", "incomplete"),
        ({"delegation": "%%%"}, "delegation_file_damaged", "cannot be read"),
        ({"delegation": encoded(OLD_NAMESPACE, "1220ff")}, "delegation_file_damaged", "digest"),
        ({"namespace": FURTHER}, "delegation_file_damaged", "another namespace"),
        ({"target_key": FURTHER}, "delegation_file_damaged", "another key"),
    ],
)
def test_signed_file_that_is_damaged_or_foreign(post: Post, change: dict[str, Any], error_id: str, why: str) -> None:
    post.export_key()
    values = post.sign()["content"]
    post.signed.write_text(json.dumps({**values, **change}))
    refused = post.load()
    assert refused["failed"] and refused["error_id"] == error_id and why in refused["msg"]
    assert str(post.signed) in refused["msg"] and refused["hint"]
    assert post.target.changes == []


@pytest.mark.parametrize(
    ("root", "delegation", "why"),
    [
        ((OLD_NAMESPACE, NEW_NAMESPACE), (OLD_NAMESPACE, OLD_NAMESPACE), "begin with a root certificate"),
        ((FURTHER, FURTHER), (OLD_NAMESPACE, NEW_NAMESPACE), "another namespace"),
        ((OLD_NAMESPACE, OLD_NAMESPACE), ("?", "?"), "two namespace delegations"),
    ],
)
def test_signed_file_with_the_wrong_parts(
    post: Post, root: tuple[str, str], delegation: tuple[str, str], why: str
) -> None:
    post.export_key()
    parts = [" ".join(words).encode() for words in (root, delegation)]
    values = {"root_certificate": encoded(*root), "delegation": encoded(*delegation), "sha256": digest(*parts)}
    post.signed.write_text(json.dumps({**post.sign()["content"], **values}))
    refused = post.load()
    assert refused["error_id"] == "delegation_file_damaged" and why in refused["msg"]


def test_signed_file_for_another_target(post: Post) -> None:
    post.export_key()
    post.sign()
    post.target.status = replace(post.target.identity(), uid=f"new::{FURTHER}")
    post.target.keys.append(key(FURTHER))
    refused = post.load()
    assert refused["error_id"] == "signed_for_another_key" and "key_exported" in refused["hint"]


def test_canton_2_signs_for_the_form_of_a_domain(post: Post) -> None:
    source, target = old_participant(major=2), new_participant(major=2, known=[synchronizer("newsync")])
    target.keys[0] = replace(target.keys[0], public_key=NEW_NAMESPACE.encode())
    target.versions = {"newsync": 5}
    post.source, post.target = source, target
    post.export_key()
    assert post.sign()["content"]["written_for"] == source.delegations_written_for == 5
    without = post.run(False, source, target, state="signed", signed_file="x", synchronizer=None)
    assert without["error_id"] == "synchronizer_missing"
    target.versions = {"newsync": 7}
    refused = post.load()
    assert refused["error_id"] == "signed_for_another_domain"
    target.versions = {"newsync": 5}
    assert post.load()["changed"] and target.delegated[NEW_SYNC]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"fingerprint": OLD_NAMESPACE}, "does not belong to the participant"),
        ({"participant": f"new::{OLD_NAMESPACE}"}, "does not belong to the participant"),
        ({"public_key": "%"}, "cannot be read"),
    ],
)
def test_key_file_that_is_damaged(post: Post, change: dict[str, str], why: str) -> None:
    values = post.export_key()["content"]
    post.key.write_text(json.dumps({**values, **change}))
    refused = post.sign()
    assert refused["error_id"] == "delegation_file_damaged" and why in refused["msg"]
    assert post.source.changes == []


def test_files_that_are_no_json_or_missing(post: Post) -> None:
    assert post.sign()["error_id"] == "file_enoent"
    post.key.write_text("no JSON")
    assert post.sign()["error_id"] == "delegation_file_damaged"


def test_removed_delegation_is_not_signed_again(post: Post) -> None:
    post.export_key()
    post.source.removed = {AUTHORIZED: [Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 2)]}
    assert post.sign()["error_id"] == "delegation_was_removed" and not post.signed.exists()
