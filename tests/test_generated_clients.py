"""Clients that others' tools generate from the description: their types check, and they speak to a service.

The tools are not the project's: `make clients` installs them, or they are on the PATH.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PROGRAMS = ROOT / "tests" / "clients"
TOOLS = ROOT / ".clients"
KEY = "0123456789abcdef"
DOCS = (ROOT / "docs" / "clients.md").read_text("utf-8")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    with Serving(tmp_path / "index", "--rate", "0", environment={"SERVE_KEYS": f"write:{KEY}"}) as serving:
        yield serving


def ran(*command: str | Path, cwd: Path, **environment: str) -> str:
    """What a command printed that succeeded."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def example(language: str, serving: Serving) -> str:
    """The page's own program, as it would ask the service."""
    [program] = re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    return program.replace("http://localhost:8080", str(serving.url)).replace("KEY", KEY)


# Python


@pytest.fixture
def generator() -> Path:
    found = shutil.which("openapi-python-client", path=f"{os.environ['PATH']}{os.pathsep}{TOOLS / 'bin'}")
    if found is None:
        pytest.skip("openapi-python-client is not installed; `make clients` does")
    return Path(found)


@pytest.fixture
def generated(generator: Path, serving: Serving, tmp_path: Path) -> Path:
    """The folder of the generated package."""
    tools = f"{generator.parent}{os.pathsep}{os.environ['PATH']}"  # it formats with the ruff beside it
    address = f"{serving.url}/openapi.json"
    said = ran(generator, "generate", "--url", address, "--meta", "none", cwd=tmp_path, PATH=tools)
    assert "warning" not in said.lower() and "unable" not in said.lower(), said
    return tmp_path


def test_the_python_client_speaks_to_the_service(generated: Path, serving: Serving) -> None:
    program = generated / "program.py"
    shutil.copy(PROGRAMS / "program.py", program)
    written = generated / "example.py"
    written.write_text(example("python", serving))
    strictly = ("-m", "mypy", "--strict", "--follow-imports", "silent")  # of the package, the tool is to be asked
    ran(sys.executable, *strictly, program, written, cwd=generated, PYTHONPATH="", MYPYPATH=".")
    told = json.loads(ran(sys.executable, program, str(serving.url), KEY, cwd=generated))
    assert told == {"hit": "new.md", "problem": "urn:hybrid-retrieval:problem:unauthorized"}
    assert "memo-7" in ran(sys.executable, written, cwd=generated)


def test_the_python_client_has_readable_names(generated: Path) -> None:
    files = list((generated / "hybrid_retrieval_client").rglob("*.py"))
    modules = {file.stem for file in files}
    assert {"search", "add_documents", "upload_files", "delete_document", "hit_out", "problem_out"} <= modules
    assert [name for name in modules if re.search(r"_type_\d|_\d$", name)] == []
    classes = [name for file in files for name in re.findall(r"^class (\w+)", file.read_text("utf-8"), re.MULTILINE)]
    assert [name for name in classes if re.search(r"\d$", name)] == []


# TypeScript


@pytest.fixture
def packages() -> Path:
    """The folder of those that node finds."""
    if shutil.which("npx") is None:
        pytest.skip("node is not installed")
    places = [place / "node_modules" for place in (TOOLS, ROOT)]
    found = next((place for place in places if (place / "openapi-typescript").is_dir()), None)
    if found is None:
        pytest.skip("openapi-typescript is not installed; `make clients` does")
    return found


@pytest.fixture
def typed(packages: Path, serving: Serving, tmp_path: Path) -> Path:
    """A folder with the generated types, in which a program finds what it imports."""
    (tmp_path / "node_modules").symlink_to(packages)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    address = f"{serving.url}/openapi.json"
    ran("npx", "--no-install", "openapi-typescript", address, "--output", "schema.d.ts", cwd=tmp_path)
    return tmp_path


def test_the_typescript_types_speak_to_the_service(typed: Path, serving: Serving) -> None:
    shutil.copy(PROGRAMS / "program.ts", typed)
    (typed / "example.ts").write_text(example("ts", serving))
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--skipLibCheck")
    ran("npx", "--no-install", "tsc", *options, "--noEmit", "program.ts", "example.ts", "schema.d.ts", cwd=typed)
    ran("npx", "--no-install", "tsc", *options, "program.ts", "example.ts", cwd=typed)
    told = json.loads(ran("node", "program.js", str(serving.url), KEY, cwd=typed))
    assert told == {"hit": "new.md", "problem": "urn:hybrid-retrieval:problem:not-found"}
    assert "memo-7" in ran("node", "example.js", cwd=typed)
