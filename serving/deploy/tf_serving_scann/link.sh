#!/bin/sh
# Makes TensorFlow Serving's sources link ScaNN's operations: link.sh TF_SERVING SCANN
# Every edit is checked, so that sources that look different stop the build instead of losing the operations.
set -eu
serving=$1 scann=$2
library=@com_google_scann//scann/scann_ops/cc:scann_ops_static

# ScaNN's operations as one library that a static link keeps; nothing for Python.
ops=$scann/scann/scann_ops/cc/BUILD.bazel
sed -i -e '/pybind11_bazel/d' -e '/^pybind_library(/,/^)/d' "$ops"
cat >> "$ops" <<'BUILD'

cc_library(
    name = "scann_ops_static",
    deps = [
        ":scann_ops",
        ":scann_ops_kernels",
    ],
    alwayslink = 1,
)
BUILD
grep -q 'name = "scann_ops_kernels"' "$ops"

# The TensorFlow that is being built in the place of an installed one.
tensorflow=$scann/scann/oss_wrappers/BUILD.bazel
sed -i -e '/@local_config_tf\/\/:libtensorflow_framework/d' \
    -e 's,@local_config_tf//:tf_header_lib,@org_tensorflow//tensorflow/core:tensorflow_opensource,' "$tensorflow"
grep -q '@org_tensorflow//tensorflow/core:tensorflow_opensource' "$tensorflow"
if grep -rl '@local_config_tf' "$scann/scann" --include=BUILD.bazel; then
    echo "link.sh: these files still want an installed TensorFlow" >&2
    exit 1
fi

# TensorFlow Serving's list of operations, and where Bazel finds ScaNN and what only ScaNN needs.
list=$serving/tensorflow_serving/model_servers/BUILD
sed -i "/@org_tensorflow_text\/\/tensorflow_text:ops_lib/a\\    \"$library\"," "$list"
grep -q "\"$library\"" "$list"
mkdir -p "$serving/third_party/scann"
touch "$serving/third_party/scann/BUILD"
sed "s,SCANN_FOLDER,$scann," "$(dirname "$0")/scann.bzl" > "$serving/third_party/scann/scann.bzl"
cat >> "$serving/WORKSPACE" <<'BUILD'

load("//third_party/scann:scann.bzl", "scann_workspace")

scann_workspace()
BUILD
