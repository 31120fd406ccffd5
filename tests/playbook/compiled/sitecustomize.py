# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps what Python compiles of Ansible's modules. Python reads this file at its start when its folder is on PYTHONPATH.

Ansible sends a module and all that it imports as a zip file of sources, and Python compiles these anew for each task. That is a third of
the time of a task, and tests run thousands of tasks of the same modules. TESTS_COMPILED names the folder to keep the code in.
"""

from __future__ import annotations

import marshal
import os
import zipimport
from importlib.util import source_hash
from pathlib import Path
from types import CodeType

_compile = vars(zipimport)["_compile_source"]
_folder = Path(os.environ["TESTS_COMPILED"])


def _kept(path: str, source: bytes) -> CodeType:
    """The code of a source. Its name of the file is that of the first zip file with this source."""
    file = _folder / source_hash(source).hex()
    try:
        code: CodeType = marshal.loads(file.read_bytes())
    except FileNotFoundError:
        code = _compile(path, source)
        part = file.with_name(f"{file.name}.{os.getpid()}")
        part.write_bytes(marshal.dumps(code))
        # other processes read at the same time
        part.rename(file)
    return code


vars(zipimport)["_compile_source"] = _kept
