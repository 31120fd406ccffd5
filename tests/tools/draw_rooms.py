# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw the rooms of the code and what each imports, as docs/rooms.svg; or check that drawing and page are those of the code.

The rooms and their order are those of ``[tool.importlinter]`` in pyproject.toml, the imports are read from the code.

Usage: draw_rooms.py write|check PYPROJECT PAGE DRAWING   (the collection has to be importable)
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROW, LABEL, CELL, TOP = 26, 300, 26, 64
FILLS = {
    "module_utils._participant": "#dbe9f6",
    "module_utils._kms": "#e3f1dc",
    "module_utils": "#f1efe6",
    "": "#f7e6d4",
}


def rooms_of(pyproject: Path) -> tuple[str, list[str]]:
    """The package that holds the rooms, and the rooms from the roof to the ground."""
    contracts = tomllib.loads(pyproject.read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    contract = next(item for item in contracts if item["type"] == "layers")
    return contract["containers"][0], contract["layers"]


def imports_of(package: str, rooms: list[str]) -> set[tuple[int, int]]:
    """Pairs (importing room, imported room) by their index."""
    graph = grimp.build_graph(package, cache_dir=None)
    index = {f"{package}.{room}": number for number, room in enumerate(rooms)}

    def room(module: str) -> int | None:
        while module and module not in index:
            module = module.rpartition(".")[0]
        return index.get(module)

    pairs = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            here, there = room(module), room(imported)
            if here is not None and there is not None and here != there:
                pairs.add((here, there))
    return pairs


def title(room: str) -> str:
    return room.replace("module_utils._participant.", "_participant/").replace("module_utils.", "")


def fill(room: str) -> str:
    return next(colour for prefix, colour in FILLS.items() if room.startswith(prefix))


def drawing(rooms: list[str], pairs: set[tuple[int, int]]) -> str:
    size = len(rooms)
    width, height = LABEL + size * CELL + 20, TOP + size * ROW + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        '<text x="10" y="22" font-weight="bold">Rooms, from the roof to the ground. A dot: the room of this row imports from '
        "the room of this column.</text>",
    ]
    for number, room in enumerate(rooms):
        y, x = TOP + number * ROW, LABEL + number * CELL
        parts.append(
            f'<rect x="10" y="{y + 2}" width="{LABEL - 20}" height="{ROW - 4}" rx="4" fill="{fill(room)}" stroke="#8a8a8a"/>'
        )
        parts.append(f'<text x="18" y="{y + 18}">{number + 1}. {escape(title(room))}</text>')
        parts.append(f'<text x="{x + CELL / 2:g}" y="{TOP - 8}" text-anchor="middle" fill="#555">{number + 1}</text>')
        parts.append(f'<rect x="{x}" y="{y}" width="{CELL}" height="{ROW}" fill="#c9c9c9"/>')
        parts.append(f'<path d="M{LABEL} {y}h{size * CELL}M{x} {TOP}v{size * ROW}" stroke="#e4e4e4"/>')
    for here, there in sorted(pairs):
        centre = LABEL + (there + 0.5) * CELL, TOP + (here + 0.5) * ROW
        parts.append(f'<circle cx="{centre[0]:g}" cy="{centre[1]:g}" r="5" fill="#1f5a92"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main(what: str, pyproject: str, page: str, picture: str) -> int:
    package, rooms = rooms_of(Path(pyproject))
    drawn = drawing(rooms, imports_of(package, rooms))
    if what == "write":
        Path(picture).write_text(drawn, encoding="utf-8")
        return 0
    text = Path(page).read_text(encoding="utf-8")
    breaches = [f"{page}: the room {title(room)} is not described" for room in rooms if f"`{title(room)}`" not in text]
    if Path(picture).read_text(encoding="utf-8") != drawn:
        breaches.append(f"{picture}: the imports between the rooms have changed: run 'make drawing'")
    print("\n".join(breaches) or f"{len(rooms)} rooms, drawn as they are")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
