# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key material into AWS KMS: keys of origin EXTERNAL. The order is ``material``'s, the calls are these
(docs/canton/kms-aws.md#importing-key-material)."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms import wrapping
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import errors as aws_errors
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws import keys as aws_keys
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.material import MARK, View, Wanted
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.model import Key
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.keys import imported_specs
from ansible_collections.ledgerops.canton.plugins.module_utils._waiting import wait_for

EXPIRED_TOKEN = "ExpiredImportTokenException"
DELETION_DAYS = 7
_WRAPPING = {"WrappingAlgorithm": "RSA_AES_KEY_WRAP_SHA_256", "WrappingKeySpec": "RSA_4096"}


class ImportCalls:
    """The calls for keys of origin EXTERNAL, beside all others of ``keys``."""

    def __init__(self, keys: aws_keys.AwsKeys) -> None:
        self.keys = keys
        self._sent = 0
        keys._client.meta.events.register("before-send.kms.CreateKey", self._count)

    def _count(self, **_event: t.Any) -> None:
        self._sent += 1

    @property
    def create_was_repeated(self) -> bool:
        """Whether the SDK sent CreateKey more than once, as it does by itself when an answer is lost."""
        return self._sent > 1

    def find_marked(self, name: str, value: str) -> list[str]:
        """ARNs of the keys of origin EXTERNAL that have this tag and are not waiting for their deletion.

        AWS has no search: every key of the region is looked at. Keys that these credentials may not see are none of ours.
        """
        found = []
        for arn in self.keys.names():
            try:
                metadata = self.keys._metadata(arn) or {}
            except CantonError as exc:
                if exc.error_id != aws_errors.ACCESS_DENIED:
                    raise
                continue
            if metadata.get("Origin") != "EXTERNAL" or metadata["KeyState"] == "PendingDeletion":
                continue
            tags = self.keys._pages("list_resource_tags", "Tags", KeyId=arn)
            if {"TagKey": name, "TagValue": value} in tags:
                found.append(arn)
        return found

    def import_material(self, arn: str, private_key: bytearray) -> None:
        """Wrap the private key with a fresh wrapping key of AWS and send it; it never expires. Repeating it is harmless."""
        answer = self.keys._call("get_parameters_for_import", KeyId=arn, **_WRAPPING)
        self.keys._call(
            "import_key_material",
            KeyId=arn,
            ImportToken=answer["ImportToken"],
            EncryptedKeyMaterial=wrapping.wrap(answer["PublicKey"], private_key),
            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        )


class AwsImporter:
    """``material.Importer`` for AWS KMS. ``alias``, ``description`` and ``tags`` are the key's when it is finished."""

    provider = "AWS KMS"
    specs: t.Collection[str] = imported_specs("aws")
    named_last = True

    def __init__(
        self,
        calls: ImportCalls,
        alias: str,
        description: str | None,
        tags: t.Mapping[str, str] | None,
        wait_timeout: float,
    ) -> None:
        self._calls = calls
        self._keys = calls.keys
        self._alias = alias
        self._description = description
        self._tags = dict(tags or {})
        self._wait_timeout = wait_timeout

    def find(self, wanted: Wanted) -> Key | None:
        named = self._keys.find(self._alias)
        if named is not None:
            return named
        marked = [key for key in map(self._keys.find, self._calls.find_marked(MARK, wanted.fingerprint)) if key]
        # the one that is furthest, and of several the oldest: always the same
        marked.sort(key=lambda key: (key.state != "enabled", key.created or "", key.arn or ""))
        return marked[0] if marked else None

    def mark(self, key: Key, wanted: Wanted) -> str | None:
        return (key.tags or {}).get(MARK)

    def create(self, wanted: Wanted) -> Key:
        tags = self._with_mark(wanted)
        arn = self._keys.create(wanted.spec, wanted.usage, self._description or "", tags, origin="external")
        if self._calls.create_was_repeated:
            self._remove_twins(arn, wanted)
        return self._patiently(arn)

    def _remove_twins(self, arn: str, wanted: Wanted) -> None:
        """Empty keys with the mark that are not the one whose ARN was answered: there was none before."""
        for other in self._calls.find_marked(MARK, wanted.fingerprint):
            if other != arn:
                self._keys.schedule_deletion(other, DELETION_DAYS)

    def _patiently(self, arn: str) -> Key:
        """The key as it is read; a new one, or the public key of one that has just been filled, may not show at once."""

        def look() -> Key | None:
            try:
                return self._keys.find(arn)
            except CantonError as exc:
                if exc.error_id != aws_errors.INVALID_STATE:
                    raise
                return None

        _reached, key = wait_for(look, self._wait_timeout)
        if key is None:
            raise CantonError(
                f"AWS KMS doesn't show key {arn} after {self._wait_timeout:g} seconds",
                error_id="change_not_visible",
                hint="Run again, it carries on with this key; a larger wait_timeout waits longer.",
                retryable=True,
                details={"arn": arn},
            )
        return key

    def send(self, key: Key, private_key: bytearray) -> None:
        try:
            self._calls.import_material(str(key.arn), private_key)
        except CantonError as exc:
            if exc.error_id != EXPIRED_TOKEN:
                raise
            self._calls.import_material(str(key.arn), private_key)

    def read(self, key: Key) -> Key:
        return self._patiently(str(key.arn))

    def discard(self, key: Key) -> str:
        arn = str(key.arn)
        try:
            self._keys.schedule_deletion(arn, DELETION_DAYS)
            return f"The key can't be used any more and is deleted in {DELETION_DAYS} days."
        except CantonError as exc:
            refused = exc.message
        try:
            self._keys.disable(arn)
            return f"The key is disabled; delete it, which was refused ({refused})."
        except CantonError:
            return f"The key is still there, for it could be neither deleted nor disabled ({refused}): delete it, and give it to no node."

    def view(self, key: Key) -> View:
        return {
            "alias": self._alias if self._keys.identify(self._alias) == key.arn else None,
            "description": key.description,
            "tags": key.tags,
        }

    def aim(self, key: Key | None, wanted: Wanted) -> View:
        if key is not None and key.tags is None:
            raise CantonError(
                "The key's tags can't be compared with what it should have. " + " ".join(key.notes),
                error_id="tags_unreadable",
                hint="Allow these credentials to read them.",
            )
        had = {} if key is None or key.tags is None else key.tags
        described = "" if key is None else key.description
        return {
            "alias": self._alias,
            "description": described if self._description is None else self._description,
            "tags": {**had, **self._with_mark(wanted)},
        }

    def finish(self, key: Key, now: View, after: View) -> Key:
        arn = str(key.arn)
        if now["description"] != after["description"]:
            self._keys.describe(arn, after["description"])
        missing = {name: value for name, value in after["tags"].items() if (now["tags"] or {}).get(name) != value}
        if missing:
            self._keys.tag(arn, missing)
        if now["alias"] != after["alias"]:
            self._add_alias(arn, after["alias"])
        return self.read(key)

    def _add_alias(self, arn: str, alias: str) -> None:
        try:
            self._keys.add_alias(arn, alias)
        except CantonError as exc:
            # the SDK sent it again after an answer that was lost
            if exc.error_id != aws_errors.ALREADY_EXISTS or self._keys.identify(alias) != arn:
                raise

    def predict(self, key: Key | None, wanted: Wanted, after: View) -> Key:
        base = key or Key(state="", spec=wanted.spec, usage=wanted.usage, aliases=(), origin="external")
        return replace(
            base,
            state="enabled",
            description=after["description"],
            tags=after["tags"],
            aliases=None if base.aliases is None else tuple({*base.aliases, after["alias"]}),
            public_key_der=wanted.der,
        )

    def _with_mark(self, wanted: Wanted) -> dict[str, str]:
        return {**self._tags, MARK: wanted.fingerprint}


def open_importer(params: t.Mapping[str, t.Any]) -> AwsImporter:
    """The importer that the options of the module lead to. Sends nothing yet."""
    tags = {str(name): str(value) for name, value in (params["tags"] or {}).items()}
    alias = aws_keys.alias_name(params["alias"])
    calls = ImportCalls(aws_keys.connect(params))
    return AwsImporter(calls, alias, params["description"], tags, params["wait_timeout"])
