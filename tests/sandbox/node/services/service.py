# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all services have in common."""

from __future__ import annotations

import importlib
from typing import Any, Generic, TypeVar

from sandbox.node.node import Node

N = TypeVar("N", bound=Node)


class Service(Generic[N]):
    """A gRPC service with one method an RPC; ``SERVICE`` is its full name."""

    SERVICE: str

    def __init__(self, node: N) -> None:
        self._node = node

    def _cls(self, name: str) -> Any:
        """The class of a message in the package of the service."""
        return self._node.messages.cls(f"{self.SERVICE.rpartition('.')[0]}.{name}")


def load(package: str, names: list[str]) -> list[Any]:
    """The classes of these names (module and class) in a package; nothing else of it is imported."""
    parts = [name.split(".") for name in names]
    return [getattr(importlib.import_module(f"{package}.{module}"), cls) for module, cls in parts]
