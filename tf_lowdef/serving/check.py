"""Whether an export serves: its operations, and its answers in processes that know nothing of this package."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_lowdef.serving.bad_requests import BadRequest, bad_requests
from tf_lowdef.serving.compare import compare
from tf_lowdef.serving.exchange import Answer, Arrays, Request
from tf_lowdef.serving.expected import read_expected
from tf_lowdef.serving.graph_ops import newer_ops, unservable, uses
from tf_lowdef.serving.processes import NoCompilerError, Run, run_native, run_python
from tf_lowdef.serving.samples import Expected
from tf_lowdef.serving.saved_model import Signature, find_version, read_meta_graph, read_signatures
from tf_lowdef.serving.signatures import INPUTS, PIXELS_INPUT, PIXELS_SIGNATURE, PROBABILITIES, VALID
from tf_lowdef.serving.warmup import read_warmup

AGAIN = "again"
"""The request after the bad ones, which shows that the process still answers rightly."""


class CheckResult(NamedTuple):
    """One check.

    Attributes:
        name: What was checked.
        passed: None where it could not be done.
        detail: What was found, or why it failed or was skipped.

    Example:
        >>> from tf_lowdef.serving import CheckResult
        >>> checks = [CheckResult("warm-up", True, "3 requests"), CheckResult("native", None, "no C compiler")]
        >>> [each.name for each in checks if each.passed is None]  # what could not be done
        ['native']
    """

    name: str
    passed: bool | None
    detail: str


def check(path: str | os.PathLike[str]) -> list[CheckResult]:
    """Check that an export serves, and answers as when it was exported.

    Operations are looked up in stock TensorFlow's registry, in every function of the graph. The model is loaded, asked
    and compared in a fresh Python process in which tf_lowdef cannot be imported, and where a C compiler is there in a
    process without Python: pixels behind the defence must be identical to the stored ones, logits within 1e-4, the
    most probable class the same. Bytes that are no image and images of no size must be marked, or be errors where the
    export says so; tensors of a wrong shape must be errors; after which the process must still answer rightly.

    Args:
        path: An export's folder, whose highest version is checked, or the folder of a version.

    Returns:
        The checks in the order they were done.

    Raises:
        FileNotFoundError: There is no exported model.

    Example:
        >>> import keras
        >>> from tf_lowdef import FlipLayer, as_classifier, defended_sequence
        >>> from tf_lowdef.serving import check, export
        >>> model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
        >>> folder = export(defended_sequence([FlipLayer()], as_classifier(model, (0, 255))), "served/mine")
        >>> [each.name for each in check("served/mine") if each.passed is False]
        []
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
    yield from _check_run("python", run, expected)
    try:
        run = run_native(folder, requests)
    except NoCompilerError as error:
        yield CheckResult("native", None, str(error))
        return
    yield from _check_run("native", run, expected)


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
        request(name, each.signature, {INPUTS[each.signature]: each.array})
        for name, each in bad_requests((height, width), marks(expected)).items()
    ]
    return [*good, *bad, request(AGAIN, PIXELS_SIGNATURE, expected[PIXELS_SIGNATURE][0])]


def marks(expected: Expected) -> bool:
    """Return whether an export marks bad images, as its expected answers show."""
    return all(VALID in outputs for _, outputs in expected.values())


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


def _check_run(where: str, run: Run, expected: Expected) -> Iterator[CheckResult]:
    """Yield the checks of one process's answers."""
    if run.answers.failed is not None:
        yield CheckResult(f"{where} load", False, "; ".join(filter(None, (run.answers.failed, run.ended))))
        return
    answered = run.answers.by_name
    lost = f"no answer: {run.ended or 'the process stopped'}"
    for signature, (_, outputs) in expected.items():
        problem, detail = compare(answered.get(signature), outputs, lost)
        yield CheckResult(f"{where} {signature}", not problem, problem or detail)
    size = expected[PIXELS_SIGNATURE][0][PIXELS_INPUT].shape[1:3]
    bad = bad_requests((size[0], size[1]), marks(expected))
    wrong = [f"{name}: {lost}" for name in bad if name not in answered]
    for name, request in bad.items():
        problem = _taken_for_good(answered[name], request, marks(expected)) if name in answered else ""
        wrong += [f"{name}: {problem}"] if problem else []
    problem, _ = compare(answered.get(AGAIN), expected[PIXELS_SIGNATURE][1], lost)
    wrong += [f"a good request after them: {problem}"] if problem else []
    wrong += [run.ended] if run.ended and not wrong else []
    marked = sum(marks(expected) and each.valid is not None for each in bad.values())
    detail = f"{marked} marked, {len(bad) - marked} errors, and right answers after them"
    yield CheckResult(f"{where} bad requests", not wrong, "; ".join(wrong[:3]) or detail)


def _taken_for_good(answer: Answer, request: BadRequest, mark: bool) -> str:
    """Return what is wrong with the answer to a bad request, or an empty string."""
    if not mark or request.valid is None:
        return "" if answer.error else "answered as if it were good"
    if answer.error:
        return answer.error
    valid = np.array(request.valid)
    if VALID not in answer.outputs or answer.outputs[VALID].tolist() != valid.tolist():
        return f"{VALID} is {answer.outputs.get(VALID)} instead of {valid.tolist()}"
    if any(answer.outputs[name][~valid].any() for name in answer.outputs):
        return "what is marked has other outputs than zeros"
    return "" if answer.outputs[PROBABILITIES][valid].any(axis=-1).all() else "what is good has no answer"
