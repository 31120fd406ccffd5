# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes reports into a folder of the controller, in which several hosts of a run do so at the same time."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import jinja2

from ..module_utils._files import locked_folder, make_folder, private_file, stamp
from ._fleet import FLEET, fleet

KINDS = ("html", "md")


def write_host(folder: Path, name: str, report: t.Mapping[str, t.Any], templates: Path) -> None:
    """The result of one host. A run that has only started has no pages yet: those of the last run stay."""
    make(folder)
    if report["status"] != "running":
        for kind in KINDS:
            write(folder / f"{name}.{kind}", render(templates, f"report.{kind}.j2", report=report, file=name))
    # at the end, as it is what the fleet's report counts
    write(folder / f"{name}.json", as_json(report))


def write_fleet(folder: Path, hosts: t.Sequence[str], gone: t.Sequence[str], templates: Path) -> dict[str, t.Any]:
    """The report of all hosts. The last writer has read everything that was written before."""
    make(folder)
    with locked_folder(str(folder)):
        now = stamp().replace("+00:00", "Z")
        found = fleet(folder, hosts, now, gone)
        for kind in KINDS:
            write(folder / f"{FLEET}.{kind}", render(templates, f"{FLEET}.{kind}.j2", fleet=found))
        write(folder / f"{FLEET}.json", as_json(found))
    return found


def make(folder: Path) -> None:
    make_folder(str(folder))
    folder.chmod(0o700)


def write(path: Path, text: str) -> None:
    """Private, and whole at any moment."""
    with private_file(str(path), durable=False) as handle:
        handle.write(text.encode())


def as_json(found: t.Mapping[str, t.Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def render(templates: Path, name: str, **variables: t.Any) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates), trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(name).render(**variables)
