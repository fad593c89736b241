"""Data as people have them."""

import numpy as np
import pytest
from PIL import Image

from tf_lowdef.data.load import load_data
from tf_lowdef.results.classes import describe_classes


def class_folders(folder, names):
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (6, 5), (number,) * 3).save(folder / name / "a.png")
    return folder


def test_class_folders_by_name_are_those_of_keras(tmp_path):
    import keras

    folder = class_folders(tmp_path, ["zebra", "Ant", "bee", "10", "9"])
    (folder / "empty").mkdir()
    expected = keras.utils.image_dataset_from_directory(folder, batch_size=None, shuffle=False, image_size=(5, 6))
    data = load_data(folder)
    assert list(data.class_names) == expected.class_names
    assert data.labels.tolist() == [int(label) for _, label in expected]
    assert describe_classes(data.class_names) == "0 10, 1 9, 2 Ant, 3 bee, 4 empty, 5 zebra"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "dog\ncat\nbird\n\n"),
        ("labels.json", '["dog", "cat", "bird"]'),
        ("indices.json", '{"cat": 1, "bird": 2, "dog": 0}'),
        ("names.json", '{"0": "dog", "2": "bird", "1": "cat"}'),
    ],
)
def test_a_file_of_labels_gives_another_order(name, text, tmp_path):
    folder = class_folders(tmp_path / "data", ["cat", "dog"])
    (tmp_path / name).write_text(text)
    data = load_data(folder, classes=3, labels=tmp_path / name)
    assert (data.labels.tolist(), data.class_names) == ([1, 0], ("dog", "cat", "bird"))
    (tmp_path / "list.csv").write_text("file,label\ndata/cat/a.png,cat\ndata/dog/a.png,2\n")
    data = load_data(tmp_path / "list.csv", labels=tmp_path / name)
    assert (data.labels.tolist(), data.class_names) == ([1, 2], ("dog", "cat", "bird"))
    by_index = class_folders(tmp_path / "numbers", ["0", "2"])
    assert load_data(by_index, labels=tmp_path / name).class_names == ("dog", "cat", "bird")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.txt", "", "holds no class names"),
        ("l.txt", "cat\n\ndog", "class 1 has no name"),
        ("l.json", '{"cat": 1, "dog": 2}', "names and indices from 0 on"),
        ("l.json", "[1]", "expected a JSON list"),
        ("l.json", "[", "is no JSON"),
        ("l.txt", "cat\nbird\n", r"\(cat, bird ...\) does not say which 'dog' is: it is not there"),
        ("l.txt", "ant\nbird\n", r"\(ant, bird ...\) does not say which 'cat' is: it is not there"),
        ("l.txt", "cat\ndog\nant\n", "names 3 classes, and the model has 2 outputs"),
    ],
)
def test_bad_files_of_labels_are_named(name, text, message, tmp_path):
    folder = class_folders(tmp_path / "data", ["cat", "dog"])
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        load_data(folder, classes=2, labels=tmp_path / name)


def test_classes_must_be_as_many_as_the_model_has(tmp_path):
    folder = class_folders(tmp_path / "data", ["cat", "dog"])
    with pytest.raises(ValueError, match=r"holds 2 class folders \(cat, dog .*has 10 outputs.*--labels FILE"):
        load_data(folder, classes=10)
    wnids = class_folders(tmp_path / "nette", ["n03000684", "n01440764"])
    data = load_data(wnids, classes=2)
    assert data.labels.tolist() == [0, 1]
    assert data.class_names == ("n01440764", "n03000684")
    with pytest.raises(ValueError, match="parts of a data set, test, train; give one of them"):
        load_data(class_folders(tmp_path / "parts", ["train", "test"]), classes=2)


def test_two_classes_of_one_name_do_no_harm_where_nobody_asks_for_them(tmp_path):
    """ImageNet has two cranes, and two kinds of maillot."""
    folder = class_folders(tmp_path / "data", ["cat", "dog"])
    (tmp_path / "names.txt").write_text("dog\ncrane\ncrane\ncat\n")
    data = load_data(folder, classes=4, labels=tmp_path / "names.txt")
    assert (data.labels.tolist(), data.class_names) == ([3, 0], ("dog", "crane", "crane", "cat"))
    (tmp_path / "list.csv").write_text("file,label\ndata/cat/a.png,crane\n")
    with pytest.raises(ValueError, match=r"line 2: .*'crane' is: it stands there twice, as class 1 and class 2"):
        load_data(tmp_path / "list.csv", labels=tmp_path / "names.txt")


def test_a_column_of_a_csv_names_classes(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text('file,label,human_label\na.png,2,barn\nb.png,4,"cliff, drop"\nc.png,2,barn\nd.png,3,\n')
    assert load_data(table).class_names == (None, None, "barn", None, "cliff, drop")
    assert describe_classes(load_data(table).class_names) == "2 barn, 4 cliff, drop"
    table.write_text("file,label,name\na.png,2,first\nb.png,2,second\n")  # of images
    assert load_data(table).class_names is None
    table.write_text("file,label\na.png,425\n")
    assert load_data(table).class_names is None


def test_grey(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (7, 9), np.uint8)
    (tmp_path / "0").mkdir()
    Image.fromarray(values).save(tmp_path / "0" / "grey.png")
    np.testing.assert_array_equal(load_data(tmp_path, channels=1).read(0)[..., 0], values)
    expected = Image.fromarray(values).resize((5, 4), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(load_data(tmp_path, (4, 5), channels=1).read(0)[..., 0], np.asarray(expected))
    colours = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    Image.fromarray(colours).save(tmp_path / "0" / "grey.png")
    expected = np.asarray(Image.fromarray(colours).convert("L"))
    np.testing.assert_array_equal(load_data(tmp_path, channels=1).read(0)[..., 0], expected)
    for images in (values[None], values[None, ..., None]):
        assert load_data((images, [0]), (7, 9), channels=1).read(0).shape == (7, 9, 1)


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((2, 4, 4, 4), 3, "alpha_composite"),
        ((2, 4, 4, 1), 3, "np.repeat"),
        ((2, 4, 5), 3, "np.repeat"),
        ((2, 4, 4, 3), 1, r"convert\('L'\)"),
        ((2, 4), 3, r"Received: shape=\(2, 4\)"),
    ],
)
def test_other_channels_are_refused_with_what_to_do(shape, channels, message):
    with pytest.raises(ValueError, match=message):
        load_data((np.zeros(shape, np.uint8), [0, 1]), channels=channels)


@pytest.mark.parametrize(
    ("value_range", "scale"),
    [((0, 1), lambda x: x / 255), ((-1, 1), lambda x: x / 127.5 - 1), (None, lambda x: x * 1.0)],
)
def test_floats_in_a_said_range(value_range, scale, dataset):
    images, labels = dataset
    for dtype in (np.float32, np.float64):
        with pytest.warns(UserWarning, match="are rounded to 8 bits") as warned:
            data = load_data((scale(images).astype(dtype), labels), value_range=value_range)
        assert len(warned) == 1
        np.testing.assert_array_equal(data.read_batch(range(20))[0], images)
    with pytest.raises(ValueError, match="Float images need a range that holds them: pass value_range"):
        load_data((images / 255, labels))
    with pytest.raises(ValueError, match=r"value_range=\(0, 1\)$"):
        load_data((images * 1.0, labels), value_range=(0, 1))


def test_other_integers_are_pixels(dataset):
    images, labels = dataset
    np.testing.assert_array_equal(load_data((images.astype(np.int64), labels)).read(3), images[3])
    with pytest.raises(ValueError, match="Integers must be pixels 0..255"):
        load_data((images.astype(np.int64) - 100, labels))


LABELS = [
    lambda y: y[:, None],
    lambda y: np.eye(4)[y],
    lambda y: np.eye(4, dtype=int)[y],
    lambda y: y.astype(np.float32),
    lambda y: y.astype(np.uint8)[:, None],
    lambda y: y.tolist(),
]


@pytest.mark.parametrize("form", LABELS)
def test_labels_as_people_have_them(form, dataset):
    images, labels = dataset
    np.testing.assert_array_equal(load_data((images, form(labels))).labels, labels)
    import tensorflow as tf

    given = tf.data.Dataset.from_tensor_slices((images, form(labels)))
    for data in (given, given.batch(3)):
        np.testing.assert_array_equal(load_data(data).labels, labels)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.full((20, 4), 0.25), ValueError, "must be one-hot.*image 0"),
        (np.ones((20, 4)), ValueError, "must be one-hot"),
        (np.full(20, 0.5), ValueError, "whole numbers.*Received: 0.5"),
        (np.array(["cat"] * 20), TypeError, r"names\?"),
        (np.zeros((20, 1, 1)), ValueError, "must have the shape"),
    ],
)
def test_other_labels_are_named(labels, error, message, dataset):
    with pytest.raises(error, match=message):
        load_data((dataset[0], labels))


@pytest.mark.parametrize("batch", [None, 1, 6])
def test_a_dataset_of_tensorflow(batch, dataset):
    import tensorflow as tf

    images, labels = dataset
    given = tf.data.Dataset.from_tensor_slices((images, labels))
    given = given if batch is None else given.batch(batch)
    data = load_data(given, (24, 24))
    assert len(data) == 20
    np.testing.assert_array_equal(data.labels, labels)
    for order in (range(20), [3, 10, 0], [19]):
        found, failed = data.read_batch(list(order))
        assert failed == {}
        np.testing.assert_array_equal(found, images[list(order)])
    assert data.digest([3, 1]) == load_data(given).digest([3, 1]) != data.digest([1, 3])
    weighted = given.map(lambda image, label: (image, label, 1.0))
    named = given.map(lambda image, label: {"label": label, "image": image})
    for other in (weighted, named):
        np.testing.assert_array_equal(load_data(other).read(5), images[5])
    floats = given.map(lambda image, label: (tf.cast(image, tf.float32) / 255, label))
    with pytest.warns(UserWarning, match="rounded to 8 bits"):
        np.testing.assert_array_equal(load_data(floats, value_range=(0, 1)).read(5), images[5])
    with pytest.raises(ValueError, match="pass value_range"):
        load_data(floats)


def test_class_names_of_a_keras_dataset_travel(tmp_path):
    import keras

    folder = class_folders(tmp_path, ["zebra", "ant"])
    given = keras.utils.image_dataset_from_directory(folder, image_size=(5, 6), shuffle=False)
    with pytest.raises(ValueError, match="need a range"):
        load_data(given)  # all but black: 0 and 1
    with pytest.warns(UserWarning, match="rounded to 8 bits"):
        data = load_data(given, value_range=(0, 255))
    assert (data.class_names, data.labels.tolist()) == (("ant", "zebra"), [0, 1])
    assert (data.read(0).max(), data.read(1).max()) == (1, 0)


def test_other_datasets_are_named(dataset):
    import tensorflow as tf

    given = tf.data.Dataset.from_tensor_slices(dataset)
    for wrong, message in [
        (given.repeat(), "has no end"),
        (given.shuffle(20), "another order, in each pass"),
        (given.map(lambda image, label: image), r"must be pairs \(image, label\)"),
        (given.map(lambda image, label: {"x": image}), "Received the keys: x"),
        (given.take(0), "holds no images"),
        (given.map(lambda image, label: (image[0, 0, 0], label)), "must hold images of shape"),
        (given.batch(2).batch(2), "must hold images of shape"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_data(wrong)
    with pytest.raises(ValueError, match="takes images of 32 x 32"):
        load_data(given, (32, 32))


class Rows(list):
    """As a split of Hugging Face's ``datasets``."""

    class _Label:
        names = ("ant", "bee", "cat", "dog")

    features = {"img": None, "label": _Label}  # noqa: RUF012

    def __getitem__(self, key):
        return [row[key] for row in self] if isinstance(key, str) else super().__getitem__(key)


def test_rows_with_pictures(dataset):
    images, labels = dataset
    rows = [{"img": Image.fromarray(image), "label": int(label)} for image, label in zip(images, labels, strict=True)]
    for given, names in ((Rows(rows), ("ant", "bee", "cat", "dog")), (rows, None)):
        data = load_data(given)
        np.testing.assert_array_equal(data.labels, labels)
        np.testing.assert_array_equal(data.read_batch(range(20))[0], images)
        assert data.class_names == names
    assert load_data(Rows(rows), (8, 9)).read(0).shape == (8, 9, 3)
    assert load_data(Rows(rows), (8, 9), channels=1).read(0).shape == (8, 9, 1)
    assert data.digest([1, 2]) == load_data(Rows(rows)).digest([1, 2]) != data.digest([2, 1])
    with pytest.raises(ValueError, match="column of class indices .* Received the columns: img, target"):
        load_data([{"img": rows[0]["img"], "target": 1}])
    with pytest.raises(ValueError, match="parts of a data set, train, test; give one of them"):
        load_data({"train": rows, "test": rows})


def test_data_that_were_loaded_pass(dataset):
    data = load_data(dataset)
    assert load_data(data) is data
