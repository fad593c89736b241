"""What was run: versions, hashes, and the folder that a run is written to."""

from __future__ import annotations

import hashlib
import platform
from datetime import datetime
from pathlib import Path
from typing import Any

from tf_lowdef.data.image_data import ImageData
from tf_lowdef.evaluation.images.selection import Selection
from tf_lowdef.evaluation.models.predict import class_count
from tf_lowdef.evaluation.versions import versions
from tf_lowdef.jobs import Folder, hold_run, local_path, move_remote
from tf_lowdef.models.identity import hash_weights, identify
from tf_lowdef.threads import available_cores


def move_aside(out: Folder) -> Path | str | None:
    """Rename a folder that holds files to ``NAME.1``, ``NAME.2`` ...; return the new path or URL, None without one.

    Raises:
        ModuleNotFoundError, ValueError: `out` is a URL that cannot be opened: see `working_folder`.
        RunInUseError: A process works on the run that is in it.
    """
    folder = local_path(out)
    if folder is None:
        return move_remote(str(out))
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    number = 1
    while (target := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    with hold_run(folder):
        folder.rename(target)
    return target


def describe_identity(
    model: Any, surrogate: Any, data: ImageData, arguments: dict[str, Any], seed: int, tool: str = "evaluate"
) -> dict[str, Any]:
    """Return all that decides a run's results and is known before it: a folder's run goes on only with the same.

    Pixels are not among it: each image's are compared with those that were classified when the run began.
    """
    listed = hashlib.sha256()
    for name, label in zip(data.names, data.labels.tolist(), strict=True):
        listed.update(f"{name}\0{label}\0".encode("utf-8", "surrogateescape"))
    return {
        "tool": tool,
        "arguments": {**arguments, "seed": seed},
        "model": identify(model),
        "surrogate": None if surrogate is None else identify(surrogate),
        "data": {"images": len(data), "names_and_labels_sha256": listed.hexdigest()},
        "versions": {package: found for package, found in versions().items() if package != "python"},
    }


def describe_run(model: Any, data: ImageData, selection: Selection, started: datetime) -> dict[str, Any]:
    """Return versions, hashes of weights and data, and which images were used."""
    return {
        "started": started.isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": available_cores()},
        "model": describe_model(model),
        "data": {
            "source": data.source,
            "classes": None if data.class_names is None else list(data.class_names),
            "sha256": data.digest(selection.indices),
            "found": len(data),
            "used": len(selection.indices),
            "left_out_misclassified": selection.left_out,
        },
        "skipped": [{"image": name, "reason": reason} for name, reason in selection.skipped],
    }


def describe_model(model: Any) -> dict[str, Any]:
    """Return a model's name, the hash of its weights and how many classes it tells apart."""
    return {
        "name": getattr(model, "name", type(model).__name__),
        "weights_sha256": hash_weights(model),
        "classes": class_count(model),
    }
