"""The run directory: the one place where a run is kept, written as it proceeds and read by everything afterwards."""

import errno
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from loadlab.errors import ReportError
from loadlab.profile.values import is_name_character
from loadlab.recording.histogram import Histogram
from loadlab.results.folded_stacks import Stack, Stacks, format_folded, parse_folded
from loadlab.results.latency_log import LatencyInterval, format_latency_log, parse_latency_log, parse_latency_rounds
from loadlab.results.run import SCHEMA, RunDocument
from loadlab.results.trial import TrialResult

_LONGEST_NAME = 80
_LONGEST_NAME_BYTES = 200  # of the 255 that file systems allow; the time comes before it
_LATENCY_LOG = "latency.hlog"
TARGET_LOG = "target.log"
SCENARIO_LOG = "scenario.log"
_TRIAL = "trial.json"
_SCENARIO = "scenario"
_LOG_PIECE_BYTES = 1 << 16
_TRIAL_ID = re.compile(r"[A-Za-z0-9_-]+")
_ADVICE = {
    errno.ENOSPC: "free some space there, or choose another place with --out",
    errno.EDQUOT: "free some of your disk quota, or choose another place with --out",
    errno.EFBIG: "raise the file size limit (ulimit -f), or choose another place with --out",
    errno.EACCES: "give yourself permission to write there, or choose another place with --out",
    errno.EPERM: "give yourself permission to write there, or choose another place with --out",
    errno.EROFS: "choose a place that can be written with --out",
    errno.ENOTDIR: "name a directory with --out",
    errno.EEXIST: "name a directory with --out",
}


Parsed = TypeVar("Parsed")


class RunDirectory:
    """One run on disk. Make one with `create` or `open`; every method raises ReportError for what it cannot do."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, parent: Path, profile_name: str, profile_text: str, started: datetime) -> "RunDirectory":
        """Make a new directory in `parent` and write profile.yaml, so that one that cannot be written fails now.

        `started` has a time zone. A second run in the same second gets a number appended to its name.
        """
        name = f"{started.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}-{_safe_name(profile_name)}"
        run = cls(_make_new(parent, name))
        try:
            write_whole(run.path / "profile.yaml", profile_text)
        except ReportError:
            run.path.rmdir()
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> "RunDirectory":
        """Return the run directory at `path`, which must hold a run.json; `path` may also be that of a file in it."""
        if path.name in ("run.json", "index.html") and path.is_file():
            path = path.parent
        if not path.exists():
            raise ReportError(f"There is no {path}; name a directory that `loadlab run` has written.")
        if not (path / "run.json").is_file():
            raise ReportError(f"{path} is not a run directory: it has no run.json; name one that `loadlab run` wrote.")
        return cls(path)

    @property
    def page_path(self) -> Path:
        """Where the page is, or will be."""
        return self.path / "index.html"

    def write_scenarios(self, scenarios: Iterable[Mapping[str, str]]) -> None:
        """Write the sources of scenarios, texts by path, to scenario/; others of the same path to scenario-2/, ..."""
        folders: list[dict[str, str]] = []
        for files in scenarios:
            fitting = (each for each in folders if all(each.get(path, text) == text for path, text in files.items()))
            if (folder := next(fitting, None)) is None:
                folders.append(folder := {})
            folder.update(files)
        for number, folder in enumerate(folders, start=1):
            for path, text in folder.items():
                whole = self.path / (_SCENARIO if number == 1 else f"{_SCENARIO}-{number}") / path
                _make_directory(whole.parent)
                write_whole(whole, text)

    def write_document(self, document: RunDocument) -> None:
        """Write run.json anew."""
        write_whole(self.path / "run.json", document.model_dump_json(by_alias=True, indent=1) + "\n")

    def write_trial(self, result: TrialResult) -> None:
        """Write trials/<id>/trial.json: a run that is killed before it can write run.json anew has lost nothing."""
        self._write_trial_file(result.id, _TRIAL, result.model_dump_json(by_alias=True, indent=1) + "\n")

    def write_latency_log(self, trial_id: str, intervals: Iterable[LatencyInterval]) -> None:
        """Write the latencies of one trial to trials/<id>/latency.hlog."""
        self._write_trial_file(trial_id, _LATENCY_LOG, format_latency_log(intervals))

    def write_stacks(self, trial_id: str, file: str, stacks: Stacks) -> None:
        """Write a CPU profile of one trial as folded stacks to trials/<id>/<file>."""
        self._write_trial_file(trial_id, file, format_folded(stacks))

    def place_log(self, trial_id: str, file: str) -> Path:
        """Return the file for what is printed in one trial, in a directory that is made if need be."""
        path = self._trial_path(trial_id, file)
        _make_directory(path.parent)
        return path

    def log_exists(self, trial_id: str, file: str) -> bool:
        """Return whether something was printed in one trial that is kept in this file."""
        return self._trial_path(trial_id, file).is_file()

    def read_end_of_target_log(self, trial_id: str, lines: int) -> list[str]:
        """Return the last lines of what the target of one trial printed; empty where there are none."""
        try:
            with self._trial_path(trial_id, TARGET_LOG).open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _LOG_PIECE_BYTES))
                return file.read().decode("utf-8", "replace").splitlines()[-lines:]
        except OSError:
            return []

    def rewrite_log(self, trial_id: str, file: str, change: Callable[[str], str]) -> None:
        """Write a log of one trial anew as `change` returns it, some hundred lines at a time."""
        path = self._trial_path(trial_id, file)
        changed = path.with_name(f".{path.name}.unfinished")
        try:
            with (
                path.open(encoding="utf-8", errors="surrogateescape", newline="") as old,
                changed.open("w", encoding="utf-8", errors="surrogateescape", newline="") as new,
            ):
                while lines := old.readlines(_LOG_PIECE_BYTES):
                    new.write(change("".join(lines)))
            changed.replace(path)
        except FileNotFoundError:  # nothing was started, or printed
            return
        except OSError as error:
            changed.unlink(missing_ok=True)
            raise cannot_write(path, error) from error

    def write_page(self, html: str) -> None:
        """Write index.html."""
        write_whole(self.page_path, html)

    def read_document(self) -> RunDocument:
        """Return run.json, checked against its models; for a run that has not finished, with the trials made so far."""
        path = self.path / "run.json"
        data = _read_json(path, "run the profile again")
        if isinstance(data, dict) and data.get("finished") is None and not data.get("trials"):
            # In running order: ids are numbers, and the thousandth is longer than those before.
            written = sorted(self.path.glob(f"trials/*/{_TRIAL}"), key=lambda file: (len(file.parent.name), file))
            data = data | {"trials": [_read_json(file, "delete it to leave the trial out") for file in written]}
        return _checked(path, data)

    def read_latencies(self, trial_id: str) -> dict[str, Histogram]:
        """Return {metric: histogram over the whole window} of one trial; empty when it recorded none."""
        return self._parse_latency_log(trial_id, parse_latency_log) or {}

    def read_latency_rounds(self, trial_id: str, metric: str) -> list[Histogram]:
        """Return the histogram of a metric in each round of one trial; empty when it recorded none."""
        return self._parse_latency_log(trial_id, lambda text: parse_latency_rounds(text, metric)) or []

    def _parse_latency_log(self, trial_id: str, parse: Callable[[str], Parsed]) -> Parsed | None:
        path = self._trial_path(trial_id, _LATENCY_LOG)
        if not path.exists():
            return None
        try:
            return parse(_read(path))
        except ValueError as error:
            raise ReportError(f"{path} is damaged: {error}; delete it to draw the page without it.") from error

    def read_latency_log(self, trial_id: str) -> str | None:
        """Return the text of one trial's latency.hlog; None when it recorded none."""
        path = self._trial_path(trial_id, _LATENCY_LOG)
        return _read(path) if path.exists() else None

    def read_stacks(self, trial_id: str, file: str) -> dict[Stack, int]:
        """Return a CPU profile of one trial; empty when it is not there."""
        path = self._trial_path(trial_id, file)
        if not path.exists():
            return {}
        try:
            return parse_folded(_read(path))
        except ValueError as error:
            raise ReportError(f"{path} is damaged: {error}; delete it to draw the page without it.") from error

    def read_profile_text(self) -> str:
        """Return the profile as the user wrote it; without that file as run.json has it, with defaults."""
        path = self.path / "profile.yaml"
        return _read(path) if path.exists() else yaml.safe_dump(self.read_document().profile, sort_keys=False)

    def _write_trial_file(self, trial_id: str, file: str, text: str) -> None:
        path = self._trial_path(trial_id, file)
        _make_directory(path.parent)
        write_whole(path, text)

    def _trial_path(self, trial_id: str, file: str) -> Path:
        # run.json may come from anywhere: an id must not lead out of its directory. Its models check names of files.
        if not _TRIAL_ID.fullmatch(trial_id):
            raise ReportError(f"{self.path} has a trial called {trial_id!r}; ids are letters, digits, - and _ only.")
        return self.path / "trials" / trial_id / file


def read_run(path: Path) -> RunDocument:
    """Return the document of a run: of its directory, or of a file that holds it, as `--json` prints it.

    Raises ReportError if there is none, or it cannot be read.
    """
    if path.is_file() and path.name not in ("run.json", "index.html"):
        return _checked(path, _read_json(path, "it is none that loadlab wrote"))
    return RunDirectory.open(path).read_document()


def write_whole(path: Path, content: str) -> None:
    """Write `content` as UTF-8 to `path` atomically and durably; the directory must exist.

    Raises ReportError when it cannot be written; what was at `path` is then still there, and nothing else is left.
    """
    # In the same directory, because rename is atomic only within one file system.
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        try:
            with unfinished.open("w", encoding="utf-8", newline="\n") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        # The rename is in the directory: until that is on disk too, a power cut may undo it.
        _sync_directory(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> ReportError:
    """Return an error that says why `path` could not be written, and what to do about it."""
    advice = _ADVICE.get(error.errno or 0, "choose another place with --out")
    return ReportError(f"Cannot write {path}: {error.strerror or error}; {advice}.")


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _safe_name(profile_name: str) -> str:
    """Return a profile's name as part of a file name: safe in shells and other file systems, in whatever script."""
    name = "".join(character if is_name_character(character) else " " for character in profile_name[:_LONGEST_NAME])
    try:
        encoded = os.fsencode("-".join(name.split()))
    except UnicodeEncodeError:  # the locale is one for which there are other scripts only
        encoded = "-".join(re.findall(r"[A-Za-z0-9._-]+", name)).encode()
    # Cut where a character ends.
    return encoded[:_LONGEST_NAME_BYTES].decode(sys.getfilesystemencoding(), "ignore").strip("-.") or "run"


def _make_new(parent: Path, name: str) -> Path:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for suffix in chain([""], (f"-{number}" for number in count(2))):
            with suppress(FileExistsError):
                (parent / (name + suffix)).mkdir()
                break
    except OSError as error:
        raise cannot_write(parent, error) from error
    return parent / (name + suffix)


def _checked(path: Path, data: object) -> RunDocument:
    """Return what was read from `path`, checked against the models."""
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise ReportError(
            f"{path} has the schema {schema!r}, this loadlab reads {SCHEMA!r}; use the version that wrote it."
        )
    try:
        return RunDocument.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReportError(f"{path} does not fit {SCHEMA}: {where}: {first['msg']}; run the profile again.") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ReportError(f"Cannot read {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ReportError(f"Cannot read {path}: it is not UTF-8 text, so the file is damaged.") from error


def _read_json(path: Path, advice: str) -> object:
    try:
        content: object = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path} is not JSON ({error}); the file is damaged: {advice}.") from error
    return content
