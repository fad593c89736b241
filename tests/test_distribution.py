"""What is uploaded: PyPI's page needs no file beside it, and the distribution holds what the page promises."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"""\b(?:href|src|srcset)\s*=\s*["']?([^"'\s>]+)""")


def links(markdown: str) -> list[str]:
    """Every link and picture of a page as HTML: inline, by reference, or written in HTML itself."""
    return LINK.findall(MarkdownIt("commonmark").enable("table").render(markdown))


@pytest.mark.parametrize(
    "markdown",
    [
        "[a](page.md)",
        "![a](figures/a.png)",
        "[a][b]\n\n[b]: page.md",
        '<img src="page.md">',
        "| a |\n| - |\n| [a](page.md) |",
    ],
)
def test_no_way_to_write_a_link_is_missed(markdown):
    assert links(markdown) in (["page.md"], ["figures/a.png"])


def test_pypis_page_links_to_nothing_that_pypi_has_not():
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg", encoding="utf-8")
    assert metadata["metadata"]["long_description_content_type"] == "text/markdown"
    kind, _, file = metadata["metadata"]["long_description"].partition(":")
    assert kind == "file"
    found = links((ROOT / file.strip()).read_text(encoding="utf-8"))
    assert found
    # nor to its own headings, whose ids PyPI changes
    assert [link for link in found if not link.startswith("https://")] == []


def test_the_source_distribution_holds_the_pages_that_pypis_page_promises(tmp_path):
    pytest.importorskip("setuptools")
    copy = tmp_path / "copy"
    kept_out = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "runs", "shared")
    shutil.copytree(ROOT, copy, ignore=kept_out)
    build = "from setuptools.build_meta import build_sdist; build_sdist('.')"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    with tarfile.open(next(copy.glob("*.tar.gz"))) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
        described = next(each for each in archive.getmembers() if each.name.count("/") == 1 and "PKG-INFO" in each.name)
        information = archive.extractfile(described).read().decode()
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tf_lowdef").rglob("README.md")]
    assert len(pages) >= 15
    assert {*pages, "README.md"} - there == set()
    assert (ROOT / "tf_lowdef" / "PYPI.md").read_text(encoding="utf-8").strip() in information
