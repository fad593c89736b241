import numpy as np
import pytest
from scipy import optimize

from tf_lowdef.layers import TotalVariationLayer, draw_scope, is_randomised
from tf_lowdef.layers.draws import draw_uniform

WEIGHT = 8.0


def objective(z, x, kept, weight=WEIGHT):
    down = np.diff(z, axis=-3, append=z[..., -1:, :, :])
    right = np.diff(z, axis=-2, append=z[..., :, -1:, :])
    return 0.5 * np.sum(kept * (z - x) ** 2) + weight * np.sum(np.sqrt(down**2 + right**2 + 1e-6))


def minimum(x, kept):
    """By a general optimiser, from the objective's numerical definition with its analytic gradient."""

    def value_and_gradient(flat):
        z = flat.reshape(x.shape)
        down = np.diff(z, axis=-3, append=z[..., -1:, :, :])
        right = np.diff(z, axis=-2, append=z[..., :, -1:, :])
        norm = np.sqrt(down**2 + right**2 + 1e-6)
        by_z = kept * (z - x) - WEIGHT * (down + right) / norm
        by_z[..., 1:, :, :] += WEIGHT * (down / norm)[..., :-1, :, :]
        by_z[..., :, 1:, :] += WEIGHT * (right / norm)[..., :, :-1, :]
        return objective(z, x, kept), by_z.ravel()

    found = optimize.minimize(value_and_gradient, x.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 400})
    return found.x.reshape(x.shape)


def test_denoising_is_close_to_the_minimum(images):
    x = images[:1, :11, :13].astype(float)
    best = minimum(x, np.ones_like(x))
    out = TotalVariationLayer(WEIGHT, drop=0)(images[:1, :11, :13]).numpy()
    assert np.abs(best - x).mean() > 4
    assert np.abs(out - best).mean() < 0.15
    many = TotalVariationLayer(WEIGHT, drop=0, iterations=1000)(images[:1, :11, :13]).numpy()
    assert objective(many, x, 1.0) <= objective(best, x, 1.0) * 1.0001


def test_filling_is_close_to_the_minimum(images):
    layer = TotalVariationLayer(WEIGHT, drop=0.5)
    with draw_scope([[3, 4]]):
        kept = draw_uniform(layer.keys(images[:1, :11, :13]), (11, 13, 3)).numpy() >= 0.5
        out = layer(images[:1, :11, :13]).numpy()
    x = images[:1, :11, :13].astype(float)
    assert 0.4 < kept.mean() < 0.6
    best = minimum(np.where(kept, x, 128), kept)
    assert objective(out, x, kept) <= objective(best, x, kept) * 1.02
    # what was dropped is not read
    other = np.where(kept, images[:1, :11, :13], 255 - images[:1, :11, :13])
    with draw_scope([[3, 4]]):
        np.testing.assert_allclose(layer(other), out, atol=0.2)


def test_takes_noise_away():
    clean = np.full((1, 24, 24, 3), 60, np.float32)
    clean[:, 6:18, 8:20] = 180
    noisy = clean + np.random.default_rng(0).normal(0, 12, clean.shape).astype(np.float32)
    out = TotalVariationLayer(12, drop=0)(noisy)
    assert np.mean((out - clean) ** 2) < 0.15 * np.mean((noisy - clean) ** 2)


def test_is_randomised_only_where_it_drops(images):
    assert is_randomised(TotalVariationLayer())
    still = TotalVariationLayer(drop=0)
    assert not is_randomised(still)
    np.testing.assert_array_equal(still(images), still(images))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"weight": 0}, "weight=0"), ({"drop": 1}, "drop=1"), ({"iterations": 0}, "iterations=0")],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        TotalVariationLayer(**arguments)
