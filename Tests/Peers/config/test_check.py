"""`countersign check`: exit codes, what goes where, and nothing secret in either."""

import json
import subprocess

from support.process import BINARY, SECRET_KEY, basic_config, clean_environment


def check(*arguments, cwd, **environment):
    return subprocess.run(
        [BINARY, "check", *arguments], cwd=cwd, env=clean_environment(**environment), capture_output=True, text=True, timeout=30
    )


def written(folder, config, mode=0o600):
    path = folder / "config.json"
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    path.chmod(mode)
    return path


def test_good_configuration(tmp_path):
    config = basic_config("http://127.0.0.1:9")
    config["limits"] = {"account": {"rate": "10/s", "burst": 20, "per": "upstream", "maxWait": "250ms"}}
    config["routes"][0]["limits"] = ["account"]
    path = written(tmp_path, config)
    for found in (
        check("--config", str(path), cwd="/"),
        check(cwd=tmp_path),
        check(cwd="/", COUNTERSIGN_CONFIG=str(path)),
    ):
        assert (found.returncode, found.stderr) == (0, "")
        assert "10 per second, bursts of 20, shared by all callers of chime; waits up to 250 ms" in found.stdout
        assert "DELETE /phone-numbers/{phoneNumberId}" in found.stdout
        assert SECRET_KEY not in found.stdout


def test_all_mistakes_at_once(tmp_path):
    config = basic_config("service.chime.aws.amazon.com")
    config["listeners"][0]["mod"] = "0660"
    config["routes"][0]["method"] = "delete"
    found = check("--config", str(written(tmp_path, config)), cwd="/")
    assert (found.returncode, found.stdout) == (78, "")
    for part in (
        "3 mistakes",
        'listeners[0].mod (line 1, column',
        'did you mean "mode"?',
        "upstreams.chime.url",
        'write "DELETE"',
    ):
        assert part in found.stderr, part
    assert SECRET_KEY not in found.stderr


def test_exposed_configuration_is_warned_of(tmp_path):
    found = check("--config", str(written(tmp_path, basic_config("https://service.chime.aws.amazon.com"), mode=0o644)), cwd="/")
    assert found.returncode == 0, found.stderr
    assert found.stderr.startswith("warning: credentials.chime.secretAccessKey (line 1, column")
    assert f"which holds a secret: run: chmod 600 {tmp_path}/config.json" in found.stderr
    assert SECRET_KEY not in found.stderr + found.stdout


def test_syntax_error_has_its_place(tmp_path):
    written(tmp_path, '{\n  "listeners": [],\n}')
    found = check(cwd=tmp_path)
    assert (found.returncode, found.stdout) == (78, "")
    assert "line 2, column 18" in found.stderr


def test_missing_file(tmp_path):
    found = check(cwd=tmp_path)
    assert (found.returncode, found.stdout) == (78, "")
    assert "config.json" in found.stderr and "--config" in found.stderr and "countersign demo" in found.stderr


def test_unknown_option_is_a_usage_error(tmp_path):
    assert check("--conf", cwd=tmp_path).returncode == 64
