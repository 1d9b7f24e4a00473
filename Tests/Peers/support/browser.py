"""Debian's Chromium, driven by Playwright, with everything that a page must not do kept for the test."""

import contextlib
import shutil

from playwright.sync_api import sync_playwright

PATIENCE = 60_000


class Seen:
    """What a page did that may be a fault."""

    def __init__(self):
        self.console = []
        self.errors = []
        self.requests = []

    def faults(self, base, allowed=()):
        """Script errors, console messages, policy violations and requests to any other place than `base`."""
        elsewhere = [url for url in self.requests if not url.startswith((base + "/", "data:"))]
        console = [line for line in self.console if not any(word in line for word in allowed)]
        return self.errors + console + elsewhere


@contextlib.contextmanager
def chromium():
    """A browser without a window."""
    path = shutil.which("chromium")
    assert path, "chromium is missing: deploy/packages.sh test"
    with sync_playwright() as playwright:
        # The sandbox of the browser needs rights that a container does not give; it opens nothing but what the tests serve.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened(browser, url, **options):
    """A page at `url` and what it was seen doing."""
    context = browser.new_context(**({"timezone_id": "Europe/Berlin"} | options))
    context.set_default_timeout(PATIENCE)
    # A violation of the policy is an event on the page, whether or not the console tells it.
    context.add_init_script(
        "globalThis.violations = []; addEventListener('securitypolicyviolation', (event) =>"
        " violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
    )
    page = context.new_page()
    seen = Seen()
    page.on("console", lambda message: seen.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    try:
        page.goto(url)
        yield page, seen
    finally:
        context.close()
