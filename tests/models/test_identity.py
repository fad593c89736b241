"""A model is known again when it is built again, and told from others that differ in anything."""

import keras
import pytest

from tf_lowdef import FlipLayer, WebPLayer, as_classifier
from tf_lowdef.models.identity import identify


def build(quality=60, activation="relu", branches=False, **names):
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Dense(4, activation, kernel_initializer="ones", **names)(keras.layers.Flatten()(inputs))
    second = keras.layers.Dense(4, activation, kernel_initializer="ones")(hidden)
    outputs = keras.layers.Add()([hidden if branches else second, second])
    return keras.Sequential([keras.Input((8, 8, 3)), WebPLayer(quality), FlipLayer(), keras.Model(inputs, outputs)])


def test_known_again_however_its_layers_are_numbered():
    first = build()
    assert identify(first) == identify(build())
    assert identify(first) == identify(keras.models.clone_model(first))


@pytest.mark.parametrize("change", [{"quality": 59}, {"activation": "tanh"}, {"branches": True}, {"dtype": "float64"}])
def test_another_architecture(change):
    assert identify(build())["config_sha256"] != identify(build(**change))["config_sha256"]


def test_other_weights():
    first, other = build(), build()
    other.set_weights([weights * 2 for weights in first.get_weights()])
    assert identify(first)["weights_sha256"] != identify(other)["weights_sha256"]
    assert identify(first)["config_sha256"] == identify(other)["config_sha256"]


def test_a_model_without_a_description():
    assert identify(lambda images: images)["config_sha256"] is None


class Net(keras.Model):
    """Somebody's own model, which cannot describe itself: its argument is no plain value."""

    def __init__(self, inner, front=None):
        super().__init__()
        self.inner = inner
        self.front = front

    def call(self, inputs):
        return self.inner(inputs if self.front is None else self.front(inputs))


class Fixed(keras.Model):
    """A subclassed model that describes itself by its arguments, of which there are none."""

    quality = 60

    def __init__(self):
        super().__init__()
        self.front = WebPLayer(self.quality)
        self.inner = build()

    def call(self, inputs):
        return self.inner(self.front(inputs))


class Other(Fixed):
    quality = 40


Other.__qualname__, Other.__name__ = "Fixed", "Fixed"  # as after an edit of the source


def arithmetic(factor=2.0):
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Flatten()(inputs * factor + 1)
    return keras.Model(inputs, keras.layers.Dense(2, kernel_initializer="ones")(hidden))


def test_arithmetic_in_a_graph_is_known_again():
    assert identify(arithmetic()) == identify(arithmetic())
    assert identify(arithmetic()) != identify(arithmetic(3.0))


def defended(quality):
    return keras.Sequential([keras.Input((8, 8, 3)), WebPLayer(quality), Net(build())])


def branched(crossed):
    inputs = keras.Input((8, 8, 3))
    first, second = inputs * 2, inputs * 3
    net = Net(build())(second if crossed else first)
    return keras.Model(inputs, net + keras.layers.Dense(4, kernel_initializer="ones")(keras.layers.Flatten()(first)))


def test_a_subclassed_model_is_told_from_others_by_what_can_be_described():
    makers = [
        lambda: defended(60),
        lambda: defended(40),
        lambda: Net(build(), WebPLayer(60)),
        lambda: Net(build(), WebPLayer(40)),
        lambda: branched(False),
        lambda: branched(True),
        Fixed,
        Other,
    ]
    hashes = [identify(make())["config_sha256"] for make in makers]
    assert len(set(hashes)) == len(makers)
    assert [identify(make())["config_sha256"] for make in makers] == hashes


def adapted(model, *said):
    return identify(as_classifier(model, *said, input_shape=(8, 8, 3)))


def test_what_a_model_takes_is_part_of_it():
    found = [adapted(Net(arithmetic()), each) for each in (None, (0, 1), (-1, 1), (0, 2), "torch")]
    assert [each["input_range"] for each in found] == ["0,255", "0,1", "-1,1", "0,2", "torch"]
    assert len({each["config_sha256"] for each in found}) == len(found)


@pytest.mark.filterwarnings("ignore:The softmax of")
def test_what_a_model_gives_is_part_of_it():
    found = [adapted(Net(arithmetic()), None, each) for each in ("logits", "softmax")]
    assert [each["outputs"] for each in found] == ["logits", "softmax"]
    assert found[0]["config_sha256"] != found[1]["config_sha256"]


@pytest.mark.parametrize("make", [arithmetic, lambda: Net(arithmetic())])
def test_what_is_said_and_what_is_found_are_the_same(make):
    assert adapted(make(), (0, 255), "logits") == adapted(make(), (0, 255)) == adapted(make())
