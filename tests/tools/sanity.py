# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``ansible-test sanity`` in the layout copy, without containers and with no network but the package index.

ansible-test makes an environment for each of ten tests. It bootstraps pip there with a script from a host of its own,
unless its cache already holds one. This puts a small one there that installs the pip which Python brings along, and so
spares ten downloads of the release that ansible-test names. The home directory is a scratch one, since the place of that
cache can't be chosen otherwise. On PATH are this environment and the system's directories only: ansible-test runs every
python3.x that it finds, and the wrappers of version managers are found without being able to run.

Usage: sanity.py HOME COPY [arguments for ansible-test sanity]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

GET_PIP = """\
import ensurepip

ensurepip.bootstrap(default_pip=True)
"""


def pip_version() -> str:
    """The version of pip that the installed ansible-test asks for, as it names its cached script: 24_2."""
    source = metadata.distribution("ansible-core").locate_file("ansible_test/_internal/python_requirements.py")
    found = re.search(r"pip='([\d.]+)'", Path(str(source)).read_text(encoding="utf-8"))
    if found is None:
        raise SystemExit(
            f"{source} names its version of pip in another way: see pip_version() in tests/tools/sanity.py"
        )
    return found.group(1).replace(".", "_")


def main(home: Path, copy: Path, arguments: list[str]) -> int:
    script = home / ".ansible" / "test" / "cache" / f"get_pip_{pip_version()}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(GET_PIP, encoding="utf-8")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    environment = {**os.environ, "HOME": str(home), "PATH": path}
    return subprocess.run(["ansible-test", "sanity", *arguments], cwd=copy, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve(), sys.argv[3:]))
