"""The rules of requests: one way to write them, one body each, and columns that the load's data have."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, Literal

from loadlab.profile.files import MOST_BYTES, Table, describe_columns, read_content, read_table
from loadlab.profile.http_values import SUCCESS, check_path
from loadlab.profile.load import SLOW_SENDERS
from loadlab.profile.mistakes import Mistake
from loadlab.profile.paths import Data, Path, dotted, value_at
from loadlab.profile.request import BODIES, name_in_mix
from loadlab.profile.schema import LoadProfile
from loadlab.profile.suggestions import did_you_mean
from loadlab.profile.sweep import Written, place_of_change, values_in_trials
from loadlab.profile.template import columns_of
from loadlab.profile.values import describe

_SINGLE: Final = ("load", "request")
_NOT_IN_HEADERS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEAD_BYTES: Final = 60  # of Host, User-Agent and the first line, at least


def request_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield what contradicts itself in the requests, and what the files that they name do not have."""
    yield from _form_mistakes(data)
    mix = value_at(data, ("load", "mix"))
    yield from _name_mistakes(mix if isinstance(mix, list) else [])
    requests = [_Written(data, place) for place in _places(data)]
    for request in requests:
        yield from request.mistakes()
    yield from _data_mistakes(data, requests)


def _form_mistakes(data: Data) -> Iterator[Mistake]:
    """Yield what is said of requests in more than one way."""
    mixed = isinstance(value_at(data, ("load", "mix")), list)
    single = _place_of_single(data)
    if mixed:
        for path in ("target.handler", "load.path", "load.expect_status"):
            if place := place_of_change(LoadProfile, data, path):
                what = "has no effect with load.mix, whose requests have their own; remove one of the two"
                yield Mistake(place, what, part="key")
        if single:
            yield Mistake(single, "has no effect with load.mix; remove one of the two", part="key")
    elif single:
        for path, instead in (("load.path", "path"), ("load.expect_status", "expect: {status: ...}")):
            if place := place_of_change(LoadProfile, data, path):
                what = f"cannot be combined with load.request; write {instead} in it instead"
                yield Mistake(place, what, part="key")


def _place_of_single(data: Data) -> Path | None:
    if isinstance(value_at(data, _SINGLE), dict):
        return _SINGLE
    sweep = data.get("sweep")
    swept = [path for path in sweep if path.startswith("load.request.")] if isinstance(sweep, dict) else []
    return ("sweep", swept[0]) if swept else None


def _name_mistakes(mix: Sequence[object]) -> Iterator[Mistake]:
    seen = set()
    for index, request in enumerate(mix):
        name = name_in_mix(request)
        if name == SLOW_SENDERS:
            what = f"the name {SLOW_SENDERS} is reserved for slow_connections; choose another"
            yield Mistake(("load", "mix", index), what)
        if name in seen:
            what = f"repeats the name {describe(name)}; give each request a name of its own"
            yield Mistake(("load", "mix", index), what)
        if name is not None:
            seen.add(name)


def _places(data: Data) -> Iterator[Path]:
    """Yield where the requests are written; the short form is the load itself, which has a path."""
    mix = value_at(data, ("load", "mix"))
    if isinstance(mix, list):
        yield from (("load", "mix", index) for index, request in enumerate(mix) if isinstance(request, dict))
    else:
        yield _SINGLE if _place_of_single(data) else ("load",)


@dataclass(frozen=True, slots=True)
class _Text:
    """A text that may name columns: where it is written, whether as a key, and which part of the request it is."""

    path: Path
    text: str
    of: Literal["path", "header", "body"]
    part: Literal["key", "value"] = "value"


@dataclass(frozen=True, slots=True)
class _Written:
    """A request as it is written at `place`, in the section or in the sweep."""

    data: Data
    place: Path

    def values(self, *keys: str) -> list[Written]:
        """Return all values that the trials have at a key of the request."""
        if "mix" not in self.place:
            return values_in_trials(self.data, dotted((*self.place, *keys)))
        value: object = self._in_mix()
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return [] if value is None else [Written((*self.place, *keys), value)]

    def headers(self) -> list[Written]:
        """Return the values of all headers."""
        found = self.values("headers")
        names = [name for each in found if isinstance(each.value, dict) for name in each.value]
        above = f"{dotted(self.place)}.headers."
        sweep = self.data.get("sweep")
        swept = [path for path in sweep if path.startswith(above)] if isinstance(sweep, dict) else []
        all_names = dict.fromkeys([*names, *(path.removeprefix(above) for path in swept)])
        return [written for name in all_names for written in self.values("headers", name)]

    def texts(self) -> Iterator[_Text]:
        """Yield every text that may name columns."""
        for written in self.values("path"):
            if isinstance(written.value, str):
                yield _Text(written.path, written.value, "path")
        if self.place == ("load",):  # the short form
            return
        for written in self.headers():
            if isinstance(written.value, str):
                yield _Text(written.path, written.value, "header")
        for key in ("json", "body"):
            for written in self.values(key):
                yield from _texts_below(written.path, written.value)

    def mistakes(self) -> Iterator[Mistake]:
        """Yield what contradicts itself in this request, and the files that cannot be sent."""
        if self.place == ("load",):
            return
        bodies = [key for key in BODIES if self.values(key)]
        for key in bodies[1:]:
            what = f"cannot be combined with {bodies[0]}, as a request has one body; remove one of the two"
            yield Mistake(self.values(key)[0].path, what, part="key")
        if self.values("expect", "status") and self.values("expect_status") not in ([], self._plain_status()):
            what = "cannot be combined with expect: {status: ...}; remove one of the two"
            yield Mistake(self.values("expect_status")[0].path, what, part="key")
        for section in (("headers",), ("expect", "header")):
            yield from self._repeated_headers(section)
        for written in self.values("file"):
            if isinstance(written.value, str):
                try:
                    read_content(written.value)
                except ValueError as error:
                    yield Mistake(written.path, str(error))

    def _in_mix(self) -> object:
        mix = value_at(self.data, ("load", "mix"))
        index = self.place[-1]
        return mix[index] if isinstance(mix, list) and isinstance(index, int) else None

    def _plain_status(self) -> list[Written]:
        """Return the default, as a dumped profile has it."""
        return [Written((*self.place, "expect_status"), [*SUCCESS])]

    def _repeated_headers(self, section: tuple[str, ...]) -> Iterator[Mistake]:
        for written in self.values(*section):
            seen: dict[str, str] = {}
            for name in written.value if isinstance(written.value, dict) else ():
                if name.lower() in seen:
                    what = f"repeats the header {describe(seen[name.lower()])}; join their values with a comma"
                    yield Mistake((*written.path, name), what, part="key")
                seen.setdefault(name.lower(), name)


def _texts_below(path: Path, value: object) -> Iterator[_Text]:
    match value:
        case str():
            yield _Text(path, value, "body")
        case dict():
            for key, inner in value.items():
                yield _Text((*path, key), key, "body", part="key")
                yield from _texts_below((*path, key), inner)
        case list():
            for index, inner in enumerate(value):
                yield from _texts_below((*path, index), inner)


def _texts_of_messages(data: Data) -> Iterator[_Text]:
    for written in values_in_trials(data, "load.message.text"):
        if isinstance(written.value, str):
            yield _Text(written.path, written.value, "body")
    messages = value_at(data, ("load", "messages"))
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if isinstance(message, dict) and isinstance(text := message.get("text"), str):
            yield _Text(("load", "messages", index, "text"), text, "body")


def _data_mistakes(data: Data, requests: Sequence[_Written]) -> Iterator[Mistake]:
    """Yield columns without data, data without columns, and values that cannot stand where they are to be sent."""
    texts = [text for request in requests for text in request.texts()]
    texts += _texts_of_messages(data)
    files = [written for written in values_in_trials(data, "load.data.file") if isinstance(written.value, str)]
    if not files:
        yield from _size_mistakes(None, requests, None)
        for text in texts if value_at(data, ("load", "data")) is None else []:
            for name in columns_of([text.text]):
                what = f"{{{{{name}}}}} names a column, but there are no data; set load.data: {{file: users.csv}}"
                yield Mistake(text.path, what, text.part)
        return
    if not any("{{" in text.text for text in texts):
        what = "has no effect, as no request names one of its columns; write one as {{id}}, or remove it"
        yield Mistake(("load", "data"), what, part="key")
    for written in files:
        try:
            table = read_table(str(written.value))
        except ValueError as error:
            yield Mistake(written.path, str(error))
            continue
        missing = [*_missing_columns(texts, table)]
        yield from missing
        yield from _expected_columns(requests, table)
        if not missing:
            yield from _value_mistakes(written, texts, table)
            yield from _size_mistakes(written, requests, table)


def _missing_columns(texts: Sequence[_Text], table: Table) -> Iterator[Mistake]:
    for text in texts:
        for name in columns_of([text.text]):
            if name not in table.columns:
                hint = did_you_mean(name, table.columns) or f"; there are {describe_columns(table)}"
                yield Mistake(text.path, f"{{{{{name}}}}} names no column of {table.name}{hint}", text.part)


def _expected_columns(requests: Sequence[_Written], table: Table) -> Iterator[Mistake]:
    """Yield columns in what a response must be like, which is the same for all rows."""
    for request in requests:
        if request.place == ("load",):
            continue
        for written in (*request.values("expect", "body"), *request.values("expect", "header")):
            texts = [*_texts_below(written.path, written.value)]
            for text in texts:
                for name in columns_of([text.text]):
                    if name in table.columns:
                        what = f"{{{{{name}}}}} cannot stand here: responses are compared with one text for all rows"
                        yield Mistake(text.path, what, text.part)


def _value_mistakes(written: Written, texts: Sequence[_Text], table: Table) -> Iterator[Mistake]:
    """Yield the first value of each column that cannot be sent in a header, or as a whole path."""
    in_headers = columns_of(text.text for text in texts if text.of == "header")
    for name in in_headers:
        for line, value in zip(table.lines, table.columns[name], strict=True):
            if found := _NOT_IN_HEADERS.search(value):
                what = f"has the character U+{ord(found.group()):04X} in the column {name}, which no header may"
                yield Mistake(written.path, f"{table.name}:{line}: {what}")
                break
    whole = columns_of(text.text for text in texts if text.of == "path" and text.text.startswith("{{"))
    for name in whole[:1]:
        for line, value in zip(table.lines, table.columns[name], strict=True):
            try:
                if not value.startswith("/"):
                    raise ValueError(f"{describe(value)} is no request path; one starts with /")
                check_path(value)
            except ValueError as error:
                yield Mistake(written.path, f"{table.name}:{line}: {error}")
                break


def _size_mistakes(data_file: Written | None, requests: Sequence[_Written], table: Table | None) -> Iterator[Mistake]:
    """Yield that the requests take too much memory, so far as that is sure before they are rendered."""
    lengths: dict[str, int] = {}
    total = 0
    largest: tuple[int, Path] = (0, ())
    for request in requests:
        names = columns_of(text.text for text in request.texts())
        size = _HEAD_BYTES + _body_bytes(request)
        if table is not None and names:
            for name in names:
                lengths.setdefault(name, sum(map(len, table.columns[name])))
            size = len(table) * size + sum(lengths[name] for name in names)
        total += size
        largest = max(largest, (size, request.place), key=itemgetter(0))
    if total <= MOST_BYTES:
        return
    where = data_file.path if data_file else largest[1]
    rows = f", one for each of {len(table):,} rows" if table is not None else ""
    yield Mistake(
        where,
        f"makes requests of {total / (1 << 20):,.1f} MiB{rows}; they are prepared before the load begins, in at most "
        f"{MOST_BYTES >> 20} MiB: use {'fewer rows or ' if table is not None else ''}smaller bodies",
    )


def _body_bytes(request: _Written) -> int:
    """Return the fewest bytes that the bodies of a request have, without the values of columns."""
    sizes = []
    for written in request.values("file"):
        try:
            sizes.append(len(read_content(str(written.value))))
        except ValueError:
            continue
    for written in request.values("body"):
        sizes.append(len(re.sub(r"\{\{.*?\}\}", "", str(written.value))))
    return min(sizes, default=0)
