"""No attack within the certified radius changes the smoothed classifier's answer, on the embedded classifier."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.stats import binom

from tf_lowdef import SmoothedClassifier, certify, load_demo
from tf_lowdef.attacks import deepfool
from tf_lowdef.certification import ABSTAIN

DENOISER, SIGMA, DRAWS, ALPHA = "gaussian:1", 0.12, 100, 0.001
UNLIKELY = 1e-6

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def certified():
    """Classifier, images whose class is certified, that class, and each radius in grey levels."""
    model, images, labels = load_demo()
    some = slice(None, None, 8)
    found = certify(model, (images[some], labels[some]), DENOISER, SIGMA, n=DRAWS, n0=20, alpha=ALPHA).certified[0]
    assert found.n == 25
    kept = [number for number, each in enumerate(found.per_image) if each.class_ != ABSTAIN]
    assert len(kept) > 20
    classes = np.array([found.per_image[number].class_ for number in kept])
    radii = np.array([found.per_image[number].radius for number in kept])
    return model, images[some][kept].astype(np.float32), classes, 255 * radii[:, None, None, None]


def gradients(model):
    """The smoothed classifier as an attacker sees it: fewer draws, always the same, through their true gradient."""
    return SmoothedClassifier(model, SIGMA, DENOISER, n=10, seed=99)


def within(change, radii):
    norms = np.sqrt((change**2).sum(axis=(1, 2, 3), keepdims=True))
    return change * np.minimum(1, radii / np.maximum(norms, 1e-9))


def pgd(model, images, classes, radii, steps=6):
    change = np.zeros_like(images)
    for _ in range(steps):
        x = tf.constant(images + change)
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, model(x))
        step = np.asarray(tape.gradient(loss, x))
        norms = np.maximum(np.sqrt((step**2).sum(axis=(1, 2, 3), keepdims=True)), 1e-12)
        change = within(change + step / norms * radii / 2, radii)
    return change


def answers(model, images):
    return SmoothedClassifier(model, SIGMA, DENOISER, n=DRAWS, alpha=ALPHA).classify(images)


def test_neither_pgd_nor_deepfool_within_the_radius_changes_an_answer(certified):
    model, images, classes, radii = certified
    attacker = gradients(model)
    of_deepfool = np.asarray(deepfool(attacker, images, nb_candidate=3, max_iter=6)) - images
    moved = np.sqrt((of_deepfool**2).sum(axis=(1, 2, 3)))
    assert (moved > 0).mean() > 0.5
    longer = of_deepfool / np.maximum(moved, 1e-9)[:, None, None, None] * radii  # as far as the certificate reaches
    changes = [pgd(attacker, images, classes, radii), within(of_deepfool, radii), longer]
    wrong = tried = 0
    for change in changes:
        assert (np.sqrt((change**2).sum(axis=(1, 2, 3))) <= radii.ravel() * (1 + 1e-4)).all()
        found = answers(model, images + change)
        wrong += int(((found != classes) & (found != ABSTAIN)).sum())
        tried += len(images)
    # a certificate may be wrong, and so may an answer: each with a probability of alpha
    assert wrong <= binom.ppf(1 - UNLIKELY, tried, 2 * ALPHA)


def test_the_same_attack_changes_answers_well_beyond_the_radius(certified):
    model, images, classes, radii = certified
    found = answers(model, images + pgd(gradients(model), images, classes, 8 * radii))
    assert ((found != classes) & (found != ABSTAIN)).mean() > 0.3
