"""Scaled numbers: the z-score by NumPy where nothing lies far out, and what one absurd value does.

Quantiles of the expected values are those of NumPy, the least value that so large a share of the
values does not exceed.
"""

from __future__ import annotations

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from numpy import typing as npt
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from modules import columns, scaling

Array = npt.NDArray[np.float64]

RNG = np.random.default_rng(1)
MANY = 50_000
FIFTY, NORMAL = np.arange(50.0), RNG.normal(size=MANY)
YEARS = np.concatenate([RNG.integers(1990, 1999, 900), RNG.integers(1922, 1990, 100)]).astype(float)
PRICES = RNG.lognormal(size=MANY)
MOSTLY_0 = np.where(np.arange(MANY) % 5, 0, PRICES)
FLAGS = np.where(np.arange(MANY) % 100, 0.0, 1.0)


def replaced(values: npt.ArrayLike, number: float) -> Array:
    """The values with another last one."""
    return np.append(np.asarray(values, np.float64)[:-1], number)


def z_score(values: Array, of: Array | None = None) -> Array:
    of = values if of is None else of
    return (values - of.mean()) / of.std()


def robust(values: npt.ArrayLike, asked: Array | None = None) -> Array:
    """The values scaled by themselves, or `asked` by them."""
    values = np.asarray(values, np.float64)
    shares = np.arange(1, scaling.BUCKETS) / scaling.BUCKETS
    quantiles = np.quantile(values, shares, method="inverted_cdf")
    by = scaling.Scale.robust(  # of the second of two features
        tf.constant([0 * quantiles, quantiles], tf.float32),
        tf.constant([0, values.mean()], tf.float64),
        tf.constant([0, values.var()], tf.float64),
    )
    found: Array = by(tf.constant(values if asked is None else asked, tf.float32), 1).numpy()
    return found


@pytest.mark.parametrize("values", [FIFTY, NORMAL, YEARS, FLAGS, [1.0, 3.0], [7.0, 7.0, 7.0, 8.0]])
def test_without_outliers_it_is_the_z_score(values: Array) -> None:
    np.testing.assert_allclose(robust(values), z_score(np.array(values)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("values", [PRICES, MOSTLY_0])
def test_tails_that_grow_steadily_are_followed(values: Array) -> None:
    apart = np.abs(robust(values) - z_score(values)) > 1e-4

    assert apart.mean() < 0.001


@pytest.mark.parametrize("number", [1e15, 1e30])
def test_an_outlier_among_fifty_comes_onto_the_fence(number: float) -> None:
    # One in 32 lies outside of 1 and 48, one in 64 of 0 and the outlier, which is out of reach: the
    # range is 0 to 48, and the fences -48 and 96. A quantile in 50 stands for each value.
    np.testing.assert_allclose(
        robust(replaced(FIFTY, number)), z_score(replaced(FIFTY, 96)), rtol=0.02, atol=0.02
    )
    np.testing.assert_allclose(
        robust(replaced(FIFTY, -number)), z_score(replaced(FIFTY, -48)), rtol=0.02, atol=0.02
    )


@pytest.mark.parametrize("values", [NORMAL, YEARS, PRICES, MOSTLY_0, np.round(NORMAL)])
@pytest.mark.parametrize("number", [1e15, -1e30])
def test_an_outlier_among_many_leaves_the_others_apart(values: Array, number: float) -> None:
    found, plain = robust(replaced(values, number))[:-1], robust(values)[:-1]

    assert 0.8 < found.std() / plain.std() < 1.2
    np.testing.assert_allclose(found, plain, rtol=0.2, atol=0.05)


def test_a_tenth_of_absurd_values_leaves_the_others_apart() -> None:
    absurd = np.arange(MANY) % 10 == 0
    found = robust(np.where(absurd, 1e30, NORMAL))

    assert found[~absurd].std() > 0.4  # of 1 without them


def test_five_values_are_enough_to_see_an_outlier() -> None:
    # The quartiles are 2 and 4, 1 is in reach: 1e30 becomes 4 + 3.
    expected = z_score(np.array([1, 2, 3, 4, 7.0]))

    np.testing.assert_allclose(robust([1, 2, 3, 4, 1e30]), expected, rtol=0.01, atol=0.01)


def test_what_hardly_ever_differs_is_left_and_limited() -> None:
    rare = np.where(np.arange(MANY) % 10_000, 2.0, 3.0)

    np.testing.assert_allclose(robust(rare), z_score(rare), rtol=1e-4)
    assert robust(rare, np.array([1e30, -1e30])).tolist() == [1000, -1000]
    # A lone absurd value among equal ones is one that differs.
    found = robust(replaced(np.full(MANY, 2.0), 1e30))
    assert found[-1] == pytest.approx(np.sqrt(MANY), rel=1e-3)
    assert found[0] == pytest.approx(-1 / np.sqrt(MANY), rel=1e-3)


SCALED: dict[str, tuple[Array, columns.Scaling, Array]] = {  # what is analysed, how, what is asked
    "fifty": (FIFTY, "robust", np.array([0, 49, 1e30, -1e30])),
    "absurd": (replaced(NORMAL, 1e30), "robust", NORMAL[:9]),
    "z_score": (replaced(FIFTY, 1e15), "z_score", replaced(FIFTY, 1e15)),
    "huge": (replaced(FIFTY, 1e30), "z_score", FIFTY),
    "constant": (np.full(9, 7.0), "robust", np.array([7, 1e30, -3])),
    "none": (np.zeros(0), "robust", np.array([5, 1e30])),
}


@pytest.fixture(scope="module")
def scaled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, npt.NDArray[np.float32]]:
    """What the Transform graph of `SCALED` gives for what is asked."""
    folder = tmp_path_factory.mktemp("scaling")
    spec = dict.fromkeys(SCALED, tf.io.RaggedFeature(tf.float32, row_splits_dtype=tf.int64))
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(spec))

    def function(inputs: dict[str, tf.RaggedTensor]) -> dict[str, scaling.Numeric]:
        numbers = {
            f"{name}_xf": scaling.Numbers(inputs[name], inputs[name].flat_values, kind)
            for name, (_, kind, _) in SCALED.items()
        }
        return scaling.scale(numbers)

    rows = [{name: analysed for name, (analysed, _, _) in SCALED.items()}]
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "beam")):
        graph = (pipeline | beam.Create(rows), metadata) | tft_beam.AnalyzeDataset(function)
        _ = graph | tft_beam.WriteTransformFn(str(folder / "graph"))
    layer = tft.TFTransformOutput(str(folder / "graph")).transform_features_layer()
    asked = {
        name: tf.ragged.constant([values], tf.float32, row_splits_dtype=tf.int64)
        for name, (_, _, values) in SCALED.items()
    }
    return {name.removesuffix("_xf"): found[0].numpy() for name, found in layer(asked).items()}


def test_the_graph_pulls_in_what_is_served_by_the_fences_of_training(
    scaled: dict[str, npt.NDArray[np.float32]],
) -> None:
    expected = z_score(np.array([0, 49, 98, -49.0]), FIFTY)  # one range outside of 0 to 49

    np.testing.assert_allclose(scaled["fifty"], expected, rtol=1e-5)


def test_the_graph_keeps_values_apart_beside_an_absurd_one(
    scaled: dict[str, npt.NDArray[np.float32]],
) -> None:
    np.testing.assert_allclose(scaled["absurd"], z_score(NORMAL)[:9], atol=0.01)


def test_the_graph_gives_plain_z_scores_where_they_are_asked_for(
    scaled: dict[str, npt.NDArray[np.float32]],
) -> None:
    expected = z_score(replaced(FIFTY, 1e15))

    np.testing.assert_allclose(scaled["z_score"], expected, rtol=1e-5)
    np.testing.assert_allclose(scaled["huge"], np.full(50, -1 / 7), rtol=1e-5)  # no overflow


@pytest.mark.parametrize("name", ["constant", "none"])
def test_the_graph_gives_0_where_nothing_varied(
    scaled: dict[str, npt.NDArray[np.float32]], name: str
) -> None:
    assert not scaled[name].any()
