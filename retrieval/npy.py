"""numpy's files, read safely by threads."""

import threading
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

_PARSING = threading.Lock()


def load_array(file: Path | BinaryIO, *, mmap: bool = False) -> NDArray[Any]:
    """What np.save wrote; with `mmap` it stays on disk until it is read. Raises what np.load raises.

    np.load parses a file's header with `ast`, which in Python 3.11 fails now and then where two threads do so at once:
    https://github.com/python/cpython/issues/106905
    """
    with _PARSING:
        # A plain array over the mapping: np.memmap's own indexing is several times slower.
        return np.asarray(np.load(file, mmap_mode="r" if mmap else None))
