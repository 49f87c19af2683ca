"""The kernel's files in /proc and /sys, any of which a container or an older kernel may not show."""

from pathlib import Path


def read_words(path: Path) -> tuple[str, ...]:
    """Return the words in a file; empty where it is absent or not for us."""
    try:
        return tuple(path.read_text().split())
    except OSError:
        return ()


def read_number(path: Path) -> int | None:
    """Return the number that is all of a file; None where the file is absent, not for us, or says something else."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def read_numbers(path: Path) -> tuple[int, ...]:
    """Return the numbers in a file of nothing else; empty where it is absent or not for us."""
    return tuple(map(int, read_words(path)))


def parse_sizes(text: str) -> dict[str, int]:
    """Return {name: bytes} of those lines of /proc/meminfo that are sizes."""
    lines = (line.split() for line in text.splitlines())
    return {parts[0].rstrip(":"): int(parts[1]) * 1024 for parts in lines if parts[2:] == ["kB"]}
