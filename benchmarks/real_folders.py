"""Indexes folders of real documents from Debian packages, and prints what became of them as a table.

    python -m benchmarks.real_folders [--tiny-model] [FOLDER...]

Needs `apt-get` and `dpkg-deb`. With --tiny-model, a transformer of one layer with random weights and the default
model's tokenizer stands in for it: the same chunks, hardly any time for the encoder, so that what is left is ours.
"""

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.runs import timed_sync, tiny_model

MEGABYTE = 10**6
_SOURCES = """\
deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main non-free
deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main
"""


class Folder(NamedTuple):
    """A package, whether its source is wanted, and the folder of documents in it."""

    package: str
    path: str
    is_source: bool = False


FOLDERS = {
    "debian-policy": Folder("debian-policy", "usr/share/doc/debian-policy"),
    "developers-reference": Folder("developers-reference", "usr/share"),
    "python3.11-doc": Folder("python3.11-doc", "usr/share/doc/python3.11"),
    "linux-doc-6.1": Folder("linux-doc-6.1", "usr/share/doc/linux-doc-6.1"),
    "postgresql-doc-15": Folder("postgresql-doc-15", "usr/share/doc/postgresql-doc-15"),
    "doc-rfc-std": Folder("doc-rfc-std", "usr/share/doc/RFC"),
    "office files of apache-poi": Folder("libapache-poi-java", "test-data", is_source=True),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help=f"of: {', '.join(FOLDERS)}; default: all")
    parser.add_argument("--tiny-model", action="store_true")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks"), help="where packages are kept")
    arguments = parser.parse_args()
    model = tiny_model(arguments.cache / "tiny-model") if arguments.tiny_model else "packaged"
    print("| folder | files | documents | chunks | failed | skipped | s | CPU s | no-op s | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    notes = []
    for name in arguments.folders or FOLDERS:
        folder = fetched(FOLDERS[name], arguments.cache)
        row, reasons = _measure(name, folder, model)
        print(row, flush=True)
        notes.append(reasons)
    print("\n".join(("", *notes)))


def _measure(name: str, folder: Path, model: str) -> tuple[str, str]:
    with tempfile.TemporaryDirectory() as index:
        whole = timed_sync(folder, Path(index) / "index", model)
        idle = timed_sync(folder, Path(index) / "index", model)
    first, again = whole.report, idle.report
    if again["added"] or again["updated"] or again["tokens_embedded"]:
        raise SystemExit(f"{name}: the second sync was no no-op: {again}")
    files = sum(path.is_file() for path in folder.rglob("*"))
    row = (
        f"| {name} | {files:,} | {first['added']:,} | {first['chunks_added']:,} | {len(first['failed'])} | "
        f"{len(first['skipped'])} | {whole.seconds:,.0f} | {whole.cpu:,.0f} | {idle.seconds:.1f} | "
        f"{whole.peak / MEGABYTE:,.0f} |"
    )
    return row, "\n".join([f"{name}:", *_by_reason("failed", first), *_by_reason("skipped", first)])


def _by_reason(kind: str, report: dict[str, Any]) -> Iterator[str]:
    examples: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for entry in report[kind]:
        counts[entry["reason"]] += 1
        examples.setdefault(entry["reason"], entry["source"])
    for reason, count in counts.most_common():
        yield f"- {kind} {count}: {reason} (such as {examples[reason]})"


def fetched(folder: Folder, cache: Path) -> Path:
    """The folder, out of its package; fetched once."""
    target = cache / folder.package
    if not target.is_dir():
        with tempfile.TemporaryDirectory() as scratch:
            _fetch(folder, Path(scratch))
            unpacked = Path(scratch) / "unpacked"
            cache.mkdir(parents=True, exist_ok=True)
            subprocess.run(["mv", unpacked, target], check=True)
    return target / folder.path


def _fetch(folder: Folder, scratch: Path) -> None:
    (scratch / "sources.list").write_text(_SOURCES, "ascii")
    (scratch / "lists" / "partial").mkdir(parents=True)
    (scratch / "unpacked").mkdir()
    apt = [
        "apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={scratch}/sources.list", "-o", "Dir::Etc::sourceparts=-",
        "-o", f"Dir::State::lists={scratch}/lists", "-o", "APT::Sandbox::User=root",
    ]  # fmt: skip
    subprocess.run([*apt, "update"], check=True, cwd=scratch)
    if folder.is_source:
        subprocess.run([*apt, "source", "--download-only", folder.package], check=True, cwd=scratch)
        (archive,) = scratch.glob("*.orig.tar.*")
        unpack = ["tar", "-xf", archive, "-C", scratch / "unpacked", "--strip-components=1"]
    else:
        subprocess.run([*apt, "download", folder.package], check=True, cwd=scratch)
        (archive,) = scratch.glob("*.deb")
        unpack = ["dpkg-deb", "-x", archive, scratch / "unpacked"]
    subprocess.run(unpack, check=True)


if __name__ == "__main__":
    main()
