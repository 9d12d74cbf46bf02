"""The site of the documentation, built as `make docs` does."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.integration.commands import BIN
from tests.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build = [str(BIN / "mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def pages(site: Path) -> list[Path]:
    return sorted(site.rglob("*.html"))


def test_nothing_is_loaded_from_elsewhere(site):
    assert len(pages(site)) >= 20
    for page in pages(site):
        html = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]+)\"", html)
        loaded += re.findall(
            r"<link\b[^>]*\brel=\"(?:stylesheet|icon|preconnect|preload)\"[^>]*\bhref=\"([^\"]+)\"", html
        )
        loaded += re.findall(
            r"<link\b[^>]*\bhref=\"([^\"]+)\"[^>]*\brel=\"(?:stylesheet|icon|preconnect|preload)\"", html
        )
        assert loaded
        assert not [url for url in loaded if re.match(r"(https?:)?//", url)], page


def test_what_a_page_loads_is_there(site):
    for page in pages(site):
        html = page.read_text(encoding="utf-8")
        for url in re.findall(r"<(?:script|img)\b[^>]*\bsrc=\"([^\"#?]+)\"", html):
            assert (page.parent / url).exists() or page.name == "404.html", (page, url)


def test_files_beside_the_pages_are_there(site):
    assert (site / "clusters" / "kubernetes" / "tune.yaml").exists()
    assert (site / "clusters" / "slurm" / "tune.sbatch").exists()
    assert (site / "benchmarks" / "results" / "winner_gap.png").exists()
    assert not list(site.rglob("*.py"))


def test_docstrings_are_shown_as_they_are_meant(site):
    html = (site / "api.html").read_text(encoding="utf-8")
    for name in ("sb3_hpo.TrialEvalCallback", "sb3_hpo.TuningSettings", "sb3_hpo.testing.SearchSpaceTestCase"):
        assert f'id="{name}"' in html, name
    assert not re.findall(r":(?:param|return|raises|class|data|meth|func|mod|attr|math)\b[^<]{0,40}:", html)
    assert "<code>n_validation_seeds</code>" in html
    assert "the best finalist and the default" not in re.findall(r"<pre>.*?</pre>", html, flags=re.DOTALL)
    parameters = re.search(r'id="sb3_hpo\.TuningSettings".*?<table>(.*?)</table>', html, flags=re.DOTALL)
    assert parameters is not None
    assert "trials that this command adds to the study" in parameters[1]
