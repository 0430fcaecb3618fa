"""The Containerfile, as far as it can be read: no engine is needed, and nothing is built."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
Instruction = tuple[str, str]


@pytest.fixture(scope="module")
def instructions() -> list[Instruction]:
    lines = (ROOT / "Containerfile").read_text().splitlines()
    joined = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def last_stage(instructions: list[Instruction]) -> list[Instruction]:
    start = max(number for number, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[start:]


def environment(instructions: list[Instruction]) -> dict[str, str]:
    pairs = [pair for name, rest in instructions if name == "ENV" for pair in rest.split()]
    return dict(pair.split("=", 1) for pair in pairs)


def test_base_images_are_pinned_to_a_version(instructions: list[Instruction]) -> None:
    images = [rest.split()[0] for name, rest in instructions if name == "FROM"]
    assert len(images) == 2
    assert all(re.search(r":\d+\.\d+\.\d+", image) for image in images)


def test_it_does_not_run_as_root(instructions: list[Instruction]) -> None:
    stage = last_stage(instructions)
    names = [name for name, _ in stage]
    assert dict(stage)["USER"] == "10001:10001"  # a number, as Kubernetes demands to see that it is not root
    assert "RUN" not in names[names.index("USER") :]


def test_commands_are_run_without_a_shell(instructions: list[Instruction]) -> None:
    for name, rest in last_stage(instructions):
        if name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
            command = json.loads(rest[rest.index("[") :])
            assert all(isinstance(part, str) for part in command)


def test_its_health_is_checked_with_what_the_image_has(instructions: list[Instruction]) -> None:
    check = dict(last_stage(instructions))["HEALTHCHECK"]
    program = json.loads(check[check.index("[") :])
    assert program[:2] == ["python", "-c"]
    compile(program[2], "HEALTHCHECK", "exec")
    assert "/health" in program[2]


def test_all_that_is_written_at_run_time_lies_in_the_volume(instructions: list[Instruction]) -> None:
    stage = last_stage(instructions)
    values = environment(stage)
    assert dict(stage)["VOLUME"] == "/data"
    for name in ("HOME", "XDG_CACHE_HOME", "HF_HOME", "RETRIEVAL_INDEX"):
        assert values[name].split("/")[1] == "data"
    assert values["SERVE_HOST"] == "0.0.0.0"  # where no key is given, it refuses to start


def test_nothing_is_fetched_without_its_hash_but_a_torch_of_the_builders_choice(
    instructions: list[Instruction],
) -> None:
    installs = [part for name, rest in instructions if name == "RUN" for part in re.findall(r"pip install[^;&]*", rest)]
    assert len(installs) == 4
    for install in installs:
        assert "--no-deps" in install
        assert "--require-hashes" in install or "--no-build-isolation ." in install or '"$TORCH_INDEX"' in install


def test_what_is_copied_is_there_and_reaches_the_builder(instructions: list[Instruction]) -> None:
    ignored = (ROOT / ".containerignore").read_text().splitlines()
    assert ignored[1] == "*"
    assert ignored == (ROOT / ".dockerignore").read_text().splitlines()  # each engine reads its own
    for name, rest in instructions:
        if name == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source}" in ignored or f"!{source}/" in ignored
