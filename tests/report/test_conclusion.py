"""The first sentence of a report, on results made up here."""

import pytest

from tf_lowdef.report import conclusion
from tf_lowdef.report.glance import glance_table
from tf_lowdef.results import Results, Row

WEBP = "webp:60+flip"


def row(threat, attack, defence, top1, unreliable=None, epsilon=None, budget="standard"):
    setting = {} if epsilon is None else {"epsilon": epsilon, "budget": budget}
    interval = (top1 - 0.05, top1 + 0.05)
    return Row(threat, attack, defence, 100, top1 * 100, top1, interval, setting=setting, unreliable=unreliable)


def results(*rows, defences=("none", WEBP)):
    return Results({}, [*(row(None, "none", defence, 0.9) for defence in defences), *rows])


def oblivious(top1, defence=WEBP, epsilon=4, **more):
    return row("oblivious", f"bim:{epsilon}", defence, top1, epsilon=epsilon, **more)


def worst(top1, defence=WEBP, epsilon=4, **more):
    return row("adaptive", f"worst:{epsilon}", defence, top1, epsilon=epsilon, **more)


def test_it_holds_against_the_ignorant_alone():
    assert conclusion(results(oblivious(0.46), worst(0.01))) == (
        "`webp:60+flip` at epsilon 4 holds in part against an attacker who does not know of it (46 % of 100 images, "
        ""
        "95 % interval 41 to 51, under bim:4), and does not hold against one who does (1 % of 100 images, "
        "95 % interval -4 to 6, in the worst case)."
    )


def test_adaptive_60_percent_holds_in_part():
    text = conclusion(results(oblivious(0.85), worst(0.6)))
    assert text == (
        "`webp:60+flip` at epsilon 4 holds against an attacker who does not know of it (85 % of 100 images, "
        ""
        "95 % interval 80 to 90, under bim:4), and holds in part against one who does (60 % of 100 images, "
        "95 % interval 55 to 65, in the worst case)."
    )


def test_epsilon_0_says_nothing_where_another_is_there():
    nothing = oblivious(0.9, epsilon=0)
    found = results(nothing, oblivious(0.46, epsilon=6), worst(0.01, epsilon=6))
    assert found.epsilon == 6
    assert conclusion(found) == conclusion(results(oblivious(0.46, epsilon=6), worst(0.01, epsilon=6)))
    assert results(nothing).epsilon == 0


@pytest.mark.parametrize("budget", ["quick", "none"])
def test_without_the_standard_budget_nothing_is_claimed(budget):
    assert "60 % of 100 images, 95 % interval 55 to 65, in the worst case; not a robustness claim" in conclusion(
        results(worst(0.6, budget=budget))
    )
    assert "claim" not in conclusion(results(worst(0.0, budget=budget)))


def test_an_unreliable_worst_case_is_not_known():
    text = conclusion(results(oblivious(0.85), worst(0.6, unreliable="the model gives no gradient")))
    assert "whether it holds against one who does is not known" in text
    assert "60 % that are left in the worst case are an upper bound and unreliable (the model gives no" in text
    assert "holds in part" not in text


def test_an_unreliable_oblivious_row_is_no_success():
    text = conclusion(results(oblivious(0.9, unreliable="nothing but zero gradients")))
    assert "is not known to hold against an attacker who does not know of it (90 % under bim:4, unreliable" in text


def test_nothing_survives():
    rows = [oblivious(0.5), oblivious(0.1, "jpeg:60"), worst(0.0), worst(0.02, "jpeg:60"), worst(0.0, "none")]
    text = conclusion(results(*rows, defences=("none", "jpeg:60", WEBP)))
    assert "does not hold against one who does (0 % of 100 images, 95 % interval -5 to 5, in the worst case)" in text
    assert "No other defence holds against him either: the best, `jpeg:60`, keeps 2 %." in text


def test_it_alone_holds():
    rows = [oblivious(0.5), worst(0.5), worst(0.02, "jpeg:60")]
    text = conclusion(results(*rows, defences=("none", "jpeg:60", WEBP)))
    assert "No other defence holds against him: the best, `jpeg:60`, keeps 2 %." in text


def test_unreliable_defences_are_named_and_not_ranked():
    defences = ("none", "jpeg:60", "flip", WEBP)
    rows = [oblivious(0.5), worst(0.0), worst(0.4, "jpeg:60"), worst(0.9, "flip", unreliable="masked")]
    text = conclusion(results(*rows, defences=defences))
    assert "Of the others `jpeg:60` keeps most against him, 40 %." in text
    assert "Unreliable, and not ranked: `flip`." in text
    assert "90 %" not in text


def test_only_the_oblivious_attacker_was_tried():
    text = conclusion(results(oblivious(0.95)))
    assert "whether it holds against an attacker who knows of it was not tried" in text


def test_attacks_without_an_epsilon_are_of_none():
    tried = [row(threat, "deepfool", WEBP, left) for threat, left in (("oblivious", 0.6), ("adaptive", 0.0))]
    left = "deepfool, which has none, leaves 0 % of 100 images, 95 % interval -5 to 5."
    assert conclusion(results(tried[1])) == f"`webp:60+flip` was attacked within no epsilon: {left}"
    assert conclusion(results(*tried)).endswith(f", and one who does attacked it within no epsilon: {left}")


def test_only_the_adaptive_attacker_was_tried():
    assert conclusion(results(worst(0.0))) == (
        "`webp:60+flip` at epsilon 4 does not hold against an attacker who knows of it (0 % of 100 images, "
        "95 % interval -5 to 5, in the worst case)."
    )


def test_the_strongest_oblivious_attack_at_epsilon_4_counts():
    weak = row("oblivious", "fgsm:4", WEBP, 0.8, epsilon=4)
    assert "(20 % of 100 images, 95 % interval 15 to 25, under bim:4)" in conclusion(
        results(weak, oblivious(0.2), oblivious(0.01, epsilon=8))
    )
    assert "at epsilon 2 " in conclusion(results(oblivious(0.2, epsilon=2), oblivious(0.1, epsilon=8)))


def test_without_webp_and_flip_it_is_about_the_best():
    rows = [oblivious(0.3, "jpeg:60"), oblivious(0.6, "flip"), oblivious(0.0, "none")]
    assert conclusion(results(*rows, defences=("none", "jpeg:60", "flip"))).startswith(
        "`flip` at epsilon 4 holds in part"
    )


def test_the_bare_model_alone():
    assert conclusion(results(oblivious(0.0, "none"), defences=("none",))) == (
        "The bare model at epsilon 4 does not hold (0 % of 100 images, 95 % interval -5 to 5, under bim:4)."
    )
    doubtful = conclusion(results(worst(0.9, "none", unreliable="masked"), defences=("none",)))
    assert "is not known to hold" in doubtful
    assert "unreliable: masked" in doubtful


def transfer(top1, defence=WEBP, **more):
    return row("transfer", "bim:4", defence, top1, epsilon=4, **more)


def test_only_another_model_was_attacked():
    assert conclusion(results(transfer(0.85), transfer(0.6, "none"))) == (
        "`webp:60+flip` at epsilon 4 holds against an attacker who knows neither it nor the model (85 % of 100 images, "
        "95 % interval 80 to 90, under bim:4), and whether it holds against an attacker who knows of it was not tried."
    )
    doubtful = conclusion(results(transfer(0.85, unreliable="masked")))
    assert "is not known to hold against an attacker who knows neither it nor the model (85 %" in doubtful


def test_who_knows_more_comes_first():
    text = conclusion(results(transfer(0.85), worst(0.0)))
    assert (
        "nor the model (85 % of 100 images, "
        "95 % interval 80 to 90, under bim:4), and does not hold against an attacker who knows of it (" in text
    )
    text = conclusion(results(transfer(0.1), oblivious(0.85), worst(0.0)))
    assert "holds against an attacker who does not know of it (85 %" in text
    assert "and does not hold against one who does" in text


def test_a_transfer_attack_is_named_in_the_table():
    (line,) = glance_table(results(transfer(0.85), defences=(WEBP,))).rows
    assert line[2] == "85.0 (80.0 to 90.0) transfer bim:4"
    (line,) = glance_table(results(oblivious(0.85), defences=(WEBP,))).rows
    assert line[2] == "85.0 (80.0 to 90.0) bim:4"


def test_clean_images_alone():
    assert conclusion(results()) == "Only clean images were tried: nothing is said of any attack on `webp:60+flip`."


def made(n, clean, top1, classes=10, **more):
    """Rows of the bare model alone, with intervals as wide as those of a few images."""
    rows = [
        Row(None, "none", "none", n, n * clean, clean, (max(0, clean - 0.1), min(1, clean + 0.1)), setting={}),
        Row("oblivious", "bim:4", "none", n, n * top1, top1, (0, 1), setting={"epsilon": 4}, **more),
    ]
    return Results({"model": {"classes": classes}}, rows)


def test_one_image_shows_nothing():
    text = conclusion(made(1, 1.0, 1.0))
    assert "is not known to hold (100 % of 1 images, 95 % interval 0 to 100, under bim:4" in text
    assert "not a robustness claim" in text


def test_who_guesses_does_not_hold():
    text = conclusion(made(100, 0.1, 0.1))
    assert "The bare model at epsilon 4 is not known to hold" in text
    assert "guessing would be right on 10 %" in text
    assert "guessing" not in conclusion(made(100, 0.9, 0.5))


def test_the_largest_epsilon_is_named():
    text = conclusion(results(worst(0.6, epsilon=2), worst(0.1, epsilon=8)))
    assert "At epsilon 8, the largest that was tried, 10 % are left." in text
    assert "largest" not in conclusion(results(worst(0.6)))
