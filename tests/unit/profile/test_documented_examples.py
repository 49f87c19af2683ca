"""Every example in the documents of profiles is accepted, and mistakes are reported as docs/profile.md prints them."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import loadlab
from loadlab import targets
from loadlab.analysis.metrics import metric_names
from loadlab.errors import ProfileError
from loadlab.profile import LoadProfile, load_profile
from loadlab.profile.paths import keys_of

DOCUMENT: Final = (Path(loadlab.__file__).parents[1] / "docs" / "profile.md").read_text()
SERVERS: Final = (Path(loadlab.__file__).parents[1] / "docs" / "servers.md").read_text()
README: Final = (Path(loadlab.__file__).parents[1] / "README.md").read_text()
WEBSOCKETS: Final = (Path(loadlab.__file__).parents[1] / "docs" / "websockets.md").read_text()
CLUSTER: Final = (Path(loadlab.__file__).parents[1] / "docs" / "cluster.md").read_text()
DOCUMENTS: Final = DOCUMENT + SERVERS + README + WEBSOCKETS + CLUSTER
EXAMPLES: Final = re.findall(r"^```yaml\n(.*?)^```", DOCUMENTS, re.MULTILINE | re.DOTALL)
FIRST: Final[dict[str, Any]] = yaml.safe_load(EXAMPLES[0])

# Has the mistakes that the section "Mistakes" prints, at their places.
WRONG: Final = """\
name: x
target:
  server: epoll-threads
load:
  connections: 16
  rate: 1k
  conections: 16
  duration: 10

  think: 5ms
sweep:
  load.idle: [0,  many]

  target.pool: [0]
"""


class CoreLoader(yaml.SafeLoader):
    """Reads YAML 1.2, as loadlab does: `on` is a word there."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as its base class has it
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


CoreLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), ["t", "f"])


def as_whole_profile(example: dict[str, Any]) -> dict[str, Any]:
    """Return an example with what it leaves out: the sections of the first one, as far as they are about the same."""
    if "kind" in example:
        return example
    is_about_the_load = not {"target", "load", "sweep"}.isdisjoint(example)
    kept = ("name", "target", "load") if is_about_the_load else tuple(FIRST)
    return {**{key: FIRST[key] for key in kept}, **example}


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_is_accepted(tmp_path: Path, number: int) -> None:
    (tmp_path / "users.csv").write_text("id,token,name\n1,abc,Ann\n")  # named by some examples
    (tmp_path / "shop.py").write_text("async def checkout(user): ...\n")
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump(as_whole_profile(yaml.load(EXAMPLES[number], CoreLoader)), sort_keys=False))
    load_profile(path, servers=targets.catalog(), metrics=metric_names())


def test_all_examples_are_found() -> None:
    assert len(EXAMPLES) == DOCUMENTS.count("```yaml")
    assert len(EXAMPLES) > 15


def test_every_key_is_in_the_reference() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \|", DOCUMENT, re.MULTILINE)
    documented = {*rows, *(row.rpartition(".")[0] for row in rows)}
    whole = {f"{section}.{key}" for section in ("target", "load") for key in keys_of(LoadProfile, (section,))}
    parts = {key for section in ("request", "message") for key in keys_of(LoadProfile, ("load", section))}
    assert (whole | parts) - documented == set()


def test_mistakes_are_reported_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (printed,) = re.findall(r"^```\n(profiles/x.yaml:.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    path = Path("profiles/x.yaml")
    path.parent.mkdir()
    path.write_text(WRONG)
    with pytest.raises(ProfileError) as caught:
        load_profile(path, ["load.idel=5"], targets.catalog(), metric_names())
    assert caught.value.mistakes == printed.splitlines()
