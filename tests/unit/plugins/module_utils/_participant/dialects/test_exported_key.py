# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes answer to ExportKeyPair. That real bytes come through, and are hidden, is tried against servers (tests/wire)."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import of_line
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from sandbox.wire import definitions
from sandbox.wire.release import release

PRINT = "1220" + "ab" * 32
SECRET = b"this is secret"
LINES = ("3.5", "3.4", "2.10", "2.8")


def export(line: str, answer: Any) -> Any:
    return of_line(line, ExportKeyPair=answer)[0].export_key_pair(PRINT, 34)


def refusal(line: str, answer: Any) -> CantonError:
    return refused(lambda: export(line, answer))


def exported(line: str, **private: Any) -> dict[str, bytes]:
    """An ExportKeyPairResponse with a signing key."""
    version, package = (0, "v0") if line.startswith("2") else (30, "v30")
    messages = definitions.messages(release(line))
    pair = messages.cls(f"crypto.{package}.CryptoKeyPair")(
        signing_key_pair={"private_key": {"id": PRINT, "private_key": SECRET, **private}}
    )
    return {"key_pair": messages.wrap(pair.SerializeToString(), version)}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    ("text", "error_id", "in_hint"),
    [
        (
            "Remote export of private keys only allowed when preview is enabled",
            "preview_commands_off",
            "canton.features.enable-preview-commands = true",
        ),
        ("The selected crypto provider does not support exporting of private keys.", "keys_in_kms", "delegation"),
        (f"Error retrieving private key [{PRINT}] no private key found for [{PRINT}]", "key_unknown", "fingerprint"),
    ],
)
def test_refusals_say_what_to_do(line: str, text: str, error_id: str, in_hint: str) -> None:
    error = refusal(line, CantonError(f"The node refused ExportKeyPair: {text}", "FAILED_PRECONDITION"))
    assert error.error_id == error_id
    assert in_hint in error.hint


def test_preview_is_to_be_switched_off_again() -> None:
    error = refusal("3.5", CantonError("only allowed when preview is enabled"))
    assert "Remove the line" in error.hint


def test_other_errors_stay_what_they_are() -> None:
    assert refusal("3.5", CantonError("no", "UNAUTHENTICATED")).error_id == "UNAUTHENTICATED"


@pytest.mark.parametrize("line", LINES)
def test_what_cannot_be_read_shows_nothing(line: str) -> None:
    version = 0 if line.startswith("2") else 30
    messages = definitions.messages(release(line))
    for content in (SECRET, b""):
        error = refusal(line, {"key_pair": messages.wrap(content, version)})
        assert error.error_id == "wrapper_unreadable"
        assert "secret" not in f"{error!s} {error.details} {error.__cause__!r}"
    assert refusal(line, {"key_pair": messages.wrap(SECRET, 99)}).error_id == "wrapper_version"


@pytest.mark.parametrize(
    ("line", "written", "read"),
    [
        ("3.5", "CRYPTO_KEY_FORMAT_DER_PKCS8_PRIVATE_KEY_INFO", "pkcs8"),
        ("3.4", "CRYPTO_KEY_FORMAT_DER", "pkcs8"),
        ("3.5", "CRYPTO_KEY_FORMAT_RAW", "raw"),
        ("2.10", "Der", "pkcs8"),
        ("2.8", "Tink", "tink"),
    ],
)
def test_formats(line: str, written: str, read: str) -> None:
    pair = export(line, exported(line, format=written))
    assert pair.format == read
    assert pair.private_key() == SECRET


def test_usages_and_spec() -> None:
    usage = ["SIGNING_KEY_USAGE_PROTOCOL", "SIGNING_KEY_USAGE_PROOF_OF_OWNERSHIP"]
    pair = export("3.5", exported("3.5", usage=usage, key_spec="SIGNING_KEY_SPEC_EC_P384"))
    assert (pair.purpose, pair.usage, pair.spec) == ("signing", ("protocol", "proof_of_ownership"), "ec_p384")
    pair = export("2.10", exported("2.10", scheme="EcDsaP384"))
    assert (pair.purpose, pair.usage, pair.spec) == ("signing", (), "ec_p384")
