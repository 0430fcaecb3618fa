"""Loads the HTML pages of real folders, and prints how much of their visible text is kept, and how much repeats.

    python -m benchmarks.visible_text [FOLDER...]

FOLDER is "git-doc" or a name that `benchmarks.real_folders` knows, whose package is then fetched, or a path.

visible   the share of the words of the pages, without scripts, styles and hidden elements, that are loaded
text      the same without links and what is labelled as navigation or as the site's footer
repeated  the share of the loaded words in lines that stand on at least half of the folder's pages, if it has ten

Words of which a tag makes a part bold, or the like, count as lost; some .05% of the text is that.
"""

import argparse
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from lxml import etree

from benchmarks.real_folders import FOLDERS, Folder, fetched
from ingest.loaders import load

_FOLDERS = {**FOLDERS, "git-doc": Folder("git-doc", "usr/share/doc/git")}
_PAGES = frozenset({".html", ".htm", ".xhtml"})
_UNSEEN = frozenset({"head", "script", "style", "template", "noscript", "svg", "object", "iframe", "select"})
_NAVIGATION = frozenset({"nav", "navigation", "contentinfo", "footer", "related", "navheader", "navfooter"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden")
_WORD = re.compile(r"\w+")
_FEWEST_PAGES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = ["debian-policy", "developers-reference", "python3.11-doc", "postgresql-doc-15", "git-doc"]
    parser.add_argument("folders", nargs="*", default=default, metavar="FOLDER", help=f"default: {', '.join(default)}")
    parser.add_argument("--cache", type=Path, default=Path(".benchmarks"), help="where packages are kept")
    parser.add_argument("--lost", type=int, default=0, metavar="N", help="print the N words that are lost most often")
    arguments = parser.parse_args()
    print("| folder | pages | visible | text | repeated | s |")
    print("|---|---|---|---|---|---|")
    for name in arguments.folders:
        folder = fetched(_FOLDERS[name], arguments.cache) if name in _FOLDERS else Path(name)
        row, lost = _measure(name, folder)
        print(row, flush=True)
        if arguments.lost:
            print(", ".join(f"{word} {count}" for word, count in lost.most_common(arguments.lost)))


def _measure(name: str, folder: Path) -> tuple[str, Counter[str]]:
    pages = sorted(path for path in folder.rglob("*") if path.suffix in _PAGES and path.is_file())
    visible, text_total, kept_visible, kept_text, seconds = 0, 0, 0, 0, 0.0
    lost: Counter[str] = Counter()
    lines: list[Counter[str]] = []
    for path in pages:
        data = path.read_bytes()
        started = time.perf_counter()
        text = load(data, source=path.name).text
        seconds += time.perf_counter() - started
        words, text_words = _visible_words(data)
        loaded = _words(text)
        visible += words.total()
        text_total += text_words.total()
        kept_visible += (words & loaded).total()
        kept_text += (text_words & loaded).total()
        lost += text_words - loaded
        lines.append(Counter(text.split("\n")))
    row = (
        f"| {name} | {len(pages):,} | {kept_visible / visible:.2%} | {kept_text / text_total:.2%} | "
        f"{_repeated(lines)} | {seconds:.1f} |"
    )
    return row, lost


def _repeated(pages: list[Counter[str]]) -> str:
    if len(pages) < _FEWEST_PAGES:
        return "-"
    occurs = Counter(line for lines in pages for line in lines)
    sizes = {line: _words(line).total() for line in occurs}
    total = sum(sizes[line] * count for lines in pages for line, count in lines.items())
    repeated = (sizes[line] * lines[line] for lines in pages for line in lines if occurs[line] * 2 >= len(pages))
    return f"{sum(repeated) / total:.2%}"


def _words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text))


def _visible_words(data: bytes) -> tuple[Counter[str], Counter[str]]:
    """All visible words of a page, and those outside links and navigation."""
    root = etree.fromstring(data, etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True))
    pieces: list[str] = []
    unlinked: list[str] = []
    stack: list[tuple[Any, bool, bool]] = [(root, False, False)]
    while stack:
        element, is_linked, is_tail = stack.pop()
        if not is_tail:
            if element is not root:
                stack.append((element, is_linked, True))
            if element.tag in _UNSEEN or "hidden" in element.attrib or _HIDDEN.search(element.get("style", "")):
                continue
            labels = {element.tag, element.get("role"), element.get("class")}
            is_linked = is_linked or element.tag == "a" or not _NAVIGATION.isdisjoint(labels)
            stack.extend((child, is_linked, False) for child in element.iterchildren(reversed=True))
        text = (element.tail if is_tail else element.text) or ""
        pieces.append(text)
        unlinked.append("" if is_linked else text)
    return _words(" ".join(pieces)), _words(" ".join(unlinked))


if __name__ == "__main__":
    main()
