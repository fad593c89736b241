"""Whether an export serves: its operations, and its answers in processes that know nothing of this package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tf_lowdef.serving.bad_requests import bad_requests
from tf_lowdef.serving.compare import compare
from tf_lowdef.serving.exchange import Arrays, Request
from tf_lowdef.serving.expected import read_expected
from tf_lowdef.serving.graph_ops import newer_ops, unservable, uses
from tf_lowdef.serving.processes import NoCompilerError, Run, run_native, run_python
from tf_lowdef.serving.samples import Expected
from tf_lowdef.serving.saved_model import Signature, find_version, read_meta_graph, read_signatures
from tf_lowdef.serving.signatures import INPUTS, PIXELS_INPUT, PIXELS_SIGNATURE
from tf_lowdef.serving.warmup import read_warmup

AGAIN = "again"
"""The request after the bad ones, which shows that the process still answers rightly."""


class CheckResult(NamedTuple):
    """One check.

    Attributes:
        name: What was checked.
        passed: None where it could not be done.
        detail: What was found, or why it failed or was skipped.
    """

    name: str
    passed: bool | None
    detail: str


def check(path: str | os.PathLike[str]) -> list[CheckResult]:
    """Check that an export serves, and answers as when it was exported.

    Operations are looked up in stock TensorFlow's registry, in every function of the graph. The model is loaded, asked
    and compared in a fresh Python process in which tf_lowdef cannot be imported, and where a C compiler is there in a
    process without Python: pixels behind the defence must be identical to the stored ones, logits within 1e-4, the
    most probable class the same. Bytes that are no image, images of no size and tensors of a wrong shape must give
    TensorFlow's errors, after which the process must still answer rightly.

    Args:
        path: An export's folder, whose highest version is checked, or the folder of a version.

    Returns:
        The checks in the order they were done.

    Raises:
        FileNotFoundError: There is no exported model.
    """
    return list(run_checks(path))


def run_checks(path: str | os.PathLike[str]) -> Iterator[CheckResult]:
    """Yield the results of `check` one by one, as they come."""
    folder = find_version(Path(path))
    try:
        meta_graph = read_meta_graph(folder)
        expected = read_expected(folder)
        signatures = read_signatures(meta_graph)
        requests = make_requests(expected, signatures)
    except (OSError, ValueError) as error:
        yield CheckResult("files", False, str(error))
        return
    yield CheckResult("files", True, f"{folder}: {', '.join(sorted(expected))}")
    yield _check_warmup(folder, signatures)
    operations = sorted({use.op for use in uses(meta_graph.graph_def)})
    own = {function.signature.name for function in meta_graph.graph_def.library.function}
    run = run_python(folder, requests, [name for name in operations if name not in own])
    yield _check_operations(meta_graph.graph_def, len(operations), run)
    yield from _check_run("python", run, requests, expected)
    try:
        run = run_native(folder, requests)
    except NoCompilerError as error:
        yield CheckResult("native", None, str(error))
        return
    yield from _check_run("native", run, requests, expected)


def make_requests(expected: Expected, signatures: dict[str, Signature]) -> list[Request]:
    """Return what is sent to each process: the expected inputs, the bad requests, and one of the first again.

    Raises:
        ValueError: The model lacks a signature, an input or an output that answers are expected of.
    """
    for name, (inputs, outputs) in expected.items():
        if name not in signatures:
            raise ValueError(f"The model has no signature {name!r}. Received: {sorted(signatures)}")
        lacking = {*inputs, *outputs} - set(signatures[name].nodes)
        if lacking:
            raise ValueError(f"Signature {name!r} lacks {', '.join(sorted(lacking))}")

    def request(name: str, signature: str, inputs: Arrays) -> Request:
        outputs = sorted(expected[signature][1])
        return Request(name, signature, inputs, signatures[signature].nodes, outputs)

    height, width = expected[PIXELS_SIGNATURE][0][PIXELS_INPUT].shape[1:3]
    good = [request(name, name, inputs) for name, (inputs, _) in expected.items()]
    bad = [
        request(name, signature, {INPUTS[signature]: array})
        for name, (signature, array) in bad_requests((height, width)).items()
    ]
    return [*good, *bad, request(AGAIN, PIXELS_SIGNATURE, expected[PIXELS_SIGNATURE][0])]


def _check_warmup(folder: Path, signatures: dict[str, Signature]) -> CheckResult:
    try:
        requests = read_warmup(folder)
    except (OSError, ValueError) as error:
        return CheckResult("warm-up", False, str(error))
    for request in requests:
        name = request.model_spec.signature_name
        if name not in signatures or set(request.inputs) != set(signatures[name].inputs):
            return CheckResult("warm-up", False, f"a request does not fit the model: {name!r} {sorted(request.inputs)}")
    return CheckResult("warm-up", True, f"{len(requests)} requests")


def _check_operations(graph_def: object, count: int, run: Run) -> CheckResult:
    found = [f"{each.op} at {each.path} {each.why}" for each in unservable(graph_def)]
    if run.unknown is None:
        found.append(f"the process that knows stock TensorFlow's operations failed: {run.ended}")
    found += [f"{name} is not one of stock TensorFlow's" for name in run.unknown or ()]
    detail = f"{count} kinds, all of stock TensorFlow {newer_ops()['oldest']}"
    return CheckResult("operations", not found, "; ".join(found[:3]) or detail)


def _check_run(where: str, run: Run, requests: list[Request], expected: Expected) -> Iterator[CheckResult]:
    """Yield the checks of one process's answers."""
    if run.answers.failed is not None:
        yield CheckResult(f"{where} load", False, "; ".join(filter(None, (run.answers.failed, run.ended))))
        return
    answered = run.answers.by_name
    lost = f"no answer: {run.ended or 'the process stopped'}"
    for signature, (_, outputs) in expected.items():
        problem, detail = compare(answered.get(signature), outputs, lost)
        yield CheckResult(f"{where} {signature}", not problem, problem or detail)
    bad = [each.name for each in requests if each.name not in expected and each.name != AGAIN]
    wrong = [f"{name}: {lost}" for name in bad if name not in answered]
    wrong += [f"{name}: answered as if it were good" for name in bad if name in answered and not answered[name].error]
    problem, _ = compare(answered.get(AGAIN), expected[PIXELS_SIGNATURE][1], lost)
    wrong += [f"a good request after them: {problem}"] if problem else []
    wrong += [run.ended] if run.ended and not wrong else []
    detail = f"{len(bad)} errors, and right answers after them"
    yield CheckResult(f"{where} bad requests", not wrong, "; ".join(wrong[:3]) or detail)
