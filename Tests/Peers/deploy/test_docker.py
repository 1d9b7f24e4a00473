"""The Dockerfile: hadolint's rules, what it copies exists, what it builds is the release, and whom it runs as."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from deploy.commands import assert_known
from support.process import BINARY, REPOSITORY

FOLDER = REPOSITORY / "deploy/docker"
DOCKERFILE = FOLDER / "Dockerfile"
TOOLS = pathlib.Path(sys.executable).parent


def instructions():
    """[(word, rest)] with continued lines joined and comments left out."""
    lines = [line for line in DOCKERFILE.read_text().split("\n") if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.split("\n") if line.strip()]


def stages():
    """The instructions of each stage, the last one being the image."""
    found = []
    for word, rest in instructions():
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, rest))
    return found


def only(stage, word):
    [found] = [rest for name, rest in stage if name == word]
    return found


def ignored(path):
    """Whether Docker leaves `path` out of the context: the last pattern that matches it or a folder above it decides."""
    decision = False
    for line in (FOLDER / "Dockerfile.dockerignore").read_text().split("\n"):
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        expression = re.escape(pattern.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if re.fullmatch(rf"{expression}(?:/.*)?", path):
            decision = not pattern.startswith("!")
    return decision


def context():
    """The files that Docker would send to the build, as git knows them."""
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\n")
    return [path for path in listed if path and not ignored(path)]


def test_hadolint_finds_nothing():
    found = subprocess.run([TOOLS / "hadolint", "--no-color", DOCKERFILE], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr


def test_what_is_copied_exists_and_is_sent_to_the_build():
    sent = context()
    [build, image] = stages()
    for word, rest in build:
        if word == "COPY":
            *sources, _ = rest.split()
            for source in sources:
                assert any(path == source or path.startswith(source + "/") for path in sent), source
    assert only(image, "COPY").startswith("--from=build "), "the image takes nothing from the context"


def test_nothing_else_is_sent():
    assert {path.split("/")[0] for path in context()} == {"Package.swift", "Sources", "Tests"}
    assert not [path for path in context() if path.startswith("Tests/Peers/")]


def test_the_package_can_be_read_from_what_is_sent(tmp_path):
    for path in context():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((REPOSITORY / path).read_bytes())
    found = subprocess.run(
        ["swift", "package", "--package-path", tmp_path, "describe", "--type", "json"], capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0 and '"countersign"' in found.stdout, found.stderr


def test_the_build_is_that_of_the_makefile():
    variables = dict(re.findall(r"^(\w+) :?= (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    flags = variables["RELEASE_FLAGS"].replace("$(BUILD_FLAGS)", variables["BUILD_FLAGS"])
    [command] = [part for word, rest in stages()[0] if word == "RUN" for part in rest.split("&&") if "swift build" in part]
    assert shlex.split(command) == shlex.split(f"swift build -c release --product countersign {flags}")


def test_the_build_installs_the_packages_of_the_script():
    wanted = re.search(r'build\) wanted="([^"]+)"', (REPOSITORY / "deploy/packages.sh").read_text())[1]
    assert installed(stages()[0]) == set(wanted.split())


def installed(stage):
    text = " ".join(rest for word, rest in stage if word == "RUN")
    return set(re.search(r"install -y --no-install-recommends ([^&]*)", text)[1].split())


def test_the_image_has_every_library_that_the_program_loads():
    """What ldd finds outside the Swift runtime, which the release carries itself, belongs to a package that the image installs."""
    linked = subprocess.run(["ldd", str(BINARY)], capture_output=True, text=True, check=True).stdout
    wanted = set()
    for name, path in re.findall(r"^\s+(lib[\w+.-]+) => (/\S+)", linked, re.MULTILINE):
        if "swift" in path or "swift" in name or name.startswith(("libBlocksRuntime", "libdispatch", "libFoundation", "lib_Foundation")):
            continue
        for candidate in (path, str(pathlib.Path(path).resolve()), path.removeprefix("/usr")):
            owner = subprocess.run(["dpkg-query", "-S", candidate], capture_output=True, text=True)
            if owner.returncode == 0:
                wanted.add(owner.stdout.split(":")[0])
                break
        else:
            raise AssertionError(f"no package has {path}")
    # In every Debian: libc6, and libgcc-s1, which libc6 and apt need.
    assert wanted - {"libc6", "libgcc-s1"} <= installed(stages()[1])


def test_whom_it_runs_as_and_what_may_be_written():
    image = stages()[-1]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", only(image, "USER")), "a number, so that Kubernetes can tell that it is not root"
    order = [word for word, _ in image]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert set(re.findall(r'"(/[^"]+)"', only(image, "VOLUME"))) == {"/var/lib/countersign", "/run/countersign"}
    assert only(image, "STOPSIGNAL") == "SIGTERM"


@pytest.mark.parametrize("instruction", ["CMD", "HEALTHCHECK"])
def test_commands_and_options_exist(instruction):
    words = re.findall(r'"([^"]+)"', only(stages()[-1], instruction))
    assert_known(words[1:] if words[0] == "countersign" else words)
    assert only(stages()[-1], "ENTRYPOINT") == '["countersign"]'
