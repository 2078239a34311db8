"""Where Bazel finds ScaNN, and what ScaNN needs that TensorFlow Serving does not bring (its WORKSPACE says so)."""

load("@bazel_tools//tools/build_defs/repo:git.bzl", "git_repository")

def scann_workspace():
    native.local_repository(name = "com_google_scann", path = "SCANN_FOLDER")
    git_repository(
        name = "cnpy",
        commit = "57184ee0db37cac383fc29175950747a46a8b512",
        remote = "https://github.com/sammymax/cnpy.git",
    )
    git_repository(
        name = "com_google_highway",
        remote = "https://github.com/google/highway.git",
        tag = "1.2.0",
    )
