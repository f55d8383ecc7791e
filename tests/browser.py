"""A real headless Chromium for the tests of the report, offline, with everything a page does written down."""

import shutil

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

NEEDED = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"
    ),
]


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Tab:
    """A page opened from a file, with everything it did besides showing itself."""

    def __init__(self, context, path):
        self.requests, self.console, self.dialogs, self.errors = [], [], [], []
        self.page = context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.console.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.goto(path.as_uri())

    def assert_quiet(self, path):
        assert self.requests == [path.as_uri()]
        assert (self.console, self.dialogs, self.errors) == ([], [], [])


@pytest.fixture
def open_page(chromium, tmp_path):
    """Open a run's report offline; the second value is the file."""
    from reports.page import render
    from reports.scores import score

    contexts = []

    def open_(data, **options):
        path = tmp_path / "report.html"
        path.write_text(render(data, score(data)), encoding="utf-8")
        contexts.append(chromium.new_context(offline=True, **options))
        return Tab(contexts[-1], path), path

    yield open_
    for context in contexts:
        context.close()
