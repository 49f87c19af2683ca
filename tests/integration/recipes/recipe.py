"""A recipe of docs/recipes, run as its README says, but for a moment only."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import loadlab

from ..cli.program import ANY_VERDICT, Ended, Program, set_each

RECIPES: Final = Path(loadlab.__file__).parents[1] / "docs/recipes"
Trials = list[dict[str, Any]]


class Recipe:
    """A copy of a recipe's folder, and the program started in it; gunicorn and uvicorn are found as in a venv."""

    def __init__(self, program: Program, name: str) -> None:
        self.folder = program.directory / name
        shutil.copytree(RECIPES / name, self.folder)
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin"))
        # gunicorn has a socket for its own control in the home directory.
        settings = {"PATH": path, "HOME": str(program.directory)}
        self._program = replace(program, current=self.folder, settings=settings)

    @property
    def environment(self) -> dict[str, str]:
        """What the programs of the recipe have in their environment."""
        return self._program.environment

    def run(self, *settings: str) -> Ended:
        """Run its profile with these settings, warm-up and window shortened; what a busy machine spoils is left so."""
        changes = set_each("load.warmup=100ms", "load.duration=400ms", "retries=0", *settings)
        out = ("--out", str(self._program.reports), "--no-calibrate", "--repeat", "1", ANY_VERDICT)
        return self._program.run("run", "profile.yaml", *changes, *out)

    def trials(self) -> Trials:
        """The trials of the run, all of them done."""
        trials: Trials = self._program.document()["trials"]
        assert [trial["state"] for trial in trials] == ["done"] * len(trials)
        return trials

    def measured(self, *settings: str) -> Trials:
        """Run it; check that every trial had answers and nothing else, and that the page can be drawn."""
        ended = self.run(*settings)
        assert ended.code == 0, ended
        self._program.check_drawable()
        trials = self.trials()
        for trial in trials:
            assert trial["requests"] > 0, (trial["outcomes"], trial["failure_samples"], trial["verdict"])
            assert set(trial["outcomes"]) <= {"ok", "cut"}, trial["failure_samples"]
        return trials
