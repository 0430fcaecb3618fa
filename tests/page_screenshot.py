"""Takes pictures of the page: this project's own index, asked a question about itself.

python -m tests.page_screenshot DIRECTORY [--all]    docs, for those that README shows
"""

import argparse
import base64
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from ingest import sync
from retrieval import HybridIndex
from tests.browser import Browser, chromium
from tests.serving import Serving

REPOSITORY = Path(__file__).parent.parent
SHOWN = ["*.md", "retrieval/*.py", "retrieval/search/*.py"]
QUESTION = "how does a filter change the score?"
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SHOTS: dict[str, dict[str, str]] = {
    "empty": {},
    "results": {"q": QUESTION},
    "compare": {"q": QUESTION, "view": "compare"},
    "filters": {"q": QUESTION, "prefix": "hybrid-retrieval/retrieval/", "type": ".py"},
    "nothing": {"q": "which wine goes with grilled salmon?"},
    "document": {"q": QUESTION, "document": "first"},
    "legend": {"q": QUESTION},
    "index": {},
}
KEPT = ("page-results-wide-light", "page-compare-wide-dark", "page-empty-phone-light", "page-compare-phone-dark")
"""Those in docs/."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Take pictures of the page, wide and as on a phone, light and dark.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--all", action="store_true", help="all of them, not those alone that docs/ has")
    given = parser.parse_args()
    with TemporaryDirectory() as directory:
        index = Path(directory) / "index"
        with HybridIndex.open(index) as opened:
            sync(REPOSITORY, opened, name="hybrid-retrieval", include=SHOWN)
        folder = f"hybrid-retrieval={REPOSITORY}"
        with Serving(index, "--folder", folder) as served, chromium() as browser:
            for shot, asked in SHOTS.items():
                for size, (width, height) in SIZES.items():
                    for scheme in ("light", "dark"):
                        name = f"page-{shot}-{size}-{scheme}"
                        if given.all or name in KEPT:
                            browser.resize(width, height)
                            browser.prefer(scheme)
                            show(browser, served, shot, asked)
                            picture(browser).save(given.directory / f"{name}.png", optimize=True)


def show(browser: Browser, served: Serving, shot: str, asked: dict[str, str]) -> None:
    """Opens the page and waits until it shows what the picture is of."""
    browser.open(served.page(**{name: value for name, value in asked.items() if value != "first"}))
    browser.says("#index-button", "documents")
    browser.one(".examples" if not asked else ".note, .hit")
    if shot == "document":
        browser.one(".open").click()
        browser.one(".chunk.found")
    elif shot == "legend":
        browser.one("#legend-button").click()
        browser.one("#legend")
    elif shot == "index":
        browser.one("#index-button").click()
        browser.one("#index-body .facts")
    browser.run("document.activeElement.blur()")


def picture(browser: Browser) -> Image.Image:
    """What is seen, in few colours."""
    data = base64.b64decode(browser.command("Page.captureScreenshot", format="png")["data"])
    return Image.open(BytesIO(data)).quantize(128)


if __name__ == "__main__":
    main()
