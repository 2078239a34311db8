"""The edits of the recipe with ScaNN, on sources of the expected shape; nothing is built here."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from tests.serving.deploy import files

RECIPE = files.DEPLOY / "Dockerfile.tf-serving-scann"
SCRIPT = files.DEPLOY / "tf_serving_scann" / "link.sh"
OPS, TENSORFLOW = "scann/scann_ops/cc/BUILD.bazel", "scann/oss_wrappers/BUILD.bazel"
LIST = "tensorflow_serving/model_servers/BUILD"
SOURCES = {
    f"scann/{OPS}": """load("@pybind11_bazel//:build_defs.bzl", "pybind_library")
cc_library(
    name = "scann_ops_kernels",
    deps = ["//scann/oss_wrappers:tf_dependency"],
)

pybind_library(
    name = "for_python",
    deps = [":scann"],
)
""",
    f"scann/{TENSORFLOW}": """cc_library(
    name = "tf_dependency",
    deps = [
        "@local_config_tf//:libtensorflow_framework",
        "@local_config_tf//:tf_header_lib",
    ],
)
""",
    f"serving/{LIST}": """SUPPORTED_TENSORFLOW_OPS = [
    "@org_tensorflow_text//tensorflow_text:ops_lib",
]
""",
    "serving/WORKSPACE": 'workspace(name = "tf_serving")\n',
}


def link(folder: pathlib.Path, sources: dict[str, str]) -> subprocess.CompletedProcess[str]:
    for name, text in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return subprocess.run(
        ["sh", str(SCRIPT), str(folder / "serving"), str(folder / "scann")],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_operations_are_linked_against_the_tensorflow_of_the_build(
    tmp_path: pathlib.Path,
) -> None:
    done = link(tmp_path, SOURCES)
    assert done.returncode == 0, done.stderr
    ops = (tmp_path / "scann" / OPS).read_text()
    assert "pybind" not in ops and "for_python" not in ops
    assert 'name = "scann_ops_static"' in ops and "alwayslink = 1" in ops
    assert (
        (tmp_path / "scann" / TENSORFLOW).read_text()
        == """cc_library(
    name = "tf_dependency",
    deps = [
        "@org_tensorflow//tensorflow/core:tensorflow_opensource",
    ],
)
"""
    )
    assert (tmp_path / "serving" / LIST).read_text().splitlines() == [
        "SUPPORTED_TENSORFLOW_OPS = [",
        '    "@org_tensorflow_text//tensorflow_text:ops_lib",',
        '    "@com_google_scann//scann/scann_ops/cc:scann_ops_static",',
        "]",
    ]
    assert (tmp_path / "serving" / "WORKSPACE").read_text().endswith("\nscann_workspace()\n")
    rules = (tmp_path / "serving" / "third_party" / "scann" / "scann.bzl").read_text()
    assert f'path = "{tmp_path / "scann"}"' in rules


@pytest.mark.parametrize(
    "name, old, new",
    [
        (f"serving/{LIST}", "tensorflow_text:ops_lib", "somewhere:else"),
        (f"scann/{OPS}", "scann_ops_kernels", "other_kernels"),
        (f"scann/{TENSORFLOW}", "@local_config_tf//:tf_header_lib", "@local_config_tf//:headers"),
    ],
)
def test_sources_of_another_shape_stop_it(
    name: str, old: str, new: str, tmp_path: pathlib.Path
) -> None:
    assert link(tmp_path, {**SOURCES, name: SOURCES[name].replace(old, new)}).returncode != 0


def test_the_recipe_builds_the_version_that_is_served_and_says_that_it_was_not_run() -> None:
    text = RECIPE.read_text()
    served = files.container("recall")["image"].rpartition(":")[2]
    assert f"ARG TF_SERVING_VERSION={served}\n" in text
    assert "# NOT RUN." in text
    lock = (files.ROOT / "requirements.lock").read_text()
    version = next(
        line.partition("==")[2] for line in lock.splitlines() if line.startswith("scann==")
    )
    assert f"ScaNN is {version}," in text
