"""The package Beam workers install (`--setup_file=./setup.py`); pyproject.toml configures tools."""

import setuptools

setuptools.setup(
    name="tfx-two-stage-recommender",
    version="0.1.0",
    description="A declarative two-stage recommender on TFX",
    license="Apache-2.0",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.10",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
    python_requires=">=3.10,<3.11",
    packages=setuptools.find_packages(include=["pipeline*", "modules*", "schema*", "serving*"]),
    package_data={
        "pipeline": [
            "configs/*.yaml",
            "configs/examples/*.yaml",
            "ablation/plans/*.yaml",
            "tuning/spaces/*.yaml",
            "report/*.html",
            "report/*.css",
        ],
        "schema": ["*/*.pbtxt"],
        "serving": ["web/*", "deploy/*", "deploy/*/*"],
    },
    install_requires=[
        # The set that works together; requirements.lock pins everything below it.
        "tfx==1.16.0",
        "tensorflow==2.16.2",
        "tf-keras==2.16.0",
        "tensorflow-transform==1.16.0",
        "tensorflow-model-analysis==0.47.1",
        "tensorflow-data-validation==1.16.1",
        "ml-metadata==1.16.0",
        "tensorflow-serving-api==2.16.1",
        "grpcio-health-checking",
        "prometheus-client",
        "starlette",
        "uvicorn",
        "uvloop",
        "httptools",
        "fastapi",
        "httpx",
        "orjson",
        "redis",
        "tensorflow-recommenders==0.7.7",
        "apache-beam[gcp]==2.74.0",
        "scann==1.3.2",  # its op library loads only beside TensorFlow 2.16
        "dill",  # tensorflow-transform imports it; newer Beam no longer brings it
        "setuptools<81",  # tensorflow-hub imports pkg_resources, which newer ones dropped
        "numpy<2",
        "scipy",
        "keras-tuner",
        "scikit-learn",  # keras-tuner's Bayesian optimisation
        "pyarrow==10.0.1",
        "pyarrow-hotfix",  # else a Parquet file can run code (CVE-2023-47248)
        "pyyaml",
        "matplotlib",
        "jinja2",
        "tqdm",
        "psutil",
        "packaging",
        "duckdb",  # its sniffer of CSV reads the samples of `recsys dataset draft`
        "zstandard",
        "tzdata",
    ],
    extras_require={
        "dev": [
            "pytest",
            "pytest-xdist",
            "filelock",
            "ruff",
            "mypy",
            "pre-commit",
            "types-PyYAML",
            "build",
            "schemathesis",
            "playwright",
            "kubernetes-validate",
            "mkdocs>=1.6",
            "mkdocs-material",
            "mkdocstrings[python]",
            "pymdown-extensions<12",  # mkdocstrings calls the highlighter as it was before
        ]
    },
    entry_points={"console_scripts": ["recsys=pipeline.cli:main"]},
)
