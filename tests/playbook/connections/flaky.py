# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local connection, out of order as long as the file exists that the environment variable DROPPED names."""

from __future__ import annotations

import os
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: flaky
short_description: The local connection, that can be lost
description:
  - Works like C(local) unless the file exists that the environment variable DROPPED names.
options:
  become_success_timeout:
    description: As for C(local).
    type: int
    default: 10
  become_strip_preamble:
    description: As for C(local).
    type: bool
    default: true
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(Local):
    transport = "flaky"

    def exec_command(self, *arguments: Any, **named: Any) -> Any:
        if os.path.exists(os.environ["DROPPED"]):
            raise AnsibleConnectionFailure("the line is dead")
        return super().exec_command(*arguments, **named)
