"""Where the programs of a benchmark are built."""

import glob
import os
import shutil

from document import ROOT
from processes import output

BUILD_SECONDS_MAX = 30 * 60


class Skipped(Exception):
    """A program that cannot be had on this machine, and why."""


class Workshop:
    """.build/bench, with the time that is left."""

    def __init__(self, deadline):
        self.deadline = deadline
        self.folder = os.path.join(ROOT, ".build", "bench")
        os.makedirs(self.folder, exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def build(self, command, folder=ROOT, environment=None):
        return output(command, self.deadline.within(BUILD_SECONDS_MAX), folder, environment)


def tool(name):
    """- Raises: Skipped when it is not installed."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Skipped(f"{name} is not installed")
    return found


def postgres_program(name):
    """One of PostgreSQL's programs, the newest server's first: all must be of one version.

    - Raises: Skipped when it is not installed."""
    folders = glob.glob("/usr/lib/postgresql/*/bin")
    folders.sort(key=lambda folder: -int(folder.split("/")[-2]))
    for folder in folders:
        if os.path.exists(os.path.join(folder, "initdb")):
            return os.path.join(folder, name)
    return tool(name)
