"""A real browser for the tests of the page, and what it must never report."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

_SEES_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""

# WCAG 2.2, 1.4.3: the relative luminances of text and of the first opaque ground behind it.
_FAINT_TEXTS = """
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const colour = (text) => text.match(/[0-9.]+/g).map(Number);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = colour(getComputedStyle(at).backgroundColor);
    if (found.length === 3) return found;
  }
  return [255, 255, 255];
};
const faint = [];
for (const element of document.querySelectorAll("body *")) {
  const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  if (!says || !element.checkVisibility() || element.closest("script, .spoken")) continue;
  const [a, b] = [colour(getComputedStyle(element).color), behind(element)].map(light).sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) faint.push(`${element.className || element.tagName} ${ratio.toFixed(2)}: ${element.textContent}`);
}
return faint;
"""


class Browser:
    """Chromium without a window. Elements are named by CSS selectors, and waited for where they are to come."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver
        self.command("Page.addScriptToEvaluateOnNewDocument", source=_SEES_VIOLATIONS)

    def command(self, name: str, **arguments: Any) -> Any:
        """One of the browser's own, of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, arguments)

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def open(self, url: str) -> None:
        self.driver.get(url)

    def resize(self, width: int, height: int) -> None:
        """The page's own size, without what is around it."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def prefer(self, scheme: str) -> None:
        """ "light" or "dark"."""
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def until(self, condition: Callable[[], T | None], seconds: float = 15) -> T:
        """What the condition gives, once that is true. Fails after so many seconds."""
        wait = WebDriverWait(
            self.driver, seconds, poll_frequency=0.05, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda _: condition())

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self.all(selector)]

    def one(self, selector: str) -> WebElement:
        """The first that can be seen."""
        return self.until(lambda: next((element for element in self.all(selector) if element.is_displayed()), None))

    def gone(self, selector: str) -> bool:
        return self.until(lambda: not any(element.is_displayed() for element in self.all(selector)))

    def says(self, selector: str, words: str) -> str:
        """The text of the element, once it has these words in it."""
        return self.until(lambda: next((text for text in self.texts(selector) if words in text), ""))

    def press(self, *keys: str) -> None:
        """Keys, where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    @property
    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    def requests(self) -> list[str]:
        """The addresses that were asked since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]

    def errors(self) -> list[str]:
        """What the console got as an error since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def faint_texts(self) -> list[str]:
        """Texts that can be seen and have a contrast below 4.5, which level AA asks for, with their contrast."""
        return self.run(_FAINT_TEXTS)

    def violations(self) -> list[str]:
        """The directives of the Content-Security-Policy that this page ran against."""
        return self.run("return window.violations ?? []")


def foreign(urls: list[str], origin: str) -> list[str]:
    """Those that lie elsewhere. What carries its own content, as data: does, asks nobody."""
    network = ("http", "https", "ws", "wss")
    return [url for url in urls if urlsplit(url).scheme in network and not url.startswith(f"{origin}/")]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Skips the test where there is none."""
    binary, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no chromium with a chromedriver on the path")
    options = Options()
    options.binary_location = binary
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    for argument in ("--headless=new", "--disable-dev-shm-usage", "--disable-gpu", "--lang=en", *root):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(driver)) as started:
        yield Browser(started)
