import numpy as np
import pytest
from PIL import Image

import tf_lowdef.data.class_folders as sources
from tf_lowdef.data.image_data import resize
from tf_lowdef.data.load import load_data


def write_image(path, value=0, size=(6, 5)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value,) * 3).save(path)


def test_csv(csv_data, dataset):
    data = load_data(csv_data, None)
    images, labels = dataset
    assert data.names[3] == "images/03"
    np.testing.assert_array_equal(data.labels, labels)
    pixels, failed = data.read_batch(range(20))
    np.testing.assert_array_equal(pixels, images)
    assert not failed


def test_files_are_resized_as_pillow_does(csv_data, dataset):
    pixels = load_data(csv_data, (30, 40)).read(1)
    expected = Image.fromarray(dataset[0][1]).resize((40, 30), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(pixels, np.asarray(expected))
    assert resize(pixels, (30, 40)) is pixels


def test_class_folders_by_index(tmp_path):
    for name, value in [("2/b.png", 1), ("10/a.png", 2), ("10/deep/a.png", 3), ("2/._b.png", 9)]:
        write_image(tmp_path / name, value)
    data = load_data(tmp_path, None)
    assert dict(zip(data.names, data.labels.tolist(), strict=True)) == {"10/a": 10, "10/deep/a": 10, "2/b": 2}


def test_class_folders_by_wnid(tmp_path, monkeypatch):
    index = {"n01440764": 0, "n02793495": 425}
    monkeypatch.setattr(sources, "_wnid_index", lambda source, names: index)
    for wnid in index:
        write_image(tmp_path / wnid / "a.png")
    assert load_data(tmp_path, None).labels.tolist() == [0, 425]
    write_image(tmp_path / "n99999999" / "a.png")
    with pytest.raises(ValueError, match="n99999999: not one of ImageNet's 1000 classes"):
        load_data(tmp_path, None)


def test_a_thousand_wnids_need_no_table(tmp_path):
    names = [f"n{number:08d}" for number in range(1000)]
    for name in names:
        (tmp_path / name).mkdir()
    write_image(tmp_path / "n00000007" / "a.png")
    assert load_data(tmp_path, None).labels.tolist() == [7]


def test_names_are_unique_and_stay_inside(tmp_path):
    for name in ("a.png", "a.jpg", "b.png"):
        write_image(tmp_path / "data" / name)
    rows = ["a.png,0", "a.jpg,1", "b.png,2", "b.png,2", "../data/b.png,2", f"{tmp_path}/data/b.png,3"]
    (tmp_path / "data" / "list.csv").write_text("file,label\n" + "\n".join(rows) + "\n")
    names = load_data(tmp_path / "data" / "list.csv", None).names
    assert len(set(names)) == 6
    assert names[:4] == ["a.png", "a.jpg", "b.png", "b.png-2"]
    assert not any(name.startswith("/") or ".." in name for name in names)


def test_names_are_no_folders_of_others(tmp_path):
    write_image(tmp_path / "0" / "a.jpg")
    write_image(tmp_path / "0" / "a.png" / "b.png")
    assert sorted(load_data(tmp_path, None).names) == ["0/a-2", "0/a.png/b"]


def test_linked_classes_and_images_are_followed(tmp_path):
    write_image(tmp_path / "elsewhere" / "a.png")
    write_image(tmp_path / "elsewhere" / "deep" / "c.png")
    write_image(tmp_path / "data" / "cat" / "b.png")
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "cat" / "linked.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "elsewhere" / "round").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "whole").symlink_to(tmp_path)
    data = load_data(tmp_path / "data", None)
    assert data.names == ["cat/b", "cat/linked", "dog/a", "dog/deep/c"]
    assert (data.labels.tolist(), data.class_names) == ([0, 0, 1, 1], ("cat", "dog"))


def test_digest_tells_images_and_labels_apart(dataset, csv_data):
    images, labels = dataset
    every = range(20)
    sources = [(images, labels), (images, labels[::-1]), (images[::-1], labels), csv_data]
    digests = {load_data(source, None).digest(every) for source in sources}
    digests.add(load_data((images, labels), None).digest(range(19)))
    assert len(digests) == 5
    assert load_data((images.copy(), labels.copy()), None).digest(every) in digests


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png,1\n", "columns file,label. Received: path,label"),
        ("", "columns file,label. Received: $"),
        (
            "file,label\na.png,one\n",
            "line 2: the label must be a 0-based class index, or a name in a file .* Received: 'one'",
        ),
        ("file,label\na.png,-1\n", "line 2: the label .* Received: '-1'"),
        ("file,label\na.png\n", "line 2: the label .* Received: None"),
        ("file,label\n,3\n", "line 2: no file is named"),
        ("file,label\n.,3\n", "line 2: no file is named"),
        ("file,label\na.png,10000000000000000000000\n", "line 2: the label"),
        ("file,label\n", "holds no labelled images"),
    ],
)
def test_bad_csv_is_named(text, message, tmp_path):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ValueError, match=f"list.csv.*{message}"):
        load_data(tmp_path / "list.csv", None)


def test_other_bad_data_is_named(tmp_path, dataset):
    images, labels = dataset
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        load_data(tmp_path / "nowhere", None)
    with pytest.raises(ValueError, match="expected class folders"):
        load_data(tmp_path, None)
    (tmp_path / "cats").mkdir()
    with pytest.raises(ValueError, match="holds no labelled images"):
        load_data(tmp_path, None)
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ValueError, match="is not a CSV"):
        load_data(tmp_path / "list.csv", None)
    with pytest.raises(ValueError, match="Received: int"):
        load_data(3, None)
    with pytest.raises(ValueError, match=r"`labels` must have the shape \(20,\).* Received: shape=\(19,\)"):
        load_data((images, labels[1:]), None)
    with pytest.raises(ValueError, match="takes images of 32 x 32"):
        load_data((images, labels), (32, 32))
