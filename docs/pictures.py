"""Draws the pictures of README.md, docs/sample.md and docs/scenarios.md anew, from the pages of three runs.

    python -m docs.pictures RUN_DIR PROBED_RUN_DIR SCENARIO_RUN_DIR

The first is a run of profiles/select-vs-epoll.yaml, the second one of it with `probes: all`, and the third one of
profiles/shop.yaml; docs/sample.md has the commands. It needs chromium, and renders the pages with the loadlab of this
checkout.
"""

import argparse
import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadlab.report import render
from loadlab.results.directory import RunDirectory
from tests.integration.browser import Browser, open_browser

_IMAGES: Final = Path(__file__).parent / "images"
_WIDTH: Final = 1280
_ABOVE: Final = 24
_BELOW: Final = 6
# The formats of Page.captureScreenshot. A picture with few colours is small as PNG; webp is for the rest.
_QUALITY: Final = 82


@dataclass(frozen=True, slots=True)
class Picture:
    """What is on a picture: from the top of one element to the bottom of another, both CSS selectors."""

    name: str
    first: str
    last: str


_README: Final = Picture("select-vs-epoll.png", "header", "#throughput .panels")
_OF_PAGE: Final = (
    Picture("sample-head.webp", "header", "#throughput .panels"),
    Picture("sample-times.webp", "#response", "#response .panels"),
    Picture("sample-cpu.webp", "#cpu", "#cpu .laws"),
    Picture("sample-percentiles.webp", "#percentiles", "#percentiles .chooser"),
    Picture("sample-findings.webp", "#findings", "#findings article:nth-of-type(2)"),
    Picture("sample-speed.webp", "#speed", "#speed"),
)
_OF_PROBED: Final = (
    Picture("sample-calls.webp", "#calls", "#calls .panels"),
    Picture("sample-why.webp", "#why", "#why article .flames"),
)
_OF_SCENARIO: Final = (Picture("scenario-steps.webp", "#steps", "#steps figcaption"),)


def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path, help="a run of profiles/select-vs-epoll.yaml")
    parser.add_argument("probed", type=Path, help="a run of it with probes")
    parser.add_argument("scenario", type=Path, help="a run of profiles/shop.yaml")
    given = parser.parse_args()
    drawn = ((given.run, (_README, *_OF_PAGE)), (given.probed, _OF_PROBED), (given.scenario, _OF_SCENARIO))
    with tempfile.TemporaryDirectory() as scratch, open_browser("chromium", Path(scratch) / "browser") as browser:
        for run, pictures in drawn:
            page = Path(scratch) / "index.html"
            page.write_text(render(RunDirectory.open(run)), encoding="utf-8")
            browser.open(page, _WIDTH)
            for path, kilobytes in draw(browser, pictures):
                print(f"{path}: {kilobytes} kB")


def draw(browser: Browser, pictures: tuple[Picture, ...]) -> Iterator[tuple[Path, int]]:
    """Draw what is on the open page; yield each file, and its size."""
    for picture in pictures:
        top, bottom = (
            browser.evaluate(
                f"(({{top, bottom}}) => [top + scrollY, bottom + scrollY])"
                f"(document.querySelector({selector!r}).getBoundingClientRect())"
            )[end]
            for selector, end in ((picture.first, 0), (picture.last, 1))
        )
        clip = {"x": 0, "y": top - _ABOVE, "width": _WIDTH, "height": bottom - top + _ABOVE + _BELOW, "scale": 1}
        kind = picture.name.rpartition(".")[2]
        quality = {} if kind == "png" else {"quality": _QUALITY}
        taken = browser.call("Page.captureScreenshot", format=kind, captureBeyondViewport=True, clip=clip, **quality)
        path = _IMAGES / picture.name
        path.write_bytes(base64.b64decode(taken["data"]))
        yield path, path.stat().st_size // 1000


if __name__ == "__main__":
    main()
