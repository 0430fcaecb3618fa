"""Builds the package, looks into it, installs it in a fresh environment, and does the main job there, from elsewhere.

`make package-test` runs it, and prints how long each step takes.
"""

import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

REPOSITORY = Path(__file__).resolve().parent.parent
CONSTRAINTS = REPOSITORY / "constraints.txt"
EXTRAS = "office,server,mcp"
QUESTION, ANSWERED_BY = "How long is a repair guaranteed?", "workshop/policies/guarantee.pdf"
JUNK = {"__pycache__", ".venv", ".git", ".benchmarks", ".retrieval", "dist", "build", "node_modules"}
NEEDED = {"retrieval/py.typed", "ingest/py.typed", "retrieval/configs/default.yaml"}
IN_SDIST = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "constraints.txt", "Makefile", "PKG-INFO"}


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        with timed("build sdist and wheel"):
            run(sys.executable, "-m", "build", "--outdir", str(top / "dist"), str(REPOSITORY), quiet=True)
        (wheel,), (sdist,) = (top / "dist").glob("*.whl"), (top / "dist").glob("*.tar.gz")
        check_contents(wheel, sdist)
        shutil.copytree(REPOSITORY / "demo" / "workshop", top / "workshop")
        with timed("make an environment"):
            venv.create(top / "venv", with_pip=True)
        for extras in ("", EXTRAS):
            wanted = f"{wheel}[{extras}]" if extras else str(wheel)
            with timed(f"install with extras {extras}" if extras else "install"):
                pip = [str(top / "venv" / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
                run(*pip, "install", "--quiet", "--constraint", str(CONSTRAINTS), wanted, cwd=top)
            with timed("sync and search a folder"):
                do_the_main_job(top, index=f"index-{extras or 'plain'}")
        run(str(top / "venv/bin/python"), "-c", "import retrieval.adapters.http.app, retrieval.adapters.mcp", cwd=top)


def check_contents(wheel: Path, sdist: Path) -> None:
    """Both hold what they should and no leftovers of a working copy."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.partition("/")[0] for name in names}
    expect(names >= NEEDED, f"the wheel lacks {NEEDED - names}")
    expect(all(top in ("retrieval", "ingest") or top.endswith(".dist-info") for top in tops), f"in the wheel: {tops}")
    with tarfile.open(sdist) as archive:
        inside = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    expect(inside >= IN_SDIST, f"the sdist lacks {IN_SDIST - inside}")
    leftovers = sorted(filter(is_junk, names | inside))
    expect(not leftovers, f"leftovers: {leftovers[:5]}")
    for path in (wheel, sdist):
        say(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {len(names if path == wheel else inside)} files")


def is_junk(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return name.endswith((".pyc", ".orig", ".swp")) or any(part in JUNK or part.endswith("_cache") for part in parts)


def do_the_main_job(top: Path, *, index: str) -> None:
    for program in ("ingest", "retrieve"):
        printed = run(str(top / "venv" / "bin" / program), "--version", cwd=top)
        expect(printed.startswith("hybrid-retrieval "), f"{program} --version prints {printed!r}")
    report = json.loads(run(str(top / "venv/bin/ingest"), "sync", "workshop", "--index", index, "--json", cwd=top))
    expect(report["added"] >= 20 and not report["failed"], f"the sync says {report}")
    hits = json.loads(run(str(top / "venv/bin/retrieve"), "search", QUESTION, "--index", index, "--json", cwd=top))
    expect(hits[0]["source"] == ANSWERED_BY, f"the first hit is {hits[0]['source']}")


def run(*command: str, cwd: Path | None = None, quiet: bool = False) -> str:
    """What it prints; what it says on standard error is shown where it fails. Ends the script then."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        said = done.stderr + (done.stdout if quiet else "")
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return done.stdout


def expect(is_true: bool, otherwise: str) -> None:
    if not is_true:
        raise SystemExit(f"failed: {otherwise}")


def say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


@contextmanager
def timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    say(f"{time.monotonic() - started:6.1f} s  {what}")


if __name__ == "__main__":
    main()
