"""A defence that hides its gradient is refused; one that merely falls, or FGSM's whims, are not."""

import keras
import numpy as np
import pytest

from tf_lowdef import WebPLayer, evaluate
from tf_lowdef.bounds import Bound
from tf_lowdef.evaluation.judging.outcomes import Attacked, Made, Outcome
from tf_lowdef.evaluation.judging.probes import Probe, end_reasons, probe_reasons, victim_reasons
from tf_lowdef.evaluation.judging.refusals import attack_reasons, unreliable_warnings, worst_case_reasons
from tf_lowdef.evaluation.judging.rows import worst_cases
from tf_lowdef.report import conclusion, to_markdown
from tf_lowdef.results import Row
from tf_lowdef.threats import THREATS

N = 200


def outcome(correct, attack, epsilon=None, threat="adaptive", gradient=True):
    """What became of N images, of which the first `correct` are right (or those in a list of flags)."""
    made = None
    if attack != "none":
        made = Made(N, {"epsilon": epsilon}, gradient)
        made.tried[:] = made.attackable[:] = True
        made.linf[:] = epsilon
    found = Outcome.empty(threat, attack, "webp:60", made, N)
    flags = (np.arange(N) < correct if np.isscalar(correct) else np.asarray(correct)).astype(float)
    found.put(np.arange(N), flags, flags)
    return found


CLEAN = outcome(N, "none")


def reasons(outcomes, others=(), epsilon=4, smaller=(), **attacked):
    bound, smaller = Bound("Linf", epsilon), [Bound("Linf", less) for less in smaller]
    return worst_case_reasons(CLEAN, list(others), Attacked(list(outcomes), **attacked), bound, smaller)


def test_doubts_mark_what_has_no_epsilon():
    left, fallen = outcome(100, "deepfool"), outcome(0, "fab")
    worst_cases(THREATS["adaptive"], CLEAN, [], Attacked([left, fallen], reasons=["no gradient"]), [], "none")
    assert (left.unreliable, fallen.unreliable) == (["no gradient"], [])


def test_a_defence_that_falls_or_holds_is_believed():
    assert reasons([outcome(0, "pgd:4", 4)]) == []
    assert reasons([outcome(120, "pgd:4", 4)], [outcome(150, "bim:4", 4, "oblivious")]) == []


def test_more_epsilon_must_not_be_weaker():
    found = [outcome(100, "pgd:2", 2), outcome(110, "pgd:4", 4)]
    (reason,) = reasons(found, smaller=[2])
    assert reason == "at epsilon 2 the attacks fool more images than at 4"
    assert reasons([outcome(100, "pgd:2", 2), outcome(103, "pgd:4", 4)], smaller=[2]) == []


def test_fgsm_without_a_defence_is_not_monotone_and_not_refused():
    rng = np.random.default_rng(0)
    counts = {2: 12, 4: 11, 8: 14}  # 6, 5.5 and 7 % of 200
    found = [
        outcome(np.isin(np.arange(N), rng.permutation(40)[:count]), f"fgsm:{epsilon}", epsilon)
        for epsilon, count in counts.items()
    ]
    assert reasons(found, epsilon=4, smaller=[2]) == []
    assert reasons(found, epsilon=8, smaller=[2, 4]) == []


def test_the_attacker_without_gradients_must_not_win():
    masked = [outcome(190, "pgd:4", 4), outcome(120, "square:4", 4, gradient=False)]
    assert reasons(masked) == ["attacks without gradients fool 70 of 200 images that those with gradients leave"]
    assert reasons([outcome(80, "pgd:4", 4), outcome(120, "square:4", 4, gradient=False)]) == []


def test_a_gain_on_survivors_alone_shows():
    """Twenty-five left by gradients, seven of them by Square, which never met the others."""
    square = outcome(7, "square:4", 4, gradient=False)
    square.tried[25:] = square.made.tried[25:] = False
    (reason,) = reasons([outcome(25, "pgd:4", 4), square])
    assert reason == "attacks without gradients fool 18 of 200 images that those with gradients leave"


def test_what_gradients_were_not_tried_on_is_not_held_against_them():
    by_gradient = outcome(80, "pgd:4", 4)
    by_gradient.tried[100:] = by_gradient.made.tried[100:] = False
    by_gradient.made.linf[100:] = np.inf
    assert reasons([outcome(100, "square:4", 4, gradient=False), by_gradient]) == []


@pytest.mark.parametrize("threat", ["oblivious", "transfer"])
def test_images_made_elsewhere_must_not_win(threat):
    (reason,) = reasons([outcome(190, "pgd:4", 4)], [outcome(150, "bim:4", 4, threat)])
    assert reason == f"{threat} images fool it more often than adaptive ones"
    assert reasons([outcome(190, "pgd:4", 4)], [outcome(150, "bim:8", 8, threat)]) == []  # beyond epsilon


def test_a_huge_perturbation_must_reach_zero():
    (reason,) = reasons([outcome(190, "pgd:4", 4)], sanity_images=8, sanity_left=3)
    assert reason == "3 of 8 images withstand an attack at epsilon 128"


def test_an_attack_of_another_kind_must_not_matter():
    first = outcome(100, "pgd:4", 4)
    for left, expected in (
        (98, []),
        (90, ["apgd-t:4 takes another 5.0 points: the attacks before have not converged"]),
    ):
        another = outcome(left, "apgd-t:4", 4)
        assert reasons([first, another], another={Bound("Linf", 4): another}) == expected


def of_draws(attack, shares, draws=10):
    """What became of 20 images behind a randomised defence."""
    made = None
    if attack != "none":
        made = Made(20, {"epsilon": 4}, True)
        made.tried[:] = made.attackable[:] = True
        made.linf[:] = 4
    found = Outcome.empty("adaptive", attack, "webp:40-80", made, 20, draws)
    found.put(np.arange(20), np.array(shares), np.array(shares))
    return found


def test_an_attack_of_another_kind_must_take_more_than_draws_do():
    bound, clean = Bound("Linf", 4), of_draws("none", [1.0] * 20)
    first = of_draws("mpgd:4", [1.0, 0.5, 0.5] + [0.0] * 17)
    for shares, count in (([0.9, 0.3, 0.5], 0), ([0.4, 0.0, 0.5], 1)):
        another = of_draws("apgd-t:4", shares + [0.0] * 17)
        attacked = Attacked([first, another], another={bound: another})
        assert len(worst_case_reasons(clean, [], attacked, bound, [])) == count


PROBES = {
    "unregistered draws": (
        Probe(16, repeats=False, useful=16, leads=16),
        "two equal passes give other scores",
    ),
    "batch": (Probe(16, alone=False, useful=16, leads=16), "depends on the others in its batch"),
    "one-hot": (Probe(16, one_hot=True, useful=16, leads=16), "the scores tell no more than the class"),
    "no gradient near": (Probe(16, useful=3, leads=3), "no gradient at 13 of 16 images"),
    "wrong way": (Probe(16, useful=16, leads=2), "does no more harm than others on 14 of 16"),
    "columns": (
        Probe(16, useful=16, leads=16, hidden=0.9, blind=0.875),
        "88% of the values get no gradient",
    ),
}


@pytest.mark.parametrize(("told", "text"), PROBES.values(), ids=PROBES)
def test_what_a_few_images_tell_of_a_gradient(told, text):
    (reason,) = probe_reasons([told])
    assert text in reason
    honest = Probe(16, useful=16, leads=16, blind=0.5, hidden=0.01)
    assert probe_reasons([honest]) == probe_reasons([]) == []
    if told.repeats and told.alone and not told.one_hot:
        assert probe_reasons([told, honest]) == []  # another gradient of the same layers leads


def test_a_gradient_must_lead_where_attacks_stop_too():
    turned, honest, fallen = Probe(10, leads=2), Probe(10, leads=8), Probe(3, leads=0)
    (reason,) = end_reasons([turned])
    assert reason == "where an attack stops, a step along the gradient does no more harm than others on 8 of 10 images"
    assert victim_reasons(honest, [turned], 8, 0, 0)[-1] == reason
    assert (
        end_reasons([]) == end_reasons([honest]) == end_reasons([turned, honest]) == end_reasons([turned, fallen]) == []
    )
    assert end_reasons([Probe(6, leads=3)]) == []  # which draws do alone
    assert len(end_reasons([Probe(4, leads=0)])) == len(end_reasons([Probe(16, leads=5)])) == 1


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ("zero_gradient", "nothing but zero gradients on 3 of 200 images"),
        ("nonfinite_gradient", "gradients that are NaN or infinite on 3 of 200 images"),
        ("still", "a loss that did not move on 3 of 200 images"),
    ],
)
def test_bad_gradients_are_named(flags, text):
    made = outcome(N, "pgd:4", 4).made
    getattr(made, flags)[:2] = True
    assert attack_reasons(made) == []
    getattr(made, flags)[2] = True
    assert attack_reasons(made) == [text]
    made.gradient = False
    assert attack_reasons(made) == []


@pytest.mark.parametrize("flags", ["zero_gradient", "nonfinite_gradient", "still"])
def test_one_image_of_a_handful_refuses_nothing_unless_it_is_the_only_one(flags):
    made = outcome(6, "pgd:4", 4).made
    made.attackable[6:] = False
    getattr(made, flags)[0] = True
    assert attack_reasons(made) == []
    getattr(made, flags)[1] = True
    assert "on 2 of 6 images" in attack_reasons(made)[0]
    made.attackable[1:] = False
    assert "on 1 of 1 images" in attack_reasons(made)[0]


def masked_models(model, stop_layer):
    def through(*layers):
        return keras.Sequential([keras.Input((24, 24, 3)), *layers, model])

    return {
        "codec": through(WebPLayer(90, gradient="none")),
        "stop": through(stop_layer()),
        "saturated": keras.Sequential([through(), keras.layers.Rescaling(1e6)]),  # a loss of zero has no slope
    }


@pytest.mark.parametrize("kind", ["codec", "stop"])
def test_a_model_behind_a_layer_without_gradient_is_never_robust(kind, model, stop_layer, dataset, tmp_path):
    masked = masked_models(model, stop_layer)[kind]
    threats = ["oblivious", "adaptive"]
    results = evaluate(masked, dataset, ["bim:4", "deepfool"], ["none"], threats, tmp_path / "run", only_correct=True)
    attacked = [row for row in results.rows if row.attack != "none"]
    assert {row.attack for row in attacked} == {"bim:4", "deepfool", "worst:4"}
    assert all(row.top1 == 1 and "no gradient" in row.unreliable for row in attacked)
    assert all({each.attack} == {"none"} for each in results.comparisons)
    assert "unreliable" in conclusion(results)
    for text in (to_markdown(results), (tmp_path / "run" / "results.csv").read_text(), " ".join(results.warnings)):
        assert "the model gives no gradient" in text
    assert "<= 100.0 unreliable" in to_markdown(results)


def test_the_attacker_without_gradients_finds_what_a_mask_hides(model, stop_layer, dataset):
    masked = masked_models(model, stop_layer)["stop"]
    results = evaluate(masked, dataset, ["bim:4"], ["none"], "adaptive", budget="quick", only_correct=True)
    worst, square = (results.row(name, "none", "adaptive") for name in ("worst:4", "square:4,queries=100"))
    assert worst.top1 == square.top1 < 1
    assert square.unreliable is None
    assert worst.unreliable
    assert results.row("bim:4", "none", "adaptive").unreliable.startswith("the model gives no gradient")


def test_a_saturated_loss_is_refused_until_a_better_one_breaks_it(model, stop_layer, dataset):
    masked = masked_models(model, stop_layer)["saturated"]
    results = evaluate(masked, dataset, ["bim:4"], ["none"], ["oblivious", "adaptive"], only_correct=True)
    attacked = [row for row in results.rows if row.attack != "none"]
    assert len(attacked) == 3
    assert all("nothing but zero gradients on" in row.unreliable for row in attacked)
    broken = evaluate(masked, dataset, ["deepfool:survive_rounding=true"], ["none"], "adaptive", only_correct=True)
    (row,) = broken.select(threat="adaptive")
    assert (row.top1, row.unreliable) == (0, None)


@pytest.mark.slow
def test_undefended_rows_are_not_refused(model, dataset):
    attacks = ["fgsm:1", "fgsm:2", "fgsm:4", "bim:4"]
    results = evaluate(model, dataset, attacks, ["none", "webp:60"], ["oblivious", "adaptive"])
    assert [row.unreliable for row in results.rows if row.defence == "none"] == [None] * (1 + 2 * 4 + 3)


@pytest.mark.parametrize("attack", ["square:0.5,queries=20", "bim:0.5", "fgsm:0.7"])
@pytest.mark.parametrize("threat", ["oblivious", pytest.param("adaptive", marks=pytest.mark.slow)])
def test_an_attack_that_moves_no_pixel_lets_nothing_hold(model, dataset, attack, threat):
    results = evaluate(model, dataset, [attack], ["none", "webp:60"], threat, limit=10, only_correct=True)
    attacked = [row for row in results.rows if row.attack != "none"]
    assert attacked
    assert all(row.unreliable is not None for row in attacked)
    assert "is not known to hold" in conclusion(results) or "is not known: " in conclusion(results)


@pytest.mark.parametrize("attack", ["bim:0", "square:0,queries=20"])
def test_epsilon_0_moves_nothing_and_is_no_failure(model, dataset, attack):
    results = evaluate(model, dataset, [attack], ["none", "webp:60"], "oblivious", limit=10, only_correct=True)
    assert [row.unreliable for row in results.rows] == [None] * 4


def test_square_that_moves_pixels_is_believed(model, dataset):
    results = evaluate(model, dataset, ["square:4,queries=20"], ["none"], limit=10)
    assert results.row("square:4,queries=20", "none").unreliable is None


def test_one_cause_is_told_once():
    def row(threat, attack, defence, unreliable):
        return Row(threat, attack, defence, 24, 12, 0.5, (0.3, 0.7), unreliable=unreliable)

    still = "a loss that did not move on {} of 23 images"
    rows = [row("adaptive", f"bim:{number}", "webp:60", still.format(number)) for number in range(1, 10)]
    rows += [row("adaptive", f"bim:{number}", "flip", still.format(5)) for number in range(1, 10)]
    rows += [row("adaptive", "worst:4", "flip", f"{still.format(5)}; images that withstand epsilon 128")]
    rows += [row("oblivious", "bim:1", "flip", None)]
    first, second = unreliable_warnings(rows)
    assert "against webp:60; adaptive" in first
    assert "(8 more like it)" in first
    assert second.startswith("unreliable: adaptive worst:4 against flip: images that withstand epsilon 128.")
