"""Makes docs/page.png: this project's own index, asked a question about itself.

python -m tests.page_screenshot docs/page.png
"""

import argparse
import base64
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from ingest import sync
from retrieval import HybridIndex
from tests.browser import chromium
from tests.serving import Serving

REPOSITORY = Path(__file__).parent.parent
SHOWN = ["*.md", "retrieval/*.py", "retrieval/search/*.py"]
ASKED = {"q": "how does a filter change the score?", "view": "compare"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Take a picture of the page, 1280 by 800.")
    parser.add_argument("png", type=Path)
    png: Path = parser.parse_args().png
    with TemporaryDirectory() as directory:
        index = Path(directory) / "index"
        with HybridIndex.open(index) as opened:
            sync(REPOSITORY, opened, name="hybrid-retrieval", include=SHOWN)
        with Serving(index) as served, chromium() as browser:
            browser.resize(1280, 800)
            browser.open(served.page(**ASKED))
            browser.until(lambda: len(browser.all(".column .hits")) == 3)
            browser.says("#index-button", "documents")
            picture = base64.b64decode(browser.command("Page.captureScreenshot", format="png")["data"])
    Image.open(BytesIO(picture)).quantize(128).save(png, optimize=True)


if __name__ == "__main__":
    main()
