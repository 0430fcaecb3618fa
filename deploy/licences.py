"""Check that every distribution of this environment has a licence that is accepted. It needs no network.

    python -m deploy.licences        # a part of `make audit`; exit code 1 where one is not accepted

What is accepted stands here, and nowhere else: ACCEPTED has licences, STATED those of distributions that name none, and
BY_NAME distributions that are accepted for another reason.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from typing import NamedTuple

ACCEPTED = frozenset({
    "0BSD", "AFL-2.1", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0",
    "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib",
    "MPL-2.0",  # binds changes to its own files, not programs that use them
})  # fmt: skip
"""SPDX identifiers."""

SPELLINGS = {
    "3-clause bsd license": "BSD-3-Clause",
    "academic free license (afl)": "AFL-2.1",
    "apache": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache 2.0 license": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "apache2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "isc license (iscl)": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "python software foundation license": "PSF-2.0",
}
"""What distributions write in place of an identifier, in small letters."""

STATED = {"milvus-lite": "Apache-2.0", "pypdfium2": "BSD-3-Clause AND Apache-2.0"}
"""By the distribution's name, where its metadata have no licence or prose: as its project says."""

BY_NAME = {
    "nvidia-": "NVIDIA's terms, not a free licence; comes with torch's build for CUDA alone",
    "cuda-": "NVIDIA's terms, not a free licence; comes with torch's build for CUDA alone",
}
"""Beginnings of names, with the reason."""

_NO_LICENCES = ("License :: OSI Approved", "License :: DFSG approved")
_TOKEN = re.compile(r"\(|\)|[^\s()]+(?:\s+WITH\s+[^\s()]+)?", re.IGNORECASE)
_WAY_OUT = "Read its licence; then name it in deploy/licences.py, or do without the distribution."


class Licence(NamedTuple):
    """distribution, version
    stated   the licence as an SPDX expression where it can be read so, else as it is written; "" where there is none
    """

    distribution: str
    version: str
    stated: str


def licence_of(distribution: Distribution) -> Licence:
    metadata = distribution.metadata
    name = metadata["Name"]
    lines = (metadata.get("License") or "").strip().splitlines()
    classifiers = [each for each in metadata.get_all("Classifier") or [] if each.startswith("License ::")]
    classified = [each.rpartition(" :: ")[2] for each in classifiers if each not in _NO_LICENCES]
    written = STATED.get(name.lower()) or metadata.get("License-Expression") or (lines[0] if lines else "")
    if classified and not is_accepted(_spelt(written)) and not _is_expression(_spelt(written)):
        return Licence(name, distribution.version, " AND ".join(map(_spelt, classified)))
    return Licence(name, distribution.version, _spelt(written))


def _is_expression(written: str) -> bool:
    """Whether it names licences by SPDX identifiers such as GPL-3.0-only, and is no sentence."""
    words = [word.strip("()") for word in written.split() if word not in ("AND", "OR", "WITH")]
    return bool(words) and all(re.fullmatch(r"[A-Za-z][A-Za-z0-9.+]*-[A-Za-z0-9.+-]+", word) for word in words)


def is_accepted(expression: str) -> bool:
    """Whether the SPDX expression allows use under accepted licences alone; False for what is no expression."""
    tokens = _TOKEN.findall(expression)
    try:
        accepted = _any_of(tokens)
    except (IndexError, ValueError):
        return False
    return accepted and not tokens


def refused(licences: Iterable[Licence]) -> Iterator[Licence]:
    """Those that are accepted neither by their licence nor by their name."""
    for licence in licences:
        if not is_accepted(licence.stated) and not licence.distribution.lower().startswith(tuple(BY_NAME)):
            yield licence


def _spelt(written: str) -> str:
    return SPELLINGS.get(written.strip().lower(), written.strip())


def _any_of(tokens: list[str]) -> bool:
    accepted = _all_of(tokens)
    while tokens and tokens[0].upper() == "OR":
        tokens.pop(0)
        accepted = _all_of(tokens) or accepted
    return accepted


def _all_of(tokens: list[str]) -> bool:
    accepted = _single(tokens)
    while tokens and tokens[0].upper() == "AND":
        tokens.pop(0)
        accepted = _single(tokens) and accepted
    return accepted


def _single(tokens: list[str]) -> bool:
    token = tokens.pop(0)
    if token != "(":
        return token in ACCEPTED
    accepted = _any_of(tokens)
    if tokens.pop(0) != ")":
        raise ValueError("a parenthesis is not closed")
    return accepted


def main() -> None:
    licences = [licence_of(distribution) for distribution in distributions()]
    wrong = sorted(set(refused(licences)))
    for licence in wrong:
        what = f"the licence {licence.stated!r} is not accepted" if licence.stated else "no licence is named"
        print(f"failed: {licence.distribution} {licence.version}: {what}. {_WAY_OUT}", file=sys.stderr)
    print(f"{len(licences)} distributions, {len(wrong)} with a licence that is not accepted.")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
