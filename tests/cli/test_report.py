import fsspec
import pytest

from tf_lowdef.results import Results, Row


def make_run(folder):
    rows = [Row(None, "none", "none", 10, 9.0, 0.9, (0.6, 0.98), per_image=(1.0,) * 9 + (0.0,))]
    Results({"warnings": [], "skipped": []}, rows, (), tuple("abcdefghij")).save(folder)


def test_a_report_is_made_again_from_the_folder_alone(run_cli, tmp_path):
    make_run(tmp_path)
    outcome = run_cli("report", tmp_path)
    assert outcome.code == 0, outcome.err
    assert f"Page: {tmp_path / 'report.html'}" in outcome.out
    assert "unknown version" in outcome.err
    assert {"report.html", "report.md", "accuracy.png"} <= {path.name for path in tmp_path.iterdir()}
    (tmp_path / "report.html").unlink()
    (tmp_path / "correct.csv").unlink()
    outcome = run_cli("report", tmp_path)
    assert outcome.code == 0
    assert "correct.csv is missing" in (tmp_path / "report.html").read_text()


def test_an_unusable_run_is_one_line_and_exit_code_1(run_cli, tmp_path):
    for content in (None, "{", '{"rows": []}'):
        if content is not None:
            (tmp_path / "results.json").write_text(content)
        outcome = run_cli("report", tmp_path)
        assert outcome.code == 1
        assert outcome.err.startswith(f"Error: {tmp_path / 'results.json'}: ")
        assert outcome.err.count("\n") == 1
        assert not (tmp_path / "report.html").exists()
    assert run_cli("report", tmp_path / "nowhere").code == 2


@pytest.fixture
def url(tmp_path):
    files = fsspec.filesystem("memory")
    files.makedirs(f"/{tmp_path.name}")
    yield f"memory://{tmp_path.name}/run"
    files.rm(f"/{tmp_path.name}", recursive=True)


def test_a_report_of_a_run_at_a_url(run_cli, tmp_path, url):
    files = fsspec.filesystem("memory")
    outcome = run_cli("report", url)
    assert (outcome.code, outcome.err) == (1, f"Error: {url}: no such folder\n")
    files.pipe_file(f"{url}/notes.txt", b"mine")
    outcome = run_cli("report", url)
    assert outcome.code == 1
    assert outcome.err.startswith(f"Error: {url}/results.json: no such file")
    make_run(tmp_path / "run")
    files.put(str(tmp_path / "run" / "results.json"), f"{url}/results.json")
    files.put(str(tmp_path / "run" / "correct.csv"), f"{url}/correct.csv")
    outcome = run_cli("report", url)
    assert outcome.code == 0, outcome.err
    assert f"Page: {url}/report.html" in outcome.out
    assert files.cat_file(f"{url}/report.html").startswith(b"<!doctype html>")
    assert files.cat_file(f"{url}/notes.txt") == b"mine"
