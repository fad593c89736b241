"""What people reported of other ways to serve Keras models, tried here."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef import FlipLayer, serving
from tf_lowdef.serving.samples import encode, make_samples

SIZE = 16


@pytest.fixture(scope="module")
def model():
    """With a normalisation that has learnt something, and a dropout: both do otherwise in training."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((SIZE, SIZE, 3)),
        FlipLayer(),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 3),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3),
    ]
    model = keras.Sequential(layers)
    norm = model.get_layer("norm")
    norm.set_weights([np.full(4, 2.0), np.full(4, -1.0), np.full(4, 0.3), np.full(4, 0.2)])
    return model


@pytest.fixture(scope="module")
def signatures(model, tmp_path_factory):
    root = tmp_path_factory.mktemp("reports") / "model"
    serving.export(model, root)
    return tf.saved_model.load(str(root / "1")).signatures


def files(count):
    return [encode(Image.fromarray(make_samples((SIZE, SIZE), seed)[2]), "PNG") for seed in range(count)]


def test_layers_are_at_inference(model, signatures):
    """tensorflow/serving#602 (dropout), #1266 and keras-team/keras#7848 (batch normalisation in training)."""
    pixels = make_samples((SIZE, SIZE), seed=9).astype(np.float32)
    answers = [signatures["serving_default"](pixels=tf.constant(pixels))["logits"].numpy() for _ in range(2)]
    np.testing.assert_array_equal(*answers)
    np.testing.assert_allclose(answers[0], model.predict(pixels, verbose=0), atol=1e-5)


def test_each_image_of_a_batch_has_its_own_answer(signatures):
    """tensorflow/serving#886 (only the first is right), #1670 (NaN from the second on)."""
    batch = files(5)
    together = signatures["serving_bytes"](image_bytes=tf.constant(batch))["logits"].numpy()
    alone = [signatures["serving_bytes"](image_bytes=tf.constant([each]))["logits"].numpy()[0] for each in batch]
    np.testing.assert_allclose(together, np.stack(alone), atol=1e-6)
    assert len({row.tobytes() for row in together}) == 5


def test_every_output_has_a_row_an_image(signatures):
    """emedvedev/attention-ocr#116: "Batched output tensor has 0 dimensions" for a request of one."""
    for count in (1, 3):
        for each in signatures["serving_bytes"](image_bytes=tf.constant(files(count))).values():
            assert each.shape.rank >= 1
            assert each.shape[0] == count


def test_text_that_was_meant_to_be_decoded_is_marked(signatures):
    """tensorflow/tensorflow#29061: base64 that arrives as text, beside a good file."""
    (file,) = files(1)
    sent = tf.constant([tf.io.encode_base64(file).numpy(), b"A" * 400, file])
    assert signatures["serving_bytes"](image_bytes=sent)["valid"].numpy().tolist() == [False, False, True]
