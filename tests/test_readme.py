"""What the README says can be done, can be done; what it links to is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPI = (ROOT / "tf_lowdef" / "PYPI.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
OFFLINE = [text for kind, text in BLOCKS if kind == "bash offline" or (kind == "python" and "load_demo" in text)]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "tf_lowdef").rglob("README.md")),
    *sorted((ROOT / "scripts").rglob("*.md")),
]
ROOMS = (
    "layers",
    "models",
    "attacks",
    "evaluation",
    "results",
    "certification",
    "serving",
    "jobs",
    "folders",
    "webp/graph",
)


def test_it_is_short():
    assert len(README.encode()) <= 12_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_its_page(room):
    text = (ROOT / "tf_lowdef" / room / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# ")


def test_what_pypi_shows_says_the_same():
    code = re.findall(r"^```[^\n]*\n(.*?)^```$", PYPI, flags=re.MULTILINE | re.DOTALL)
    assert code
    assert all(block in README for block in code)


@pytest.mark.slow
@pytest.mark.parametrize("text", OFFLINE)
def test_what_needs_no_network_runs_as_it_stands(text, tmp_path):
    place = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": place, "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    program = [sys.executable, "-c"] if "import" in text else ["bash", "-euc"]
    done = subprocess.run([*program, text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
