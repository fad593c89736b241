"""What the paper argues with, measured: moved perturbations, blocks, draws."""

import keras
import numpy as np
import pytest

from tf_lowdef import load_demo
from tf_lowdef.results.table import markdown_table
from tf_lowdef.studies import block_study, blockiness, cam_table, draw_study, perturbation_study
from tf_lowdef.studies.cam_study import CamRow


@pytest.fixture(scope="module")
def some():
    model, images, labels = load_demo()
    return model, images[::20], labels[::20]


def accuracy(text):
    return float(text.split()[0])


def test_a_perturbation_does_harm_where_it_was_made_and_not_when_subtracted(some):
    table = perturbation_study(*some, "bim:4")
    found = {name: accuracy(text) for name, text in table.rows}
    assert found["as the attack made it"] <= 10
    assert found["subtracted"] >= 90
    assert found["mirrored left-right"] > found["as the attack made it"]
    assert perturbation_study(*some, "bim:4") == table


def test_blockiness():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
    assert blockiness(noise) == pytest.approx(1, abs=0.05)
    blocks = np.kron(rng.integers(0, 200, (1, 8, 8, 1)), np.ones((1, 8, 8, 3))).astype(np.uint8)
    assert np.isnan(blockiness(blocks))
    softened = (blocks + rng.integers(0, 5, blocks.shape)).astype(np.uint8)
    assert blockiness(softened) > 5
    assert blockiness(softened, 16) > blockiness(noise, 16)
    with pytest.raises(ValueError, match="larger than a block of 8 pixels"):
        blockiness(noise[:, :8])


def test_jpeg_leaves_a_grid_of_eight(some):
    table = block_study(some[1], ["none", "jpeg:60", "webp:60"])
    assert table.columns == ["codec", "PSNR, dB", "grid of 4", "grid of 8", "grid of 16"]
    found = {row[0]: row[1:] for row in table.rows}
    assert found["none"][0] == "inf"
    assert float(found["jpeg:60"][2]) > float(found["webp:60"][2]) > float(found["none"][2])


def test_blocks_of_a_defence_that_draws(some):
    first = block_study(some[1], ["webp:20-90", "crops:2,fraction=0.9"])
    assert block_study(some[1], ["webp:20-90", "crops:2,fraction=0.9"]) == first
    assert block_study(some[1], ["webp:20-90"], seed=1).rows != first.rows[:1]


def test_draws():
    """By the mean of red against green; a flip changes nothing, so the attack wins whatever is drawn."""
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, outputs)
    model.layers[-1].set_weights([np.array([[1.0, 0], [0, 1], [0, 0]]), np.zeros(2)])
    images, labels = np.full((4, 16, 16, 3), 110, np.uint8), np.arange(4) % 2
    for image, label in zip(images, labels, strict=True):
        image[..., label] += 3
    table = draw_study(model, images, labels, ["flip:random"], "bim:4", (1, 2))
    assert table.columns == ["defence", "clean", "bim:4, 1 draw", "bim:4, 2 draws"]
    assert [accuracy(text) for text in table.rows[0][1:]] == [100, 0, 0]


def test_cam_table():
    table = cam_table([CamRow("bim:4", "flip", 0.5, (0.25, 0.75), 0.4, 2, 10)])
    assert table.rows == [["bim:4", "flip", "0.50 (0.25 to 0.75)", "0.40", "2 of 10"]]
    assert table._repr_markdown_() == markdown_table(table)
    assert "| bim:4 | flip |" in markdown_table(table)
