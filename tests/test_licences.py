"""The licences of what is installed: accepted from one list, and anything else is named."""

import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from deploy.licences import is_accepted, licence_of, refused


@pytest.mark.parametrize(
    ("expression", "accepted"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("(GPL-2.0-only OR MIT) AND BSD-3-Clause", True),
        ("(GPL-2.0-only AND MIT) OR LGPL-3.0-only", False),
        ("Apache-2.0 AND Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("", False),
        ("MIT AND", False),
        ("(MIT", False),
        ("MIT MIT", False),
        ("free for all", False),
    ],
)
def test_an_expression_is_accepted_by_what_it_allows(expression: str, accepted: bool) -> None:
    assert is_accepted(expression) is accepted


def distribution(directory: Path, name: str, *lines: str) -> Distribution:
    place = directory / f"{name}-1.dist-info"
    place.mkdir()
    (place / "METADATA").write_text("\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 1", *lines, ""]))
    return Distribution.at(place)


@pytest.mark.parametrize(
    ("lines", "stated"),
    [
        (["License-Expression: MIT"], "MIT"),
        (["License: Apache 2.0"], "Apache-2.0"),
        (["License: MIT License", "        ", "        Copyright: somebody"], "MIT"),
        (["License: see LICENSE", "Classifier: License :: OSI Approved :: BSD License"], "BSD-3-Clause"),
        (["Classifier: License :: OSI Approved", "Classifier: License :: OSI Approved :: MIT License"], "MIT"),
    ],
)
def test_a_licence_is_read_from_wherever_it_stands(tmp_path: Path, lines: list[str], stated: str) -> None:
    assert licence_of(distribution(tmp_path, "thing", *lines)).stated == stated


def test_what_is_unknown_or_not_accepted_is_refused(tmp_path: Path) -> None:
    found = [
        distribution(tmp_path, "silent"),
        distribution(
            tmp_path, "copyleft", "Classifier: License :: OSI Approved :: GNU Affero General Public License v3"
        ),
        distribution(tmp_path, "nvidia-cublas", "License: NVIDIA Proprietary Software"),
        distribution(tmp_path, "fine", "License-Expression: ISC"),
    ]
    assert [licence.distribution for licence in refused(map(licence_of, found))] == ["silent", "copyleft"]


def test_all_that_is_installed_here_is_accepted() -> None:
    assert list(refused(map(licence_of, distributions()))) == []


def test_the_command_names_what_is_refused_with_the_way_out(tmp_path: Path) -> None:
    distribution(tmp_path, "copyleft", "License: AGPL-3.0-only")
    done = subprocess.run(
        [sys.executable, "-S", "-m", "deploy.licences"],
        cwd=Path(__file__).parent.parent,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("failed: copyleft 1: the licence 'AGPL-3.0-only' is not accepted. Read its licence;")
