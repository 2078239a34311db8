"""Sequences and batches, against the raw windows they come from."""

import numpy as np
import pytest
import tensorflow as tf

from modules import features
from modules.recall import input_data, trainer

DELTA = features.transformed_name(features.TIME_DELTA)


def _ids(transformed, names):
    vocabulary = [
        v.decode() for v in trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)
    ]
    return [vocabulary.index(name) + 1 for name in names]


def test_a_window_from_the_start_has_only_targets(transformed):
    found = list(transformed.sequences("train", transformed.settings()).as_numpy_iterator())
    for raw, sequence in zip(transformed.raw["train"][:-1], found):
        assert sequence[input_data.ITEMS].tolist() == _ids(transformed, raw["event_item_id"])
        assert sequence[input_data.TARGET_WEIGHT].tolist() == [1.0] * len(raw["event_item_id"])


def test_a_continued_window_gives_up_its_first_event_and_the_next_is_no_target(transformed):
    sequence = list(transformed.sequences("train", transformed.settings()).as_numpy_iterator())[-1]
    assert sequence[input_data.ITEMS].tolist() == _ids(transformed, [f"i{n}" for n in range(1, 6)])
    assert sequence[input_data.TARGET_WEIGHT].tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]
    assert sequence[DELTA].tolist() == [1] * 5  # also of the first that is left


def test_only_the_held_out_event_is_a_target_in_validation(transformed):
    for sequence in transformed.sequences("valid", transformed.settings()).as_numpy_iterator():
        assert sequence[input_data.TARGET_WEIGHT].tolist() == [0.0] * (len(sequence[DELTA]) - 1) + [
            1.0
        ]


def test_unknown_items_are_no_targets(transformed):
    settings = transformed.settings()
    unknown = _ids(transformed, ["i3"])[0]  # as if the vocabulary ended there
    found = input_data.sequences(
        [transformed.files["train"]],
        transformed.output.transformed_feature_spec(),
        transformed.layout(settings),
        unknown,
        only_last=False,
    )
    sequence = list(found.as_numpy_iterator())[-1]
    assert sequence[input_data.TARGET_WEIGHT].tolist() == [0.0, 1.0, 0.0, 1.0, 1.0]


def test_action_weights(transformed):
    settings = transformed.settings(training={"action_weights": {"buy": 3.0}})
    weights = trainer.action_weights(settings, transformed.output)
    found = next(
        iter(transformed.sequences("train", settings, action_weights=weights).as_numpy_iterator())
    )
    actions = transformed.raw["train"][0]["event_action_type"]
    expected = [3.0 if action == "buy" else 1.0 for action in actions]
    assert found[input_data.TARGET_WEIGHT].tolist() == expected


def test_events_weigh_what_their_column_says(transformed):
    settings = transformed.settings(training={"action_weights": {"buy": 3.0}})
    weights = trainer.action_weights(settings, transformed.output)
    found = list(
        transformed.sequences(
            "train", settings, event_weights=True, action_weights=weights
        ).as_numpy_iterator()
    )
    raw = transformed.raw["train"][0]
    expected = [
        weight * (3.0 if action == "buy" else 1.0)
        for weight, action in zip(raw["event_weight"], raw["event_action_type"])
    ]
    assert found[0][input_data.TARGET_WEIGHT].tolist() == expected
    # a continued window, whose first event is given up and whose next is no target
    whole = transformed.sequences("train", settings, event_weights=True).as_numpy_iterator()
    assert list(whole)[-1][input_data.TARGET_WEIGHT].tolist() == [0.0, 2.0, 3.0, 0.5, 1.0]


def _written(path, **values):
    """A file of one transformed training sequence of the tiny data set, and its reader."""
    example = tf.train.Example()
    for name, listed in values.items():
        example.features.feature[name].int64_list.value.extend(listed)
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        writer.write(example.SerializeToString())
    spec = {name: tf.io.RaggedFeature(tf.int64, name) for name in values}
    spec["window_start_xf"] = tf.io.FixedLenFeature([1], tf.int64)
    return spec


@pytest.mark.parametrize(
    ("start", "items", "expected"),
    [
        # 9 is unknown, and no target however often it comes
        (0, [3, 5, 3, 9, 3, 5, 9, 1], [1, 1, 0.25, 0, 0.25, 0.25, 0, 1]),
        # the first event of a continued window is given up, the next is history only
        (4, [3, 5, 3, 5, 3], [0, 1, 0.25, 0.25]),
        (0, [7] * 5, [1, 0.25, 0.25, 0.25, 0.25]),
        (0, [7], [1]),
    ],
    ids=["several", "continued", "one item only", "one event"],
)
def test_a_target_that_repeats_weighs_what_is_said(tmp_path, start, items, expected):
    layout = input_data.Layout((input_data.ITEMS,), (), {}, (), max_history=8)
    path = tmp_path / "examples"
    spec = _written(
        path, **{input_data.ITEMS: items, input_data.SEEN: [1], "window_start_xf": [start]}
    )

    def weights(**options):
        found = input_data.sequences([str(path)], spec, layout, 9, only_last=False, **options)
        (sequence,) = found.as_numpy_iterator()
        return sequence[input_data.TARGET_WEIGHT].tolist()

    assert weights(repeat_weight=0.25) == expected
    assert weights() == [float(weight > 0) for weight in expected]


@pytest.mark.parametrize("items", [[3, 5, 3, 0, 5, 3], [4], []], ids=["some", "one", "none"])
def test_repeated_by_hand(items):
    expected = [item in items[:place] for place, item in enumerate(items)]
    assert input_data.repeated(tf.constant(items, tf.int64)).numpy().tolist() == expected


def test_moments_by_hand():
    """Of two rows of four events; the delta of an event is the time since the one before."""
    items = tf.ones([2, 4], tf.int64)
    timed = {input_data.ITEMS: items, DELTA: tf.constant([[0, 0, 5, 0], [7, 0, 0, 1]], tf.int64)}
    assert input_data.moments(timed).numpy().tolist() == [[0, 0, 1, 1], [6, 6, 6, 7]]
    assert input_data.moments({input_data.ITEMS: items}).numpy().tolist() == [
        [1, 2, 3, 4],
        [6, 7, 8, 9],
    ]


def test_no_model_sees_the_weight(transformed):
    layout = transformed.layout(transformed.settings())
    held = (*layout.events, *layout.scalars, *layout.vectors, *layout.lists)

    assert features.event_weight(transformed.settings().data) is not None
    assert features.transformed_name(features.EVENT_WEIGHT) not in held


def test_ties_that_are_shuffled_keep_their_weights(transformed):
    layout = transformed.layout(transformed.settings())
    delta = tf.zeros([50], tf.int64)
    example = {name: tf.range(50) for name in layout.events} | {
        DELTA: delta,
        input_data.TARGET_WEIGHT: tf.range(1.0, 51.0),
    }

    moved = input_data.shuffle_ties(example, layout, tf.constant([1, 2]))

    assert moved[input_data.ITEMS].numpy().tolist() != list(range(50))
    np.testing.assert_array_equal(
        moved[input_data.TARGET_WEIGHT], moved[input_data.ITEMS].numpy() + 1
    )


def test_action_weights_of_an_unknown_action_are_refused(transformed):
    settings = transformed.settings(training={"action_weights": {"bye": 3.0}})
    with pytest.raises(ValueError, match=r"training\.action_weights\.bye: .* Did you mean 'buy'\?"):
        trainer.action_weights(settings, transformed.output)


def test_an_epoch_holds_every_target_once_and_follows_from_seed_and_epoch(transformed):
    settings = transformed.settings()
    examples, layout = (
        transformed.sequences("train", settings).cache(),
        transformed.layout(settings),
    )

    def items(epoch):
        batches = input_data.training_batches(examples, layout, settings.training, epoch)
        return [b[input_data.ITEMS].tolist() for b in batches.as_numpy_iterator()]

    assert items(1) == items(1)
    assert items(1) != items(2)
    everything = sorted(i for batch in items(1) for row in batch for i in row if i)
    assert everything == sorted(
        i for e in examples.as_numpy_iterator() for i in e[input_data.ITEMS].tolist()
    )


def test_summary(transformed):
    settings = transformed.settings()
    examples, layout = transformed.sequences("train", settings), transformed.layout(settings)
    summary = input_data.summarise(examples, layout, 20, rows=14)
    names = [n for raw in transformed.raw["train"][:-1] for n in raw["event_item_id"]]
    expected = np.bincount(_ids(transformed, [*names, "i2", "i3", "i4", "i5"]), minlength=14)
    assert summary.counts.tolist() == expected.tolist()
    batches = input_data.training_batches(examples, layout, settings.training, 0)
    assert summary.steps == sum(1 for _ in batches)


def test_batches_pad_lists_with_minus_one(transformed):
    settings = transformed.settings()
    batch = transformed.batch(settings)
    hobbies = batch["user_hobbies_xf"].numpy()
    assert sorted(map(sorted, hobbies.tolist())) != []
    assert (hobbies == -1).any()
    assert (hobbies >= 0).any()


def test_a_batch_holds_no_more_sequences_than_asked(transformed):
    settings = transformed.settings()
    examples, layout = transformed.sequences("valid", settings), transformed.layout(settings)

    def rows(most):
        found = list(input_data.batches(examples, layout, 10_000, most).as_numpy_iterator())
        return [len(batch[input_data.ITEMS]) for batch in found]

    assert rows(None) == [8]
    assert rows(3) == [3, 3, 2]


def test_shuffled_ties_keep_the_seconds_together(transformed):
    settings = transformed.settings()
    layout = transformed.layout(settings)
    example = next(iter(transformed.sequences("train", settings)))
    example |= {name: tf.cast(tf.range(10, 15), example[name].dtype) for name in layout.events}
    # events 10, 11, 12 of one second, then 13, 14
    example[DELTA] = tf.constant([5, 0, 0, 7, 0], tf.int64)
    # 10 opens a continued window
    example[input_data.TARGET_WEIGHT] = tf.constant([0.0, 1.0, 1.0, 1.0, 1.0])
    orders = set()
    for seed in range(20):
        moved = input_data.shuffle_ties(example, layout, tf.constant([seed, 0]))
        assert moved[DELTA].numpy().tolist() == [5, 0, 0, 7, 0]
        assert moved[input_data.TARGET_WEIGHT].numpy().tolist() == [0.0, 1.0, 1.0, 1.0, 1.0]
        assert moved["event_rating_xf"].numpy().tolist() == moved[input_data.ITEMS].numpy().tolist()
        orders.add(tuple(moved[input_data.ITEMS].numpy().tolist()))
    assert orders == {
        (10, 11, 12, 13, 14),
        (10, 12, 11, 13, 14),
        (10, 11, 12, 14, 13),
        (10, 12, 11, 14, 13),
    }


def test_missing_files_are_named():
    with pytest.raises(ValueError, match=r"No transformed examples match \['/nowhere/\*'\]"):
        input_data.read_examples(["/nowhere/*"], {}, [])


def test_catalogue_rows_are_the_vocabulary_s(transformed):
    catalogue = transformed.catalogue(transformed.settings())
    order = [int(name.decode().removeprefix("i")) for name in catalogue.ids]
    prices = np.arange(12.0)
    expected = (prices[order] - prices.mean()) / prices.std()
    np.testing.assert_allclose(catalogue.features["item_price_xf"][1:-1], expected, atol=1e-5)
    tags = catalogue.features["item_tags_xf"]
    assert tags.shape == (14, 2)
    counts = [{0: 1, 1: 1, 2: 2}[n % 3] for n in order]  # without tags: the column's default
    assert (tags[1:-1] >= 0).sum(axis=1).tolist() == counts
    assert tags[0].tolist() == tags[-1].tolist() == [-1, -1]


def test_the_unknown_item_has_what_transform_gives_for_unknown_values(transformed):
    found = transformed.catalogue(transformed.settings()).features
    assert set(found["item_brand_xf"][1:-1]) == {0, 1}  # brands a and b
    for row in (0, 13):
        assert found["item_brand_xf"][row] == 2
        assert found["item_price_xf"][row] == 0.0
        assert found["item_image_xf"][row].tolist() == [0.0, 0.0, 0.0]
