"""How many edits lie between one word and many others, all at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def edit_distances(word: str, others: Sequence[str], *, most: int) -> NDArray[np.int8]:
    """int8 [n]: insertions, deletions, substitutions and swaps of neighbours that make each of the others of `word`;
    `most` + 1 where there are more than `most`.

    Optimal string alignment (Damerau 1964 without edits inside a swap), in a band around the diagonal.
    """
    if not others:
        return np.empty(0, np.int8)
    letters = _letters(others)  # [longest, n]
    lengths = np.fromiter(map(len, others), np.intp, len(others))
    longest, beyond = len(letters), np.int8(most + 1)
    known = [ord(letter) for letter in word]

    def far() -> NDArray[np.int8]:
        return np.full((longest + 1, len(others)), beyond, np.int8)

    before, above = far(), far()
    for column in range(min(most, longest) + 1):
        above[column] = column
    for row in range(1, len(known) + 1):
        here = far()
        if row <= most:
            here[0] = row
        for column in range(max(1, row - most), min(longest, row + most) + 1):
            letter = letters[column - 1]
            cost = above[column - 1] + (letter != known[row - 1])
            np.minimum(cost, above[column] + 1, out=cost)
            np.minimum(cost, here[column - 1] + 1, out=cost)
            if row > 1 and column > 1:
                swapped = (letter == known[row - 2]) & (letters[column - 2] == known[row - 1])
                np.minimum(cost, np.where(swapped, before[column - 2] + 1, beyond), out=cost)
            here[column] = cost
        before, above = above, here
    return np.minimum(above[lengths, np.arange(len(others))], beyond)


def _letters(words: Sequence[str]) -> NDArray[np.uint32]:
    """uint32 [longest, n]: the code points of each, 0 after its end."""
    array = np.array(words)
    return np.ascontiguousarray(array.view(np.uint32).reshape(len(words), -1).T)
