"""Reading .webp in the graph, with TensorFlow's decoder or tensorflow-io's, whichever this environment has."""

from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tf_lowdef.webp.reader as reader

pytestmark = pytest.mark.skipif(
    not hasattr(tf.io, "decode_webp") and pytest.importorskip("tensorflow_io", reason="no WebP decoder") is None,
    reason="no WebP decoder",
)


def webp(mode="RGB", **options):
    pixels = np.random.default_rng(0).integers(0, 256, (17, 23, len(mode)), np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", exact=True, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_equals_pillow_in_tf_data(mode, lossless, tmp_path):
    (tmp_path / "image.webp").write_bytes(webp(mode, lossless=lossless))
    expected = np.asarray(Image.open(tmp_path / "image.webp").convert(mode))[..., :3]
    files = tf.data.Dataset.list_files(str(tmp_path / "*.webp")).map(reader.read_webp)
    assert files.element_spec == tf.TensorSpec((None, None, 3), tf.uint8)
    (pixels,) = files
    np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("contents", [b"", b"RIFF", webp()[:40]], ids=["empty", "short", "cut"])
def test_damaged_bytes_are_an_error(contents):
    with pytest.raises(tf.errors.InvalidArgumentError):
        reader.decode_webp(contents)


def test_missing_file_is_an_error(tmp_path):
    with pytest.raises(tf.errors.NotFoundError):
        reader.read_webp(str(tmp_path / "none.webp"))


def test_no_decoder_says_what_to_install(monkeypatch):
    monkeypatch.delattr(tf.io, "decode_webp", raising=False)
    monkeypatch.setitem(__import__("sys").modules, "tensorflow_io", None)
    with pytest.raises(ImportError, match=r"pip install tf_lowdef\[tfio\]"):
        reader.decode_webp(webp())
