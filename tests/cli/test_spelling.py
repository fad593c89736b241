"""What is misspelled ends before TensorFlow is imported, with exit code 2; what is right passes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tf_lowdef.attacks.spec import ATTACKS, _form
from tf_lowdef.cli.spelling import attack_forms, defence_forms, recipe_forms
from tf_lowdef.layers.forms import forms
from tf_lowdef.specs import Form
from tf_lowdef.training.recipes.spec import RECIPES
from tf_lowdef.training.recipes.spec import _form as recipe_form

WRONG = [
    (["evaluate", "--attack", "bmi:4"], "Did you mean 'mim'"),
    (["evaluate", "--attack", "bim:four"], "'epsilon' of 'bim' must be float"),
    (["evaluate", "--attack", "bim:4,stps=3"], "Did you mean 'steps'"),
    (["evaluate", "--defence", "webp:60+flp"], "Did you mean 'flip'"),
    (["evaluate", "--defence", "webp:high"], "'quality' of 'webp'"),
    (["evaluate", "--defence", "gate(webp:60+flp)"], "Did you mean 'flip'"),
    (["evaluate", "--defence", "gate:often(webp:60)"], "'false_positive_rate' of 'gate'"),
    (["evaluate", "--defence", "flip+gate(webp:60)"], "A gate is written gate(DEFENCE)"),
    (["evaluate", "--model", "MobileNetV2", "--data", ".", "--calibration", "."], "--calibration needs a gate"),
    (["gate", "-o", "out.keras", "--defence", "gate(webp:60)"], "a gate is made of plain defences"),
    (["gate", "-o", "out.keras", "--squeezer", "none"], "a gate is made of plain defences"),
    (["gate", "-o", "out.h5"], "--out must end in .keras"),
    (["gate", "-o", "out.keras", "--false-positive-rate", "1"], "is not in the range 0<x<1"),
    (["gate", "-o", "out.keras", "--false-positive-rate", "0.1", "--max-clean-drop", "1"], "Give one of"),
    (["gate", "-o", "out.keras", "--data", "."], "--data needs --model"),
    (["evaluate", "--threat", "adaptve"], "'adaptve' is not one of"),
    (["evaluate", "--threat", "adaptive", "--budget", "slow"], "'slow' is not one of"),
    (["evaluate", "--model", "MobilNetV2", "--data", "."], "Did you mean MobileNetV2?"),
    (["evaluate", "--model", "MobileNet:alfa=0.75", "--data", "."], "has no 'alfa'. Did you mean 'alpha'?"),
    (["evaluate", "--attack", "pgd:l1:0.5"], "'epsilon' of 'pgd' must be float, not 'l1:0.5'"),
    (["evaluate", "--model", "mine.keras", "--data", "."], "'mine.keras': no such file"),
    (["evaluate", "--model", "MobileNetV2", "--weights", "w.h5", "--data", "."], "'w.h5': no such file"),
    (["evaluate", "--model", "MobileNetV2", "--data", "images.csv"], "'images.csv': no such file or folder"),
    (["sweep", "--attack", "fgsm:4,steps=3"], "The attack 'fgsm' has no 'steps'"),
    (["attack", ".", "-o", "out", "--attack", "deepfol"], "Did you mean 'deepfool'"),
    (["harden", "--recipe", "fgsm:4", "-o", "h.keras"], "Did you mean 'fgsm-rs'"),
    (["harden", "--recipe", "pgd:4,stps=3", "-o", "h.keras"], "Did you mean 'steps'"),
    (["harden", "--recipe", "vaccinate:60", "-o", "h.keras"], "'quality' of 'vaccinate' must be range"),
    (["harden", "--defence", "wepb:60", "-o", "h.keras"], "Did you mean 'webp'"),
    (["harden", "-o", "h.h5"], "--out must be a .keras file"),
    (["harden", "--epochs", "0", "-o", "h.keras"], "0 is not in the range"),
    (["harden", "--validation", "nowhere", "-o", "h.keras"], "'nowhere': no such file or folder"),
    (["report", "nothing"], "nothing: no such folder"),
    (["report", "setup.cfg"], "is a file, not a run's folder"),
]


OUT_OF_RANGE = [
    (["harden", "--recipe", "fgsm-rs:0.03", "-o", "h.keras"], "`epsilon` is in grey levels of 255"),
    (["harden", "--defence", "webp:101", "-o", "h.keras"], "`quality` must be"),
    (["evaluate", "--defence", "webp:101"], "'webp:101': `quality` must be a number from 0 to 100"),
    (["evaluate", "--attack", "bim:0.03"], "`epsilon` is in grey levels of 255"),
    (["sweep", "--attack", "bim:300"], "`epsilon` must be"),
    (["evaluate", "--attack", "pgd:l2:128"], "`epsilon` in L2 is of images with pixels in [0, 1]"),
    (["evaluate", "--attack", "pgd:l2"], "`epsilon` has to be said in L2"),
    (["attack", ".", "-o", "out", "--attack", "deepfool:steps=0"], "`steps` must be"),
    (["export", "--defence", "webp:101", "--out", "out"], "`quality` must be"),
]


def plain(form: Form):
    return {key: set(kinds) for key, kinds in form.keys.items()}, form.first, form.words


def test_attacks_are_spelled_as_they_are_made():
    assert {name: plain(form) for name, form in attack_forms().items() if name != "none"} == {
        name: plain(_form(attack)) for name, attack in ATTACKS.items()
    }


def test_defences_are_spelled_as_they_are_made(monkeypatch):
    own = {name: form for name, form in forms().items() if name in defence_forms()}
    assert len(own) == len(defence_forms())
    assert {name: plain(form) for name, form in defence_forms().items()} == {
        name: plain(form) for name, form in own.items()
    }


def test_recipes_are_spelled_as_they_are_made():
    made = {name: plain(recipe_form(recipe)) for name, recipe in RECIPES.items()}
    assert {name: plain(form) for name, form in recipe_forms().items()} == made


@pytest.mark.parametrize(("arguments", "text"), WRONG, ids=[" ".join(each) for each, _ in WRONG])
def test_wrong_arguments_end_at_once(arguments, text):
    code = "import sys; from tf_lowdef.cli.main import main\ntry: main(sys.argv[1:])\nexcept SystemExit as end:\n"
    code += " print('tensorflow' in sys.modules or 'keras' in sys.modules); sys.exit(end.code)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (2, "False")
    assert text in " ".join(done.stderr.split())


@pytest.mark.parametrize(("arguments", "text"), OUT_OF_RANGE, ids=[" ".join(each) for each, _ in OUT_OF_RANGE])
def test_values_out_of_their_range_are_wrong_arguments_too(run_cli, tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    outcome = run_cli(*arguments)
    assert outcome.code == 2
    assert text in " ".join(outcome.err.split())
    assert not list(tmp_path.iterdir())
