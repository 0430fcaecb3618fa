"""What the image installs: pinned as in constraints.txt, complete, with hashes, and from nowhere in particular."""

import re
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.lock import EXTRAS, OF_TORCH, split

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = [ROOT / "deploy" / "requirements.lock", ROOT / "deploy" / "torch.lock"]


def pins(path: Path) -> dict[str, str]:
    lines = [line.split()[0] for line in path.read_text("utf-8").splitlines() if re.match(r"[A-Za-z0-9]", line)]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def needed(requirements: Iterable[str], extras: Iterable[str] = ("",)) -> Iterator[Requirement]:
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    return pins(LOCKS[0]) | pins(LOCKS[1])


def test_each_pin_is_that_of_the_constraints(locked: dict[str, str]) -> None:
    constraints = pins(ROOT / "constraints.txt")
    assert {name: version for name, version in locked.items() if name in constraints} == {
        name: version for name, version in constraints.items() if name in locked
    }
    of_build = {"hatchling", "setuptools", "tomlkit", "trove-classifiers"}
    others = {name for name in locked.keys() - constraints.keys() if not OF_TORCH.match(name)}
    assert others <= of_build


def test_all_that_the_extras_need_is_there(locked: dict[str, str]) -> None:
    """Their dependencies, and the dependencies of these as far as they are installed here."""
    project = PROJECT["project"]
    direct = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    direct += [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    waiting = list(needed(direct))
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        assert name in locked, f"{name} is not in the lock: make lock"
        assert requirement.specifier.contains(locked[name], prereleases=True), f"{requirement}: make lock"
        try:
            waiting += needed(requires(name) or [], extras or ("",))
        except PackageNotFoundError:
            assert name in ("hatchling", "setuptools") or OF_TORCH.match(name)
    assert len(seen) > 100


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_each_requirement_has_hashes_and_no_address(path: Path) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", path.read_text("utf-8"))[1:]
    for entry in entries:
        first, *hashes = entry.replace(" \\\n", "\n").splitlines()
        assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.]+( ; .*)?", first), first
        assert hashes and all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first
    assert "://" not in path.read_text("utf-8")


def test_torch_is_apart_with_what_only_it_needs() -> None:
    text = "a==1 \\\n    --hash=sha256:0\ntorch==2 \\\n    --hash=sha256:1\nnvidia-x==3 \\\n    --hash=sha256:2\nz==4\n"
    common, of_torch = split(text)
    assert [line for line in common.splitlines() if "==" in line] == ["a==1 \\", "z==4"]
    assert [line for line in of_torch.splitlines() if "==" in line] == ["torch==2 \\", "nvidia-x==3 \\"]
    assert "torch" in pins(LOCKS[1]) and not any(OF_TORCH.match(name) for name in pins(LOCKS[0]))
