"""A model in half precision must not look robust because its gradients are too small for it."""

import keras
import numpy as np
import pytest

from tf_lowdef import load_demo
from tf_lowdef.attacks import parse_attack

IMAGES = 50


@pytest.fixture(scope="module")
def demo():
    model, images, labels = load_demo()
    return model, images[:IMAGES], labels[:IMAGES]


@pytest.fixture(scope="module")
def half(demo):
    def halve(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": "mixed_float16"})

    model = keras.models.clone_model(demo[0], clone_function=halve)
    model.set_weights(demo[0].get_weights())
    assert "float16" in {layer.compute_dtype for layer in model.layers}
    return model


@pytest.mark.parametrize(
    "spec",
    [
        "bim:4",
        *(
            pytest.param(each, marks=pytest.mark.slow)
            for each in ("fgsm:4", "apgd-ce:4,steps=10", "apgd-dlr:4,steps=10")
        ),
    ],
)
def test_it_falls_as_far_as_in_single_precision(demo, half, spec):
    model, images, labels = demo
    left = []
    for attacked in (model, half):
        result = parse_attack(spec)(attacked, images, labels)
        assert not result.zero_gradient[result.clean_predictions == labels].any()
        left.append(int((~result.success).sum()))
    assert abs(left[0] - left[1]) <= 1


@pytest.mark.slow
def test_minimal_norms_are_as_small(demo, half):
    model, images, labels = demo
    found = [parse_attack("deepfool:steps=20")(attacked, images[:20], labels[:20]) for attacked in (model, half)]
    assert found[1].success.all()
    np.testing.assert_allclose(np.median(found[0].l2), np.median(found[1].l2), rtol=0.1)
