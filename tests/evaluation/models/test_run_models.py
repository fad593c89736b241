import numpy as np
import pytest

from tf_lowdef.attacks import BIM, AttackResult
from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.models import run_models as site_module
from tf_lowdef.evaluation.models.judge import Batch, Found, worst_example
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.layers import MedianLayer


def result(n, value):
    numbers = np.full(n, value)
    images = np.full((n, 2, 2, 3), value, np.uint8)
    flags = np.zeros(n, bool)
    return AttackResult(images, flags, numbers, numbers, numbers, numbers, numbers, numbers, flags)


def test_the_worst_example_of_each_image_is_kept():
    found = [
        Found(np.arange(4), result(4, 1), np.array([1, 0.5, 0, 1]), np.array([1, 0.5, 0, 1]), np.full(4, 0.1)),
        Found(np.array([0, 1, 3]), result(3, 2), np.array([0.2, 0.4, 1]), np.array([0.3, 0.5, 1]), np.full(3, 0.2)),
        Found(np.array([1, 3]), result(2, 3), np.array([0, 0.9]), np.array([0.1, 0.8]), np.full(2, 0.3)),
    ]
    _, worst, shares, chosen_by, suspicion = worst_example(found)
    assert worst.images[:, 0, 0, 0].tolist() == [2, 3, 1, 3]
    assert worst.steps.tolist() == [2, 3, 1, 3]
    assert shares.tolist() == [0.2, 0, 0, 0.9]
    assert chosen_by.tolist() == [0.3, 0.1, 0, 0.8]
    assert suspicion.tolist() == [0.2, 0.3, 0.1, 0.3]
    assert found[0].result.steps.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("epsilon", [1, 4])
def test_the_next_gradient_is_tried_on_what_the_first_has_left(epsilon, model, dataset, monkeypatch):
    images, labels = dataset
    site = RunModels(model, {"median": make_defence(MedianLayer(3))}, batch_size=20)
    assert len(site.defended("median")) == 2
    tried = []

    def watched(name, attack, target, pixels, *others):
        tried.append(pixels)
        return original(name, attack, target, pixels, *others)

    original = site_module.run_attack
    monkeypatch.setattr(site_module, "run_attack", watched)

    def attack(*through):
        record = site.attack_defended(
            Batch(images, labels), defence="median", name="a", attack=BIM(epsilon), through=through, folder=None
        )
        return record["shares"]

    first, both = attack(0), attack(0, 1)
    np.testing.assert_array_equal(tried[0], images)
    if first.any():
        np.testing.assert_array_equal(tried[2], images[first > 0])
        np.testing.assert_array_equal(both[first > 0], np.minimum(attack(1), first)[first > 0])
    assert len(tried) == (4 if first.any() else 2)
    assert (both <= first).all()
