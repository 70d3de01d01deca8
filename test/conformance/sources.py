# SPDX-License-Identifier: GPL-3.0-or-later
"""
The suites that Debian does not have: fetched once, at one commit each, into build/conformance. On a
machine that cannot reach them POSTERN_CONFORMANCE_SOURCES names a folder of clones: tlsfuzzer,
tlslite-ng, badssl.com.
"""

import os
import pathlib
import shutil
import subprocess

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "build" / "conformance"
# name: address, commit, the folders of it that are used
SOURCES = {
    "tlsfuzzer": ("https://github.com/tlsfuzzer/tlsfuzzer", "14555fe211456c46deccc4b2d94751dbd894aece",
        ("tlsfuzzer", "scripts")),
    "tlslite-ng": ("https://github.com/tlsfuzzer/tlslite-ng", "0d0316905c685ac88f927d44b22830ab58217da8", ("tlslite",)),
    "badssl.com": ("https://github.com/chromium/badssl.com", "6e53ae0859e678724d54eb4f64f839174c9b82e3",
        ("certs", "common", "domains", "domains-local-only", "nginx-includes")),
}


def git(*arguments, **options):
    subprocess.run(["git", "-c", "safe.directory=*", *map(str, arguments)], check=True, **options)


def commit(name):
    return SOURCES[name][1]


def unpack(repository, name, folder):
    """git checks what it stores by its hash: what comes out is the commit."""
    folder.mkdir()
    with subprocess.Popen(["git", "-c", "safe.directory=*", "-C", repository, "archive", commit(name),
            *SOURCES[name][2]], stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", folder], check=True, stdin=archive.stdout)
    if archive.returncode != 0:
        raise RuntimeError(f"{repository}: has no commit {commit(name)} of {name}")


def fetch(name, tell):
    """The folder of that source."""
    folder = FOLDER / f"{name}-{commit(name)[:12]}"
    if folder.exists():
        return folder
    unfinished = FOLDER / f"{name}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    repository = unfinished / "repository"
    if clones := os.environ.get("POSTERN_CONFORMANCE_SOURCES"):
        repository = pathlib.Path(clones, name)
    else:
        tell(f"fetching {name} from {SOURCES[name][0]}")
        git("init", "-q", "--bare", repository)
        git("-C", repository, "fetch", "-q", "--depth", 1, SOURCES[name][0], commit(name))
    unpack(repository, name, unfinished / "tree")
    (unfinished / "tree").rename(folder)
    shutil.rmtree(unfinished)
    return folder
