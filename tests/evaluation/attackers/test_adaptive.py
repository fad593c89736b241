import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from tf_lowdef import FlipLayer, WebPLayer, evaluate, load_demo
from tf_lowdef.attacks import parse_attack
from tf_lowdef.bounds import Bound
from tf_lowdef.defences import BARE, make_defence
from tf_lowdef.evaluation.attackers.adaptive import strengthen
from tf_lowdef.evaluation.attackers.budgets import BUDGETS, EXPLICIT, bounds_of, find_budget
from tf_lowdef.evaluation.models.draws import image_keys
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.evaluation.models.variants import defended_models
from tf_lowdef.layers import ImageLayer, RandomCropLayer, draw_scope
from tf_lowdef.report import conclusion
from tf_lowdef.results import Results
from tf_lowdef.results.paths import folder_name

# strong enough that little is left for the costly end of a cascade, and that something is
ATTACKS = ["fgsm:2", "bim:3"]
DEFENCES = ["none", "webp:60"]


@pytest.fixture(scope="module")
def run(model, dataset, tmp_path_factory):
    """A run with all three threats, and its folder; the surrogate is a clone of the model with other weights."""
    surrogate = keras.models.clone_model(model)
    surrogate.set_weights([weights * 0.5 + 0.3 for weights in model.get_weights()])
    folder = tmp_path_factory.mktemp("run")
    threats = ["adaptive", "transfer", "oblivious"]
    results = evaluate(
        model, dataset, ATTACKS, DEFENCES, threats, folder, batch_size=20, budget="quick", surrogate=surrogate
    )
    return results, folder


def test_one_run_gives_all_threats(run):
    results, _ = run
    assert results.threats == ["oblivious", "transfer", "adaptive"]
    for threat in ("oblivious", "transfer", "adaptive"):
        assert {row.attack for row in results.rows if row.threat == threat} >= set(ATTACKS)
    assert {row.attack for row in results.rows if row.attack.startswith("worst")} == {"worst:2", "worst:3"}
    assert results.run["arguments"]["threat"] == ["oblivious", "transfer", "adaptive"]
    assert any("not a robustness claim" in warning for warning in results.warnings)
    knowledge = {row.threat: row.setting["knowledge"] for row in results.rows if row.setting}
    assert len(set(knowledge.values())) == 3


def test_worst_case_is_the_least_of_every_example_within_epsilon(run):
    results, _ = run
    for defence in DEFENCES:
        rows = [row for row in results.rows if row.defence == defence]
        worst = {row.attack: np.array(row.per_image) for row in rows if row.attack.startswith("worst")}
        for epsilon in (2, 3):
            within = [row for row in rows if row.setting.get("epsilon", 0) <= epsilon and row.attack[:5] != "worst"]
            shares = np.array([[1 if share is None else share for share in row.per_image] for row in within])
            np.testing.assert_array_equal(worst[f"worst:{epsilon}"], shares.min(axis=0))
        assert (worst["worst:3"] <= worst["worst:2"]).all()


def test_clean_errors_stay_errors(run):
    results, _ = run
    for row in results.rows:
        if row.threat == "adaptive" and not row.conditional:
            clean = np.array(results.row("none", row.defence).per_image)
            assert (np.array(row.per_image)[clean == 0] == 0).all()


def test_the_cascade_goes_on_with_what_is_left(run):
    results, _ = run
    for defence in DEFENCES:
        left = int(results.row("bim:3", defence, "adaptive").correct)
        for attack in ("mpgd:3,classes=3", "mpgd:3,steps=60,restarts=3,classes=5", "square:3,queries=100"):
            rows = [row for row in results.rows if (row.attack, row.defence) == (attack, defence)]
            if not left:
                assert rows == []
                continue
            (row,) = rows
            assert row.conditional
            assert row.n == left == sum(share is not None for share in row.per_image)
            left = int(row.correct)


def test_written_images_fool_the_defended_model(run, model, dataset):
    results, folder = run
    images, labels = dataset
    defended = keras.Sequential([keras.Input((24, 24, 3)), WebPLayer(60), model])
    row = results.row("bim:3", "webp:60", "adaptive")
    files = sorted((folder / "adversarial" / "adaptive" / folder_name("webp:60") / "bim-3").glob("*.png"))
    clean = np.array(results.row("none", "webp:60").per_image)
    assert len(files) == (clean - np.array(row.per_image)).sum() > 0
    for file in files:
        pixels = np.asarray(Image.open(file))
        assert np.abs(pixels.astype(int) - images[int(file.stem)]).max() <= 3
        assert defended.predict(pixels[None].astype(np.float32), verbose=0).argmax() != labels[int(file.stem)]


def test_saved_results_are_the_same_again(run):
    results, folder = run
    again = Results.load(folder)
    assert again.rows == results.rows
    assert again.comparisons == results.comparisons
    assert again.images == results.images == tuple(f"{number:02d}" for number in range(20))


def test_comparisons_are_of_every_pair_of_defences(run):
    results, _ = run
    believed = [(row.threat, row.attack) for row in results.rows if not row.conditional and not row.unreliable]
    unconditional = {each for each in believed if believed.count(each) > 1}
    assert unconditional
    assert {(each.threat, each.attack) for each in results.comparisons} == unconditional
    for each in results.comparisons:
        first, second = (results.row(each.attack, name, each.threat) for name in (each.first, each.second))
        assert each.difference == pytest.approx(first.top1 - second.top1)
        assert each.p <= each.p_holm <= 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_rows_whatever_the_batch(run, model, dataset):
    defences = ["webp:60"]
    first, again = (
        evaluate(model, dataset, ["pgd:1,steps=5"], defences, "adaptive", batch_size=size, seed=3) for size in (4, 20)
    )
    assert [row.per_image for row in first.rows] == [row.per_image for row in again.rows]


@pytest.mark.slow
def test_who_knows_of_the_flip_undoes_it():
    model, images, labels = load_demo()
    chosen = slice(0, None, 20)
    results = evaluate(
        model, (images[chosen], labels[chosen]), ["bim:4"], ["flip"], ["oblivious", "adaptive"], batch_size=10
    )
    assert results.row("bim:4", "flip").top1 >= 0.8
    assert results.row("worst:4", "flip", "adaptive").top1 <= 0.1
    assert results.row("worst:4", "flip", "adaptive").unreliable is None


@pytest.mark.slow
def test_a_defended_sequential_is_attacked_as_it_is(model, dataset):
    defended = keras.Sequential([keras.Input((24, 24, 3)), WebPLayer(60), model])
    inside = evaluate(defended, dataset, ["bim:2"], ["none"], threat="adaptive")
    outside = evaluate(model, dataset, ["bim:2"], ["webp:60"], threat="adaptive")
    assert [row.per_image for row in inside.rows] == [row.per_image for row in outside.rows]


@pytest.mark.slow
def test_randomised_defences_are_means_over_draws(model, noise_layer, dataset):
    defended = keras.Sequential([keras.Input((24, 24, 3)), noise_layer(60.0), model])
    results = evaluate(defended, dataset, ["bim:1,steps=3"], ["none"], "adaptive", batch_size=20)
    clean, attacked, worst = results.rows
    assert {row.draws for row in results.rows} == {10}
    assert any(0 < share < 1 for share in attacked.per_image)
    assert worst.top1 <= attacked.top1 + 0.05 < clean.top1
    assert attacked.correct == pytest.approx(sum(attacked.per_image))
    again = evaluate(defended, dataset, ["bim:1,steps=3"], ["none"], "adaptive", batch_size=20)
    assert [row.per_image for row in again.rows] == [row.per_image for row in results.rows]


def test_every_gradient_that_layers_offer_is_attacked(model):
    class Blur(ImageLayer):
        gradients = ("exact", "straight_through", "none")

        def __init__(self, gradient="exact", **kwargs):
            super().__init__(**kwargs)
            self.gradient = gradient

        def call(self, inputs):
            return self.to_images(inputs)

        def get_config(self):
            return {**super().get_config(), "gradient": self.gradient}

    def chosen(defended):
        return [layer.gradient for layer in defended.layers if isinstance(layer, Blur)]

    models = defended_models(model, make_defence([Blur(), FlipLayer()]))
    assert [chosen(each) for each in models] == [["exact"], ["straight_through"]]
    assert len(defended_models(model, make_defence(Blur("none")))) == 1  # who hides it is told so
    inside = defended_models(keras.Sequential([keras.Input((24, 24, 3)), Blur(), model]), BARE)
    assert [chosen(each) for each in inside] == [["exact"], ["straight_through"]]
    assert defended_models(model, BARE) == [model]


@pytest.mark.parametrize(("draws", "crops"), [(None, 9), (20, 9), (4, 4)])
def test_no_more_crops_are_attacked_than_draws(draws, crops, model):
    (attacked,) = defended_models(model, make_defence([FlipLayer(), RandomCropLayer(9, 0.5, seed=3)]), draws)
    assert [layer.copies for layer in attacked.layers if hasattr(layer, "copies")] == [crops, crops]
    assert attacked.layers[1].fraction == 0.5
    assert attacked.layers[1].seed == 3


def test_adaptive_attacks_keep_the_best_point():
    assert strengthen(parse_attack("bim:4")).keep == "best"
    assert strengthen(parse_attack("deepfool")) == parse_attack("deepfool")


def test_budgets():
    assert find_budget(None) is EXPLICIT
    with pytest.raises(ValueError, match="Received: budget='lavish'"):
        find_budget("lavish")
    names = [attack.spec for attack in BUDGETS["standard"].cascade(Bound("Linf", 4.0), 10)]
    assert names[0] == "mpgd:4,classes=4"
    assert {"apgd-ce:4", "square:4"} <= set(names)
    assert BUDGETS["standard"].check(Bound("Linf", 4.0), 10).name == "apgd-t"
    assert BUDGETS["standard"].check(Bound("Linf", 4.0), 3).name == "apgd-dlr"
    assert BUDGETS["standard"].check(Bound("Linf", 4.0), 2).name == "pgd"
    assert BUDGETS["quick"].check(Bound("Linf", 4.0), 10) is None
    assert BUDGETS["standard"].label is None
    attacks = [parse_attack(spec) for spec in ("bim:8", "pgd:l2:0.5", "fgsm:2", "deepfool", "pgd:8")]
    assert bounds_of(attacks) == [("Linf", 2), ("Linf", 8), ("L2", 0.5)]
    assert bounds_of([parse_attack("deepfool")], BUDGETS["quick"]) == [("Linf", 4)]
    assert bounds_of([parse_attack("deepfool")]) == []


@pytest.mark.parametrize("budget", ["quick", "standard"])
def test_a_budget_keeps_to_the_norm(budget):
    bound = Bound("L2", 0.5)
    attacks = BUDGETS[budget].cascade(bound, 10)
    attacks += [attack for attack in [BUDGETS[budget].check(bound, 10)] if attack]
    assert len(attacks) > 2
    assert all(attack.bound in (bound, None) and attack.norm == "L2" for attack in attacks)


@pytest.mark.parametrize("budget", ["quick", "standard"])
@pytest.mark.parametrize("bound", [Bound("L2", 128 / 255), Bound("Linf", 6.0000001), Bound("Linf", 2.5)])
def test_a_budget_keeps_to_every_digit(budget, bound):
    attacks = [*BUDGETS[budget].cascade(bound, 10), *filter(None, [BUDGETS[budget].check(bound, 10)])]
    meant = bounds_of([parse_attack(f"pgd:{bound}")])
    assert {attack.bound for attack in attacks if attack.bound} == set(meant)
    assert meant[0].epsilon == (6 if bound.epsilon == 6.0000001 else bound.epsilon)


def test_without_an_epsilon_there_is_no_worst_case(model, dataset):
    results = evaluate(model, dataset, ["deepfool"], ["none", "flip"], "adaptive", limit=8)
    assert [row.name for row in results.rows if row.kind == "worst"] == []
    assert conclusion(results).startswith("`flip` was attacked within no epsilon: deepfool, which has none, leaves")


@pytest.mark.slow
def test_what_was_asked_for_counts_as_another_kind_too(model, dataset, monkeypatch):
    """It is tried first, on every image, and the budget's own attacks still meet what it has fooled."""
    small = dataclasses.replace(BUDGETS["quick"], attacks=("fgsm:{}",), another=("bim:{}",), sanity_images=2)
    monkeypatch.setitem(BUDGETS, "quick", small)
    results = evaluate(model, dataset, ["bim:3"], ["webp:60"], "adaptive", limit=8, budget="quick")
    worst, weak = (results.row(attack, "webp:60", "adaptive") for attack in ("worst:3", "fgsm:3"))
    assert weak.n == 8
    assert worst.setting["another_takes"] == pytest.approx(weak.top1 - worst.top1)


@pytest.mark.slow
def test_standard_shows_what_another_attack_takes(model, dataset, monkeypatch):
    small = {"attacks": ("pgd:{},steps=2",), "another": ("pgd:{},steps=4",), "draws": 1}
    monkeypatch.setitem(BUDGETS, "standard", BUDGETS["standard"].__class__(
        name="standard", sanity_images=4, sanity_steps=5, planted_images=2, label=None, **small
    ))  # fmt: skip
    results = evaluate(model, dataset, ["fgsm:0.9"], ["webp:60"], "adaptive", budget="standard")
    worst = results.row("worst:0.9", "webp:60", "adaptive")
    assert worst.setting["another_takes"] == 0  # less than one grey level changes nothing
    assert results.row("pgd:0.9,steps=4", "webp:60", "adaptive").conditional


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threat": "transfer"}, "threat='transfer' and a `surrogate` need each other"),
        ({"budget": "quick"}, "`budget` is what threat='adaptive' may spend"),
        ({"threat": "adaptive", "budget": "lavish"}, "must be one of quick, standard"),
        ({"threat": []}, "must be among oblivious, transfer, adaptive"),
    ],
)
def test_bad_arguments_are_named(changes, message, model, dataset):
    with pytest.raises(ValueError, match=message):
        evaluate(model, dataset, **{"attacks": [], "defences": ["none"], **changes})


def test_a_surrogate_must_take_the_same_images_and_classes(model, dataset):
    def surrogate(side, classes):
        inputs = keras.Input((side, side, 3))
        pooled = keras.layers.GlobalAveragePooling2D()(inputs)
        return keras.Model(inputs, keras.layers.Dense(classes)(pooled))

    for other, message in ((surrogate(32, 4), "Received: a surrogate for 32 x 32"), (surrogate(24, 3), "Received: 3")):
        with pytest.raises(ValueError, match=message):
            evaluate(model, dataset, ["bim:1"], ["none"], "transfer", surrogate=other)
    with pytest.raises(ValueError, match="need each other"):
        evaluate(model, dataset, ["bim:1"], ["none"], "oblivious", surrogate=surrogate(24, 4))


@pytest.mark.slow
def test_copies_of_an_image_are_averaged_as_in_the_defended_model(model, dataset):
    images, crops = dataset[0], make_defence("crops:5,fraction=0.9")
    predictor = Predictor(model, 8)
    logits = predictor(images, crops, draw=3)
    assert logits.shape == (20, 4)
    with draw_scope(image_keys(images, 0, 3)):
        expected = defended_models(model, crops)[0](images.astype(np.float32))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)
    results = evaluate(model, dataset, ["bim:1,steps=2"], ["crops:3,fraction=0.9"], "adaptive", batch_size=20)
    assert results.row("worst:1", "crops:3,fraction=0.9", "adaptive").draws == 10
