# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks about keys, run by ansible-playbook on the local host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")


ACCESS_KEY = "AKIAPLAYBOOKTESTPLAY"


SECRET_KEY = "playbook-test-secret-playbook-test"


class Playbook:
    """Runs a list of tasks on the local host and returns what each of them registered."""

    def __init__(self, directory: Path, endpoint_url: str) -> None:
        self.directory = directory
        self.defaults = {
            "region": "eu-central-1",
            "endpoint_url": endpoint_url,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
        }
        self.output = ""

    def run(self, *tasks: dict[str, Any], flags: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        named = [{"name": f"Task {n}", **task, "register": f"result_{n}"} for n, task in enumerate(tasks)]
        answer = self.directory / "results.json"
        answer.unlink(missing_ok=True)
        keep = {
            "name": "Keep the results",
            "ansible.builtin.copy": {
                "content": "{{ [" + ", ".join(task["register"] for task in named) + "] | to_json }}",
                "dest": str(answer),
                "mode": "0600",
            },
            "check_mode": False,
            "diff": False,
        }
        play = {
            "name": "Keys",
            "hosts": "localhost",
            "gather_facts": False,
            "module_defaults": {"group/ledgerops.canton.kms": self.defaults},
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
            "tasks": [*named, keep],
        }
        file = self.directory / "play.yml"
        file.write_text(yaml.safe_dump([play]), encoding="utf-8")
        done = subprocess.run(
            [str(ANSIBLE_PLAYBOOK), "-i", "localhost,", *flags, str(file)],
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        self.output = done.stdout + done.stderr
        assert done.returncode == 0, self.output
        results = json.loads(answer.read_text(encoding="utf-8"))
        assert isinstance(results, list)
        return results

    def environment(self) -> dict[str, str]:
        settings = {
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return {**{name: value for name, value in os.environ.items() if not name.startswith("AWS_")}, **settings}
