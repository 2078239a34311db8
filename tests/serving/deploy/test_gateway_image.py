"""The gateway's image has what the gateway imports, and its command lines are those it takes."""

from __future__ import annotations

import fnmatch
import pathlib
import re
from collections.abc import Callable

import pytest

from serving.deploy import gateway_requirements
from serving.gateway import __main__ as gateway
from serving.history import store
from tests import small_release
from tests.serving.deploy import files

DOCKERFILE = files.DEPLOY / "Dockerfile.gateway"
# What runs in the image: the gateway, and `publish` in the Job. The script that makes the list does
# not.
PARTS = ("gateway", "history", "protos", "deploy")
SCRIPT = "serving.deploy.gateway_requirements"


def test_the_list_of_packages_is_up_to_date() -> None:
    assert gateway_requirements.FILE.read_text() == gateway_requirements.text(), (
        f"run `python -m {SCRIPT} > {gateway_requirements.FILE.relative_to(files.ROOT)}`"
    )
    assert not [
        name
        for name in gateway_requirements.needed()
        if re.match("tensorflow$|tf-|tfx|scann|apache-beam|keras", name)
    ]


def test_the_listed_packages_are_enough(
    run_python: Callable[[str], str], tmp_path: pathlib.Path
) -> None:
    """In a process where no other package's module can be imported; it also publishes a release."""
    release = tmp_path / "serving"
    small_release.push(release, small_release.pair(tmp_path / "made"), small_release.facts())
    modules = sorted(
        ".".join(path.relative_to(files.ROOT).with_suffix("").parts)
        for part in PARTS
        for path in (files.ROOT / "serving" / part).rglob("*.py")
    )
    modules = [name for name in modules if name != SCRIPT]
    assert "serving.gateway.__main__" in modules and "serving.deploy.publish" in modules
    found = run_python(f"""
        import importlib, importlib.metadata, sys

        def modules(name):
            for path in importlib.metadata.files(name) or ():
                parts = path.parts
                if path.suffix in (".py", ".so") and parts[0] != "..":
                    last = path.name.partition(".")[0]
                    full = parts[:-1] if last == "__init__" else (*parts[:-1], last)
                    yield from (".".join(full[:n]) for n in range(1, len(full) + 1))

        needed = {sorted(gateway_requirements.needed())!r}
        allowed = {{module for name in needed for module in modules(name)}}
        ours = {{*sys.stdlib_module_names, "modules", "serving"}}

        class Refuse:
            @staticmethod
            def find_spec(name, path=None, target=None):
                is_ours = name.partition(".")[0] in ours
                if name in allowed or is_ours or name.startswith("_sysconfigdata"):
                    return None
                raise ModuleNotFoundError(f"{{name}} is not in the gateway's image", name=name)

        sys.meta_path.insert(0, Refuse)
        for name in {modules!r}:
            importlib.import_module(name)
        from serving.deploy import publish
        target = {str(tmp_path / "releases")!r}
        code = publish.main(["load", "--from", {str(release)!r}, "--to", target])
        assert "tensorflow" not in sys.modules
        print(len({modules!r}), "numpy" in sys.modules, code)
        """)
    assert found.splitlines()[-1].split() == [str(len(modules)), "True", "0"]
    assert (tmp_path / "releases" / "recall.config").is_file()


@pytest.mark.parametrize("where", ["compose", "kubernetes"])
def test_the_gateway_takes_its_command_line(
    where: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {
        "compose": files.compose()["services"]["gateway"].get("environment", {}),
        "kubernetes": {e["name"]: e.get("value") for e in files.container("gateway")["env"]},
    }[where]
    monkeypatch.setenv(store.URL_VARIABLE, variables[store.URL_VARIABLE])
    keys = tmp_path / "keys"
    keys.write_text("a-key\n")
    arguments = [
        each.replace("/etc/recommender/api-keys", str(keys))
        for each in files.command_lines("gateway")[where]
    ]
    assert not any("REDIS_PASSWORD" in each for each in arguments)  # which others see
    found = vars(gateway.parser().parse_args(arguments))
    assert found["store"].endswith("@redis:6379/0") and "REDIS_PASSWORD" in found["store"]
    assert {"recall:8500", "rank:8500", "stable", 8080, "0.0.0.0"} <= {
        value for value in found.values() if isinstance(value, (str, int))
    }


def test_the_image_is_small_pinned_and_not_root() -> None:
    lines = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text()).replace("\\\n", " ").splitlines()
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(bases) == 2 and set(bases) == {"python:3.10-slim-bookworm"}
    last = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER 10001:10001" in last
    pod = files.workloads()["gateway"]["spec"]["template"]["spec"]["securityContext"]
    assert (pod["runAsUser"], pod["runAsGroup"]) == (10001, 10001)
    assert last[-1] == 'ENTRYPOINT ["python", "-m", "serving.gateway"]'
    assert f"EXPOSE {files.container('gateway')['ports'][0]['containerPort']}" in last


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    ignore = (files.DEPLOY / "Dockerfile.gateway.dockerignore").read_text().split()
    kept = [line[1:] for line in ignore if line.startswith("!")]
    dropped = [line for line in ignore[1:] if not line.startswith("!")]
    assert ignore[0] == "*"
    copied = re.findall(r"(?m)^COPY (?!--from)(\S+) ", DOCKERFILE.read_text())
    assert set(copied) == {"modules", "serving", "serving/deploy/gateway-requirements.txt"}
    for name in copied:
        assert (files.ROOT / name).exists()
        assert any(name == each or name.startswith(f"{each}/") for each in kept)
        assert not any(fnmatch.fnmatch(name, each) for each in dropped)
