"""The noise is what it is called, and the votes under it are those of the theory."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import binomtest, kstest, norm

from tf_lowdef.certification import certify
from tf_lowdef.certification.votes import GUESSING, count_votes, noisy_copies, seeded_keys

IMAGE = np.full((24, 24, 3), 128, np.uint8)


def noise(images, seed, sigma, numbers):
    return (
        noisy_copies(images, seeded_keys(images, seed), sigma, np.array(numbers)) - np.repeat(images, len(numbers), 0)
    ).numpy()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3)).astype(np.float32)


def test_the_noise_is_gaussian_of_sigma_in_the_unit_of_0_to_1(images):
    found = noise(images, 0, 0.1, range(20))
    assert found.shape == (60, 24, 24, 3)
    assert kstest(found.ravel() / 25.5, "norm").pvalue > 1e-6
    assert found.std() == pytest.approx(25.5, rel=0.01)
    assert abs(np.corrcoef(found.reshape(60, -1)) - np.eye(60)).max() < 0.15  # each copy has noise of its own


def test_nothing_is_clipped(images):
    black = np.zeros_like(images)
    assert noisy_copies(black, seeded_keys(black, 0), 0.1, np.arange(3)).numpy().min() < -50


def test_noise_follows_from_image_seed_and_number_alone(images):
    together = noise(images, 3, 0.1, [5, 6])
    assert (noise(images[1:2], 3, 0.1, [6])[0] == together[3]).all()
    assert (noise(images, 4, 0.1, [5, 6]) != together).any(axis=(1, 2, 3)).all()
    assert (noise(images, 3, 0.1, [GUESSING, GUESSING + 1]) != together).any(axis=(1, 2, 3)).all()
    moved = images + np.float32(1 / 512)  # images that an attack tells apart have noise of their own
    assert np.abs(noise(moved, 3, 0.1, [5, 6]) - together).max() > 1


@pytest.mark.parametrize("margin", [0.05, 0.2])
def test_votes_are_as_many_as_the_margin_says(planes, margin):
    model, sigma, draws = planes(margin), 0.2, 2000
    votes = count_votes(model, IMAGE, sigma=sigma, first=0, draws=draws, seed=1, batch_size=250)
    assert votes.sum() == draws
    assert binomtest(int(votes[0]), draws, float(norm.cdf(margin / sigma))).pvalue > 1e-6


@pytest.mark.parametrize("draws", [1, 7, 8, 20])
def test_draws_beyond_the_last_do_not_count(planes, draws):
    votes = [
        count_votes(planes(0.1), IMAGE, sigma=0.2, first=0, draws=draws, seed=1, batch_size=size) for size in (8, 3)
    ]
    assert votes[0].sum() == draws
    assert (votes[0] == votes[1]).all()


def test_certificates_of_a_linear_model_end_at_its_margin(planes):
    margin, copies = 0.25, 12
    images = np.repeat(IMAGE[None], copies, axis=0)
    images[np.arange(copies), np.arange(copies), 0, 0] += 1  # a grey level apart, so that each has noise of its own
    data = images, np.zeros(copies, np.int64)
    found = certify(planes(margin), data, "none", 0.2, n=400, n0=20, batch_size=200).certified[0]
    radii = np.array([each.radius for each in found.per_image])
    assert found.abstained == 0
    assert (radii < margin + 0.005).all()
    assert np.median(radii) > 0.7 * margin


def test_eager_and_traced_noise_are_one(images):
    eager = noisy_copies(images, seeded_keys(images, 1), 0.1, np.arange(2))
    traced = tf.function(lambda x: noisy_copies(x, seeded_keys(x, 1), 0.1, tf.range(2, dtype=tf.int64)))(images)
    assert np.abs(eager - traced).max() < 1e-3
