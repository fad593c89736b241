"""What an import may cost."""

import subprocess
import sys

import pytest

import tf_lowdef

LIGHT = [
    "import tf_lowdef",
    "import tf_lowdef.files",
    "import tf_lowdef.jobs",
    "import tf_lowdef.report",
    "import tf_lowdef.results",
    "import tf_lowdef.webp",
    "import tf_lowdef.webp.pillow",
    "import tf_lowdef.cli.main",
    "import tf_lowdef.cli.evaluate",
    "from tf_lowdef.cli.main import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    "from tf_lowdef.cli.main import main\ntry: main(['export', '--help'])\nexcept SystemExit: pass",
    "from tf_lowdef.cli.main import main\ntry: main(['serve-check', '--help'])\nexcept SystemExit: pass",
    "from tf_lowdef.cli.main import main\ntry: main(['certify', '--help'])\nexcept SystemExit: pass",
    "from tf_lowdef.cli.main import main\ntry: main(['evaluate', '--help'])\nexcept SystemExit: pass",
]


def loaded_after(code):
    program = f"{code}\nimport sys; print(); print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("code", LIGHT, ids=range(len(LIGHT)))
def test_no_tensorflow(code):
    assert not loaded_after(code) & {"tensorflow", "keras", "cleverhans"}


REPORT = """
from tf_lowdef.results import Results, Row
Results({}, [Row(None, 'none', 'none', 1, 1, 1.0, (0.2, 1.0), per_image=(1.0,))], (), ('a',)).save('run')
from tf_lowdef.cli.main import main
try: main(['report', 'NAME'])
except SystemExit as stopped: assert stopped.code == CODE, stopped.code
"""


def test_a_report_needs_no_tensorflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not loaded_after(REPORT.replace("NAME", "run").replace("CODE", "0")) & {"tensorflow", "keras", "cleverhans"}
    assert (tmp_path / "run" / "report.html").stat().st_size > 5000


def test_a_folder_that_is_missing_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loaded = loaded_after(REPORT.replace("NAME", "nowhere").replace("CODE", "2"))
    assert not loaded & {"tensorflow", "keras", "matplotlib", "scipy", "jinja2"}


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
