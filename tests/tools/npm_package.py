"""Packages from npm that tests need: installed once per machine, below the user's cache folder.

SPDX-License-Identifier: MIT
"""
import json
import os
import shutil
import subprocess


def folder_of(package, version=None):
    """Installs a package. Returns its folder; None: npm or its registry is not there."""
    name = package.replace("/", "-").strip("@") + (f"-{version}" if version else "")
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "pma-tests", name)
    if not os.path.exists(os.path.join(folder, "complete")):
        if shutil.which("npm") is None or shutil.which("node") is None:
            return None
        os.makedirs(folder, exist_ok=True)
        try:
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder,
                                   f"{package}@{version}" if version else package],
                                  capture_output=True, text=True, timeout=90, check=False)
        except subprocess.TimeoutExpired:
            return None
        if done.returncode != 0:
            print(done.stderr[-500:])
            return None
        with open(os.path.join(folder, "complete"), "w", encoding="ascii"):
            pass
    return os.path.join(folder, "node_modules", package)


def program_of(package, version=None):
    """Returns the path of a package's first program; None as above."""
    root = folder_of(package, version)
    if root is None:
        return None
    with open(os.path.join(root, "package.json"), encoding="utf-8") as file:
        programs = json.load(file)["bin"]
    return os.path.join(root, programs if isinstance(programs, str) else next(iter(programs.values())))
