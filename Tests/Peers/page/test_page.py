"""The page of the admin listener in a real browser, and the answers that it is made of."""

import datetime
import gzip
import hashlib
import json
import os
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from axe_playwright_python.sync_playwright import Axe

from support.browser import opened
from support.process import basic_config
from support.trail import Trail
from support.upstream import answer, always

CALLERS = ["billing", "number-lifecycle", "provisioning"]
NUMBER = "+12065550100"


def page_config(url, **changes):
    config = basic_config(
        url, audit={"file": {"path": "audit.jsonl"}},
        callers=[{"name": name, "tokenSha256": hashlib.sha256(name.encode()).hexdigest()} for name in CALLERS],
        limits={"account": {"rate": "1000/s", "burst": 1000, "per": "upstream"}, "fuse": {"rate": "3/d", "burst": 3, "per": "caller"}},
        **changes,
    )
    config["routes"][0]["limits"] = ["account", "fuse"]
    config["routes"].append(
        {"operation": "RestorePhoneNumber", "method": "POST", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime", "query": True,
         "parameters": {"phoneNumberId": {"format": "e164"}}}
    )
    config["routes"].append(
        {"operation": "Anything", "method": "PUT", "path": "/things/{thing}", "upstream": "chime", "parameters": {"thing": {"format": "any"}}}
    )
    return config


def call(gateway, method, path, token=None):
    request = urllib.request.Request(gateway.url + path, method=method, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def fetch(gateway, path, method="GET", **headers):
    """(status, fields, body) of an answer of the admin listener."""
    request = urllib.request.Request(gateway.admin_url + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def deletions(gateway, until, query=""):
    """`/deletions`, once `until` holds of it."""
    deadline = time.monotonic() + 60
    while True:
        queue = json.loads(fetch(gateway, "/deletions" + query)[2])
        if until(queue):
            return queue
        assert time.monotonic() < deadline, queue
        time.sleep(0.05)


def wait_for_text(page, selector, text):
    page.locator(selector, has_text=text).first.wait_for()


def wait_until(page, expression):
    """Until `expression` is true on the page. (Playwright's own wait would have the page evaluate a string, which its policy forbids.)"""
    deadline = time.monotonic() + 60
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def barriers(page):
    """What axe-core finds that keeps people out: contrast, names, roles, order of headings, headers of tables, reach by keys."""
    levels = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": levels}).response["violations"]
    return [(one["id"], one["help"], [node["html"][:200] for node in one["nodes"]]) for one in found]


@pytest.fixture
def unused_port():
    """A port that refuses connections as long as the test holds it: bound, not listened on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture
def busy(gateway, double):
    """A gateway with a little of everything behind it."""
    one = gateway(page_config(double().url))
    for index, name in enumerate(CALLERS):
        assert call(one, "DELETE", f"/phone-numbers/%2B1206555010{index}", name) == 204
    for index in range(3, 6):
        call(one, "DELETE", f"/phone-numbers/%2B1206555010{index}", "billing")
    assert call(one, "DELETE", "/phone-numbers/%2B12065550100", "billing") == 429
    assert call(one, "DELETE", "/phone-numbers/%2B12065550100") == 401
    assert call(one, "DELETE", "/phone-numbers/%252B12065550100", "provisioning") == 400
    return one


@pytest.mark.parametrize(
    "name, options",
    [
        ("light", {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}}),
        ("dark", {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}}),
        ("narrow", {"color_scheme": "light", "viewport": {"width": 360, "height": 780}}),
    ],
)
def test_it_shows_what_happened_and_does_nothing_else(busy, browser, tmp_path, name, options):
    deletions(busy, lambda queue: queue["held"] == 5)
    with opened(browser, busy.admin_url + "/", **options) as (page, seen):
        wait_for_text(page, "#queue-table tbody tr", NUMBER)
        assert page.locator("#state").inner_text() == "Ready"
        row = page.locator("#queue-table tbody tr", has_text=NUMBER).inner_text()
        assert "billing" in row and " d 23 h" in row, row
        assert page.locator("#queue-count").inner_text() == "5 numbers"
        traffic = page.locator("#traffic-table tbody tr").all_inner_texts()
        assert [line.split()[:2] for line in traffic[:1]] == [["billing", "5"]], traffic
        assert sorted(line.split("\t")[0] for line in traffic) == sorted([*CALLERS, "not recognised"]), traffic
        assert "9 in the hour" in page.locator("#chart-callers .readout").inner_text()
        assert "4 in the hour" in page.locator("#chart-refusals .readout").inner_text()
        assert page.locator("#chart-origins .legend li").count() == 3
        assert "0 of 3 left" in page.locator("#limits-table").inner_text()
        upstream = page.locator("#upstreams-table tbody tr").inner_text()
        assert "answers" in upstream and len(re.findall(r"\d m?s\b", upstream)) == 3, upstream
        assert page.locator("#credentials-table tbody").inner_text().split()[:6] == ["chime", "static", "yes", "does", "not", "expire"]
        wait_for_text(page, "#trail-table tbody", "14, 20" if options["viewport"]["width"] > 640 else "writable")
        wait_for_text(page, "#records-table tbody tr", "limit/fuse")
        wait_for_text(page, "#records-table tbody tr", "id/double-encoded")
        # Every part of the page has its room: nothing runs over the side.
        assert page.evaluate("document.documentElement.scrollWidth") <= options["viewport"]["width"]
        assert page.screenshot(path=str(tmp_path / f"{name}.png"), full_page=True)
        assert barriers(page) == []
        assert page.evaluate("violations") == []
        assert seen.faults(busy.admin_url) == []


def test_it_renews_itself_and_can_be_searched(busy, browser):
    with opened(browser, busy.admin_url + "/") as (page, seen):
        wait_for_text(page, "#queue-table tbody tr", NUMBER)
        # A restoration takes the number out, without a reload of the page.
        assert call(busy, "POST", "/phone-numbers/%2B12065550100?operation=restore", "billing") == 200
        wait_until(page, f"!document.querySelector('#queue-table').innerText.includes('{NUMBER}')")
        assert page.locator("#queue-count").inner_text() == "4 numbers"
        wait_for_text(page, "#records-table tbody tr", "RestorePhoneNumber")

        page.fill("#queue-form [name=text]", "provision")
        wait_until(page, "document.querySelectorAll('#queue-table tbody tr').length === 1")
        assert "+12065550102" in page.locator("#queue-table tbody").inner_text()
        page.fill("#queue-form [name=text]", "nobody")
        wait_for_text(page, "#queue-table tbody", "No number in the queue matches.")

        page.fill("#records-form [name=caller]", "number-lifecycle")
        page.select_option("#records-form [name=stage]", "outcome")
        wait_until(page, "document.querySelectorAll('#records-table tbody tr').length === 1")
        page.click("#records-table .open")
        wait_for_text(page, "#records-table dl dt", "hash")
        # By keys: the button keeps the focus although the table was drawn anew, and closes what it opened.
        page.keyboard.press("Enter")
        wait_until(page, "!document.querySelector('#records-table dl')")

        # The charts are read by keys, too.
        page.focus("#chart-callers svg")
        page.keyboard.press("End")
        assert " at " in page.locator("#chart-callers .readout").inner_text()
        page.keyboard.press("Escape")
        assert "in the hour" in page.locator("#chart-callers .readout").inner_text()
        assert page.evaluate("violations") == [] and seen.faults(busy.admin_url) == []


def test_it_rests_while_nobody_looks(busy, browser):
    with opened(browser, busy.admin_url + "/") as (page, seen):
        wait_for_text(page, "#queue-table tbody tr", NUMBER)
        page.click("#pause")
        assert page.locator("#pause").get_attribute("aria-pressed") == "true"
        page.wait_for_load_state("networkidle")
        count = len(seen.requests)
        page.wait_for_timeout(4000)
        assert len(seen.requests) == count
        page.click("#pause")
        wait_until(page, "document.querySelector('#updated').innerText === 'Live'")
        assert len(seen.requests) > count
        page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
        # What is under way ends, and nothing follows it.
        page.wait_for_timeout(4000)
        page.wait_for_load_state("networkidle")
        count = len(seen.requests)
        page.wait_for_timeout(4000)
        assert len(seen.requests) == count
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        with page.expect_request("**/status"):
            pass
        assert seen.faults(busy.admin_url) == []


def test_it_says_when_the_gateway_is_gone(gateway, double, browser):
    one = gateway(page_config(double().url))
    with opened(browser, one.admin_url + "/") as (page, seen):
        wait_for_text(page, "#queue-table", "No number that this gateway has deleted can still be restored.")
        wait_for_text(page, "#chart-callers", "No requests in the last hour")
        wait_for_text(page, "#records-table", "Nothing has been recorded yet.")
        one.stop()
        wait_for_text(page, "#banners", "The gateway does not answer")
        assert page.locator("#state").inner_text() == "No answer"
        # The browser tells of the connections that were refused; nothing else went wrong.
        assert seen.faults(one.admin_url, allowed=["ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET"]) == []


def test_it_says_that_it_gets_no_figures(busy, browser):
    deletions(busy, lambda queue: queue["held"] == 5)
    with opened(browser, busy.admin_url + "/") as (page, _):
        wait_for_text(page, "#queue-table tbody tr", NUMBER)
        # As from another machine: the rest of the page goes on.
        for path in "**/records*", "**/deletions*":
            page.route(path, lambda route: route.fulfill(status=403, body="over loopback and unix sockets only"))
        for place in "#queue-note", "#records-note":
            wait_for_text(page, place, "over loopback and unix sockets only")
        assert NUMBER not in page.locator("main").inner_text()
        assert page.locator("#state").inner_text() == "Ready" and page.locator("#banners").inner_text() == ""
        page.unroute_all()
        wait_for_text(page, "#queue-table tbody tr", NUMBER)
        wait_for_text(page, "#records-table tbody tr", NUMBER)
        page.route("**/status", lambda route: route.fulfill(status=500, body="broken"))
        wait_for_text(page, "#banners", "The gateway does not give its figures")
        wait_for_text(page, "#banners", "/status: 500: broken")
        assert page.locator("#state").inner_text() == "No figures"
        page.unroute_all()
        wait_until(page, "document.querySelector('#banners').children.length === 0")


def test_it_says_what_must_not_be_overlooked(gateway, double, browser, tmp_path):
    config = page_config(double().url)
    config["admin"] |= {"tokenSha256": hashlib.sha256(b"operator's").hexdigest()}
    many = [f"caller-{index}" for index in range(30)]
    config["callers"] += [{"name": name, "tokenSha256": hashlib.sha256(name.encode()).hexdigest()} for name in ["a" * 64, *many]]
    one = gateway(config)
    for name in ["a" * 64, *many]:
        assert call(one, "DELETE", "/phone-numbers/%2B12065550100", name) == 204
    command = {"by": "<i>alice", "reason": "<b onclick=alert(1)>wrong list</b>"}
    request = urllib.request.Request(
        one.admin_url + "/freeze", data=urllib.parse.urlencode(command).encode(), headers={"Authorization": "Bearer operator's"}
    )
    assert urllib.request.urlopen(request, timeout=60).status == 200
    # The file is looked at by itself.
    one.write_config(config | {"listenrs": []})
    options = {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}}
    with opened(browser, one.admin_url + "/", **options) as (page, seen):
        wait_for_text(page, "#banners", "by <i>alice, <b onclick=alert(1)>wrong list</b>")
        wait_for_text(page, "#banners", "A configuration was refused, and the one before it is in force")
        wait_for_text(page, "#banners", 'listenrs (line 1, column ')
        assert page.locator("#state").inner_text() == "Frozen"
        wait_for_text(page, "#facts", f"configuration {json.loads(fetch(one, '/status')[2])['configuration']['hash']}")
        assert "times in UTC+01:00" in page.locator("#facts").inner_text() or "times in UTC+02:00" in page.locator("#facts").inner_text()
        # Who has frozen it, and no caller.
        page.select_option("#records-form [name=stage]", "admin")
        wait_until(page, "document.querySelectorAll('#records-table tbody tr').length === 1")
        row = page.locator("#records-table tbody tr").inner_text()
        assert "by <i>alice" in row and "freeze, <b onclick=alert(1)>wrong list</b>" in row, row
        # Long lists are cut and say so; a long name does not push the rest out of sight.
        assert page.locator("#traffic-table tbody tr").count() == 26 and page.locator("#limits-table tbody tr").count() == 26
        assert "and 6 more: /history has all." in page.locator("#traffic-table").inner_text()
        assert "and 7 more: /status has all." in page.locator("#limits-table").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
        assert page.screenshot(path=str(tmp_path / "frozen.png"), full_page=True)
        assert barriers(page) == [] and page.evaluate("violations") == [] and seen.faults(one.admin_url) == []


def test_it_shows_an_upstream_that_does_not_answer(gateway, browser, unused_port):
    one = gateway(page_config(f"http://127.0.0.1:{unused_port}"))
    with opened(browser, one.admin_url + "/") as (page, seen):
        wait_for_text(page, "#upstreams-table tbody tr", "nothing was sent")
        assert call(one, "DELETE", "/phone-numbers/%2B12065550100", "billing") == 503
        wait_for_text(page, "#upstreams-table tbody tr", "no answer, 1 time")
        wait_for_text(page, "#upstreams-table tbody tr", "upstream/refused, 20")
        assert page.locator("#chart-origins .legend").inner_text().startswith("gateway: unavailable")
        assert seen.faults(one.admin_url) == []


HOSTILE = '<img src=x onerror="document.title=1">'


def test_what_comes_from_outside_stays_text(gateway, upstream, browser):
    upstream.script = always(answer(418, "Teapot", headers=[("x-amzn-ErrorType", HOSTILE)], body=b"{}"))
    one = gateway(page_config(upstream.url))
    assert call(one, "PUT", "/things/%3Cscript%3Edocument.title=2%3C%5C%22%27%26", "billing") == 418
    assert call(one, "PUT", "/things/%22%7D%5D%3Csvg%20onload=alert(1)%3E", "billing") == 418
    with opened(browser, one.admin_url + "/") as (page, seen):
        wait_for_text(page, "#records-table tbody tr", HOSTILE)
        wait_for_text(page, "#records-table tbody tr", "<script>document.title=2")
        wait_for_text(page, "#records-table tbody tr", '"}]<svg onload=alert(1)>')
        page.locator("#records-table tbody tr", has_text=HOSTILE).first.locator(".open").click()
        wait_for_text(page, "#records-table dl dd", HOSTILE)
        page.fill("#records-form [name=text]", HOSTILE)
        wait_until(page, "[...document.querySelectorAll('#records-table tbody tr')].length >= 2")
        wait_for_text(page, "#records-table tbody tr", HOSTILE)
        assert page.title() == "countersign"
        assert page.locator("main img, main script, main iframe, #records-table svg").count() == 0
        assert page.evaluate("violations") == [] and seen.faults(one.admin_url) == []


def test_it_answers_without_a_script(busy, browser):
    with opened(browser, busy.admin_url + "/", java_script_enabled=False) as (page, _):
        assert "/status" in page.locator("noscript").inner_text()


def test_a_long_trail_is_read_at_the_start_and_shown_at_once(gateway, double, browser, tmp_path):
    now = datetime.datetime.now(datetime.timezone.utc)
    trail = Trail()
    for index in range(200):
        trail.deletion(now - datetime.timedelta(days=8), f"+1206555{index:04d}", "billing", f"too-old-{index}")
    trail.write(tmp_path / "audit.jsonl-20260101T000000.000Z")
    with gzip.open(tmp_path / "audit.jsonl-20260101T000000.000Z.gz", "wb") as file:
        file.write((tmp_path / "audit.jsonl-20260101T000000.000Z").read_bytes())
    (tmp_path / "audit.jsonl-20260101T000000.000Z").unlink()
    trail.lines.clear()
    for index in range(2500):
        trail.deletion(now - datetime.timedelta(days=6), f"+1425555{index:04d}", "billing", f"rotated-{index}")
    trail.write(tmp_path / "audit.jsonl-20260102T000000.000Z")
    trail.lines.clear()
    for index in range(2500):
        trail.deletion(now - datetime.timedelta(hours=1), f"+1206555{index:04d}", CALLERS[index % 3], f"live-{index}")
    trail.write(tmp_path / "audit.jsonl")
    for name in os.listdir(tmp_path):
        os.chmod(tmp_path / name, 0o600)
    one = gateway(page_config(double().url))
    queue = deletions(one, lambda queue: queue["complete"], "?limit=10000")
    assert queue["held"] == 5000 and queue["omitted"] == 0 and queue["gaps"] == 0, {**queue, "entries": []}
    assert {entry["certainty"] for entry in queue["entries"]} == {"deleted"}
    assert [entry["id"] for entry in queue["entries"][:2]] == ["live-2499", "live-2498"]
    soonest = deletions(one, lambda queue: True, "?limit=1&order=expiring")["entries"][0]
    assert soonest["id"] == "rotated-0" and soonest["number"] == "+14255550000"
    with opened(browser, one.admin_url + "/") as (page, seen):
        wait_until(page, "document.querySelectorAll('#records-table tbody tr').length === 100")
        shown = page.evaluate("performance.now()")
        # Told with `pytest -s`, not judged: that is the machine's matter as much as ours.
        print(f"10,000 records: shown {shown:.0f} ms after the navigation began")
        assert page.locator("#queue-count").inner_text() == "5,000 numbers"
        assert "and 4,900 more" in page.locator("#queue-more").inner_text()
        page.select_option("#records-form [name=limit]", "1000")
        wait_until(page, "document.querySelectorAll('#records-table tbody tr').length === 1000")
        # An old record is found by its number, beyond what is shown and beyond the live file.
        page.fill("#records-form [name=text]", "rotated-2417")
        wait_until(page, "document.querySelectorAll('#records-table tbody tr').length === 2")
        assert page.evaluate("violations") == [] and seen.faults(one.admin_url) == []


@pytest.mark.parametrize("style, shown", [("last4", "\u20260100"), ("pseudonym", "+1:hmac-sha256:")])
def test_masked_numbers_stay_masked(gateway, double, browser, tmp_path, style, shown):
    audit = {"file": {"path": "audit.jsonl"}, "subject": style}
    if style == "pseudonym":
        key = tmp_path / "subject.key"
        key.touch(mode=0o600)
        key.write_text("k" * 64)
        audit["subjectKey"] = {"file": str(key)}
    one = gateway(page_config(double().url) | {"audit": audit})
    assert call(one, "DELETE", "/phone-numbers/%2B12065550100", "billing") == 204
    deletions(one, lambda queue: queue["held"] == 1)
    with opened(browser, one.admin_url + "/") as (page, seen):
        wait_for_text(page, "#queue-table tbody tr", shown)
        wait_for_text(page, "#records-table tbody tr", "outcome")
        assert "2065550100" not in page.content()
        assert seen.faults(one.admin_url) == []


def test_fields_and_numbers_of_every_answer(busy):
    deletions(busy, lambda queue: queue["held"] == 5)
    types = {
        "/": "text/html; charset=utf-8", "/history": "application/json", "/deletions": "application/json", "/status": "application/json",
        "/records": "application/x-ndjson; charset=utf-8", "/metrics": "text/plain; version=0.0.4; charset=utf-8",
    }
    for path, kind in types.items():
        status, fields, body = fetch(busy, path)
        assert status == 200 and fields["Content-Type"] == kind, path
        assert fields["Cache-Control"] == "no-store" and fields["X-Content-Type-Options"] == "nosniff"
        assert fields["Referrer-Policy"] == "no-referrer" and "Access-Control-Allow-Origin" not in fields
        assert ("2065550" in body) == (path in ("/deletions", "/records")), path
        status, _, nothing = fetch(busy, path, method="HEAD")
        assert status == 200 and nothing == ""
    assert "2065550" not in busy.stderr
    policy = fetch(busy, "/")[1]["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "frame-ancestors 'none'" in policy and "unsafe" not in policy


def test_the_records_are_lines_of_the_trail(busy, tmp_path):
    deletions(busy, lambda queue: queue["held"] == 5)
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    _, fields, body = fetch(busy, "/records?limit=1000")
    assert body.splitlines() == lines[::-1] and fields["countersign-complete"] == "true"
    assert int(fields["countersign-searched"]) == len(lines)
    for query, wanted in {
        "caller=provisioning": lambda r: (r["caller"] or {}).get("name") == "provisioning",
        "stage=refusal": lambda r: r["stage"] == "refusal",
        "operation=DeletePhoneNumber&stage=outcome": lambda r: r["operation"] == "DeletePhoneNumber" and r["stage"] == "outcome",
        "status=429": lambda r: r.get("status") == 429,
        "text=%2B12065550101": lambda r: "+12065550101" in json.dumps(r),
        "caller=nobody": lambda r: False,
    }.items():
        found = [json.loads(line) for line in fetch(busy, f"/records?{query}")[2].splitlines()]
        assert found == [r for r in map(json.loads, lines[::-1]) if wanted(r)], query
    assert len(fetch(busy, "/records?limit=2")[2].splitlines()) == 2


def test_a_page_on_another_name_gets_no_numbers(busy):
    port = busy.admin_url.rsplit(":", 1)[1]
    for path in "/records", "/deletions":
        status, _, body = fetch(busy, path, Host=f"rebound.example:{port}")
        assert status == 421 and "2065550" not in body and "localhost" in body
        for host in f"localhost:{port}", f"127.0.0.1:{port}", "[::1]", "gateway":
            assert fetch(busy, path, Host=host)[0] == 200, host
    assert fetch(busy, "/metrics", Host="gateway.example")[0] == 200


def test_without_a_trail_it_says_so(gateway, double, browser):
    one = gateway({name: value for name, value in page_config(double().url).items() if name != "audit"})
    assert json.loads(fetch(one, "/deletions")[2])["trail"] is False
    assert fetch(one, "/records")[2] == ""
    with opened(browser, one.admin_url + "/") as (page, seen):
        wait_for_text(page, "#queue-note", "this gateway does not know what it has deleted")
        wait_for_text(page, "#trail-table", "No audit trail is configured")
        assert seen.faults(one.admin_url) == []
