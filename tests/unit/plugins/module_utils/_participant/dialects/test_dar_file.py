# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a DAR file says about itself, for nodes that do not read it for a client."""

from __future__ import annotations

import io
import zipfile

import pytest
from unit.plugins.module_utils._participant.dialects.fake_api import Node
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.dar_file import main_package

FOLDED = b"Manifest-Version: 1.0\r\nMain-Dalf: a-long/na\r\n me.dalf\r\nFormat: daml-lf\r\n"
DALF = b"\x08\x01\x1a\x03lf2\x22\x04p1p1"  # hash function 1, payload "lf2", hash "p1p1"


def dar(manifest: bytes | None = FOLDED, main: bytes | None = DALF) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in (("META-INF/MANIFEST.MF", manifest), ("a-long/name.dalf", main)):
            if content is not None:
                archive.writestr(name, content)
    return buffer.getvalue()


def test_main_package() -> None:
    assert main_package(dar(), "app.dar") == Node().speaker.dar_main(dar(), "app.dar") == "p1p1"


@pytest.mark.parametrize(
    ("payload", "error_id"),
    [
        pytest.param(b"no zip", "dar_unreadable", id="no archive"),
        pytest.param(dar()[:-30], "dar_unreadable", id="cut archive"),
        pytest.param(dar(manifest=None), "dar_unreadable", id="no manifest"),
        pytest.param(dar(main=None), "dar_unreadable", id="no main dalf"),
        pytest.param(dar(manifest=b"Format: daml-lf\r\n"), "dar_unreadable", id="manifest without main dalf"),
        pytest.param(dar(main=b"\x1a\x03lf2"), "dar_unreadable", id="dalf without id"),
        pytest.param(dar(main=b"\x22\xff"), "wrapper_unreadable", id="damaged dalf"),
    ],
)
def test_file_that_is_no_dar(payload: bytes, error_id: str) -> None:
    assert refused(lambda: main_package(payload, "app.dar")).error_id == error_id
