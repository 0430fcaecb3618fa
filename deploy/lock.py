"""Make deploy/requirements.lock and deploy/torch.lock: what the image installs, each file with its hashes.

    python -m deploy.lock        # `make lock`; needs uv and the package index

Versions are those of constraints.txt. torch and the CUDA libraries that only it needs are in a file of their own, so
that an image can take a build of torch without CUDA instead. The hashes are those of all files of a version that the
index has, so that one lock serves every processor; uv names no address in its output.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("server", "tracing", "mcp", "office")
OF_TORCH = re.compile(r"(torch|triton|nvidia-|cuda-)")
_HEADER = "# What the image installs (with --no-deps), from constraints.txt; `make lock` makes this file.\n"
_COMPILE = (
    "pip", "compile", "pyproject.toml", "--constraint", "constraints.txt", "--python-version", "3.11.14",
    "--python-platform", "x86_64-manylinux_2_36", "--generate-hashes", "--no-emit-index-url", "--no-annotate",
    "--no-header", "--quiet",
)  # fmt: skip


def compiled(uv: Sequence[str]) -> str:
    """All that the extras and the build of the package need, as a requirements file. Raises CalledProcessError."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    with tempfile.TemporaryDirectory() as place:
        of_build = Path(place) / "build.in"
        of_build.write_text("\n".join(build))
        extras = [part for extra in EXTRAS for part in ("--extra", extra)]
        command = [*uv, *_COMPILE, *extras, str(of_build)]
        return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def split(requirements: str) -> tuple[str, str]:
    """Everything but torch, and torch with what only it needs; each requirement with its lines of hashes."""
    entries = re.findall(r"^[A-Za-z0-9].*?(?=^[A-Za-z0-9]|\Z)", requirements, re.MULTILINE | re.DOTALL)
    common = [entry for entry in entries if not OF_TORCH.match(entry)]
    of_torch = [entry for entry in entries if OF_TORCH.match(entry)]
    return _HEADER + "".join(common), _HEADER + "".join(of_torch)


def main() -> None:
    common, of_torch = split(compiled([sys.executable, "-m", "uv"]))
    (ROOT / "deploy" / "requirements.lock").write_text(common)
    (ROOT / "deploy" / "torch.lock").write_text(of_torch)


if __name__ == "__main__":
    main()
