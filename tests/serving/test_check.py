"""A sound export passes every check, in three processes; each way of spoiling one fails, by name."""

import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from tf_lowdef import FlipLayer, serving
from tf_lowdef.serving import processes
from tf_lowdef.serving.check import run_checks
from tf_lowdef.serving.exchange import Answer, Answers
from tf_lowdef.serving.processes import NoCompilerError, Run, build_native
from tf_lowdef.serving.saved_model import read_meta_graph

BEFORE = ["files", "warm-up", "operations"]
IN_A_PROCESS = ["serving_default", "serving_bytes", "bad requests"]


def by_name(results):
    return {result.name: result for result in results}


def names(where):
    return [f"{where} {name}" for name in IN_A_PROCESS]


def edit_graph(root, edit):
    """Change the saved graph's functions."""
    from tensorflow.core.protobuf import saved_model_pb2

    file = root / "1" / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    edit(model.meta_graphs[0].graph_def.library.function)
    file.write_bytes(model.SerializeToString())


def native_or_skip():
    try:
        return build_native()
    except NoCompilerError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("export", ["small_export", pytest.param("demo_export", marks=pytest.mark.long)])
def test_a_sound_export_passes_every_check(export, request):
    results = serving.check(request.getfixturevalue(export))
    native = names("native") if shutil.which("cc") else ["native"]
    assert [result.name for result in results] == [*BEFORE, *names("python"), *native]
    assert [result for result in results if result.passed is False] == []
    assert "pixels identical" in by_name(results)["python serving_bytes"].detail
    assert "8 images" in by_name(results)["python serving_bytes"].detail
    assert "14 marked, 7 errors" in by_name(results)["python bad requests"].detail


def test_no_python_in_the_native_process():
    linked = subprocess.run(["ldd", native_or_skip()], capture_output=True, text=True, check=True).stdout
    assert "libtensorflow_cc" in linked
    assert "libpython" not in linked


def test_the_bare_process_cannot_import_the_package():
    program = (
        "import runpy, sys\n"
        f"Barred = runpy.run_path({str(processes._resource('isolated.py'))!r})['Barred']\n"
        "sys.meta_path.insert(0, Barred())\n"
        "import tf_lowdef.layers"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ImportError: tf_lowdef is barred in this process" in done.stderr


@pytest.mark.slow
def test_without_a_compiler_the_native_checks_are_skipped(flip_export, no_compiler):
    results = serving.check(flip_export / "1")
    assert [result.name for result in results] == [*BEFORE, *names("python"), "native"]
    assert results[-1].passed is None
    assert "no C compiler" in results[-1].detail
    assert all(result.passed for result in results[:-1])


@pytest.mark.slow
def test_other_weights_are_noticed(copied_export, small_base, tmp_path):
    native_or_skip()
    serving.export(keras.Sequential([FlipLayer(), small_base(gain=0.11)]), tmp_path / "other")
    shutil.rmtree(copied_export / "1" / "variables")
    shutil.copytree(tmp_path / "other" / "1" / "variables", copied_export / "1" / "variables")
    results = by_name(serving.check(copied_export))
    for name in ("python serving_default", "python serving_bytes", "native serving_default", "native serving_bytes"):
        assert results[name].passed is False
        assert "logits are up to" in results[name].detail
    assert "a good request after them: logits" in results["native bad requests"].detail


@pytest.mark.slow
def test_damaged_weights_are_noticed(copied_export):
    native_or_skip()
    file = copied_export / "1" / "variables" / "variables.data-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[4] ^= 255
    file.write_bytes(bytes(content))
    failed = [result.name for result in serving.check(copied_export) if result.passed is False]
    assert failed == ["python load", "native load"]


def change_op(name):
    def edit(functions):
        node = next(node for function in functions for node in function.node_def if node.op == "ReverseV2")
        node.op = name

    return edit


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ("NoSuchOp", "NoSuchOp is not one of stock TensorFlow's"),
        pytest.param("PyFunc", "calls back into the Python process", marks=pytest.mark.slow),
        pytest.param("DecodeWebP", "is not in TensorFlow 2.16", marks=pytest.mark.slow),
    ],
)
def test_operations_that_servers_lack_are_found_inside_functions(op, message, copied_export, no_compiler):
    edit_graph(copied_export, change_op(op))
    results = by_name(serving.check(copied_export))
    assert results["operations"].passed is False
    assert message in results["operations"].detail
    assert results["python load"].passed is False or results["python serving_default"].passed is False


def test_the_graph_has_nothing_but_stock_operations(small_export):
    graph_def = read_meta_graph(small_export / "1").graph_def
    assert not any("jit" in str(function.attr.get("_XlaMustCompile", "")) for function in graph_def.library.function)
    assert not any("PyFunc" in node.op for function in graph_def.library.function for node in function.node_def)


@pytest.mark.parametrize("file", ["assets.extra/tf_lowdef_expected.npz", "saved_model.pb"])
def test_damaged_files_are_named(file, copied_export):
    (copied_export / "1" / file).write_bytes(b"\x01\x02\x03")
    (result,) = serving.check(copied_export)
    assert (result.name, result.passed) == ("files", False)
    assert file in result.detail


@pytest.mark.slow
def test_missing_answers_and_damaged_warmup(copied_export, no_compiler):
    (copied_export / "1" / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"broken" * 10)
    results = by_name(run_checks(copied_export))
    assert results["warm-up"].passed is False
    assert "damaged" in results["warm-up"].detail
    (copied_export / "1" / "assets.extra" / "tf_lowdef_expected.npz").unlink()
    (result,) = serving.check(copied_export)
    assert "no such file" in result.detail


def test_nothing_exported(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match="no exported model"):
            serving.check(path)


def test_the_highest_version_is_checked(copied_export):
    shutil.copytree(copied_export / "1", copied_export / "10")
    shutil.copytree(copied_export / "1", copied_export / "9")
    assert f"{copied_export / '10'}:" in next(run_checks(copied_export)).detail


def test_a_crash_is_a_failed_check(flip_export, monkeypatch):
    """As if the process had died on the first request."""
    ended = processes._run([sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"])
    assert ended == "it was killed by SIGSEGV"
    crashed = Run(Answers(None, {"serving_default": Answer({"logits": np.zeros((3, 3), np.float32)})}), [], ended)
    module = sys.modules["tf_lowdef.serving.check"]
    monkeypatch.setattr(module, "run_python", lambda *_: crashed)
    monkeypatch.setattr(module, "run_native", lambda *_: Run(Answers(), None, ended))
    results = by_name(serving.check(flip_export))
    assert "has the shape None" in results["python serving_default"].detail
    assert results["python serving_bytes"].detail == "no answer: it was killed by SIGSEGV"
    assert "no-bytes: no answer: it was killed by SIGSEGV" in results["python bad requests"].detail
    assert results["native load"].detail == "the process said nothing; it was killed by SIGSEGV"
    assert not any(results[name].passed for name in results if name.startswith(("python", "native")))
