"""The pages beside the README name files, folders, types and pages that exist."""

import re

from readme.document import ROOT, swift

SOURCES = ROOT / "Sources"
PAGES = SOURCES / "Gateway/Gateway.docc"


def test_the_pages_name_files_and_pages_that_exist():
    files = [path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*.swift")]
    pages = {path.stem for path in PAGES.rglob("*.md")}
    for page in [PAGES / "Gateway.md", *sorted((PAGES / "Decisions").glob("*.md"))]:
        text = page.read_text()
        for name in re.findall(r"`([\w/+]+\.swift)`", text):
            assert any(file == name.removeprefix("Sources/") or file.endswith("/" + name) for file in files), f"{page.name}: {name}"
        for name in re.findall(r"`((?:Sources/)?(?:Gateway|GatewayCore|GatewayConfig|Wire|SigV4)/\w*)/?`", text):
            assert (SOURCES / name.removeprefix("Sources/")).is_dir(), f"{page.name}: {name}"
        assert set(re.findall(r"<doc:(\w+)>", text)) <= pages, page.name


def test_every_decision_has_its_parts_and_is_in_the_overview():
    overview = (PAGES / "Gateway.md").read_text()
    for page in sorted((PAGES / "Decisions").glob("*.md")):
        parts = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)
        assert {"Context", "Decision", "What would change our mind"} <= set(parts), page.name
        assert f"<doc:{page.stem}>" in overview, f"Gateway.md does not name {page.stem}"


def test_every_type_and_function_that_the_pages_name_exists():
    code = swift(".")
    known = set(re.findall(r"\b(?:class|struct|enum|protocol|actor|func|var|let|case|extension|typealias) `?(\w+)", code))
    for page in [PAGES / "Gateway.md", *sorted((PAGES / "Decisions").glob("*.md"))]:
        for name in re.findall(r"`([A-Z]\w+\.\w+)`", page.read_text()):
            if not name.endswith((".swift", ".md", ".json")):
                assert set(name.split(".")) <= known, f"{page.name}: {name}"
