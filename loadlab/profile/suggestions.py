"""The known word that the author of a misspelt one most probably meant.

A suggestion that is far off misleads more than none, so the cut is narrow: one slip (a letter changed, added, left
out, or two neighbours exchanged) for every three letters.
"""

from collections.abc import Iterable

_LETTERS_PER_SLIP = 3
_SHORTEST_PREFIX = 3
_SLIPS_OF_PREFIX = 2


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the known word that is nearest, or nothing if none is near."""
    near = nearest(word, known)
    return f"; did you mean '{near}'?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is nearest; None if none is near.

    Near is a word with few slips, or one that the other begins with ("conn", "connections"). A bare key is compared
    with the last key of a dotted path ("idle", "load.idle"). Sections that two paths share do not make them alike.
    """
    candidates = sorted(known)
    ranked = [(rank, each) for each in candidates if (rank := _rank(word, each)) is not None]
    return min(ranked)[1] if ranked else None


def count_slips(word: str, other: str, at_most: int) -> int | None:
    """Return how many slips lead from one word to the other, None if more than `at_most`.

    This is the Damerau-Levenshtein distance, in its form of "optimal string alignment".
    """
    if abs(len(word) - len(other)) > at_most:
        return None
    before, last = [0] * (len(other) + 1), [*range(len(other) + 1)]
    for i, letter in enumerate(word, start=1):
        row = [i]
        for j, aim in enumerate(other, start=1):
            slips = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != aim))
            if i > 1 and j > 1 and (letter, word[i - 2]) == (other[j - 2], aim):
                slips = min(slips, before[j - 2] + 1)
            row.append(slips)
        if min(row) > at_most:
            return None
        before, last = last, row
    return last[-1] if last[-1] <= at_most else None


def _rank(word: str, known: str) -> tuple[int, bool, int, int] | None:
    """Return how near a known word is, the least for the nearest; None if it is not near."""
    mine, theirs = _without_common_sections(_plain(word), _plain(known))
    if "." not in mine:
        theirs = theirs.rpartition(".")[2]
    slips = count_slips(mine, theirs, max(1, len(mine) // _LETTERS_PER_SLIP))
    if _begin_alike(mine, theirs):
        slips = _SLIPS_OF_PREFIX if slips is None else min(slips, _SLIPS_OF_PREFIX)
    return None if slips is None else (slips, len(theirs) < len(mine), known.count("."), len(known))


def _begin_alike(word: str, other: str) -> bool:
    shorter, longer = sorted((word, other), key=len)
    is_whole = longer[len(shorter) :][:1] in ("", ".")  # a section is not short for what is in it
    return longer.startswith(shorter) and len(shorter) >= _SHORTEST_PREFIX and not is_whole


def _plain(word: str) -> str:
    return word.lower().replace("_", "-")


def _without_common_sections(word: str, other: str) -> tuple[str, str]:
    mine, theirs = word.split("."), other.split(".")
    while len(mine) > 1 and len(theirs) > 1 and mine[0] == theirs[0]:
        del mine[0], theirs[0]
    return ".".join(mine), ".".join(theirs)
