"""What an import may cost."""

import subprocess
import sys

import pytest

import tf_lowdef

LIGHT = [
    "import tf_lowdef",
    "import tf_lowdef.files",
    "import tf_lowdef.jobs",
    "import tf_lowdef.webp",
    "import tf_lowdef.webp.pillow",
    "import tf_lowdef.cli.main",
    "import tf_lowdef.cli.evaluate",
    "from tf_lowdef.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    "from tf_lowdef.cli.main import main\ntry: main(['export', '--help'])\nexcept SystemExit: pass",
    "from tf_lowdef.cli.main import main\ntry: main(['serve-check', '--help'])\nexcept SystemExit: pass",
    "from tf_lowdef.cli.main import main\ntry: main(['evaluate', '--help'])\nexcept SystemExit: pass",
]


def loaded_after(code):
    program = f"{code}\nimport sys; print(); print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("code", LIGHT, ids=range(len(LIGHT)))
def test_no_tensorflow(code):
    assert not loaded_after(code) & {"tensorflow", "keras", "cleverhans"}


def test_help_costs_little():
    assert not loaded_after(LIGHT[-1]) & {"numpy", "PIL", "matplotlib", "scipy"}


@pytest.mark.parametrize("name", tf_lowdef.__all__)
def test_every_public_name_is_there(name):
    assert getattr(tf_lowdef, name) is not None
    assert name in dir(tf_lowdef)


def test_packages_are_loaded_on_first_use_and_no_star_import_brings_them():
    assert tf_lowdef.webp.libwebp_version()
    assert not {"data", "layers", "webp"} & set(tf_lowdef.__all__)


def test_unknown_name():
    with pytest.raises(AttributeError, match="No tf_lowdef attribute nothing"):
        _ = tf_lowdef.nothing
