# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that are not installed but unpacked: `./dev setup` does that, and says why."""

import os
import shutil

from lab import REPOSITORY


def program(name, path):
    """(the program, the folder it was unpacked into or None, its environment); `path`: where it lies in a package."""
    installed = shutil.which(name)
    if installed:
        return installed, None, None
    root = REPOSITORY / "build" / name / "root"
    if not (root / path).exists():
        raise RuntimeError(f"{name} is not there: ./dev setup fetches it")
    libraries = ":".join(sorted({str(library.parent) for library in root.glob("**/*.so.*")}))
    return root / path, root, {**os.environ, "LD_LIBRARY_PATH": libraries}
