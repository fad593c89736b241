"""What was run and with what, for a report's last section."""

from __future__ import annotations

from typing import Any

from tf_lowdef.results.classes import describe_classes, read_class_names


def facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what was run and with what, as far as it is recorded."""
    data, model, machine = run.get("data", {}), run.get("model", {}), run.get("machine", {})
    arguments = run.get("arguments", {})
    found = [
        ("model", model.get("name")),
        ("weights, SHA-256", model.get("weights_sha256")),
        (
            "images",
            f"{data['used']} of {data['found']} in {data.get('source')}" if {"used", "found"} <= set(data) else None,
        ),
        ("classes", describe_classes(read_class_names(run)) or None),
        ("left out: misclassified by the bare model", data.get("left_out_misclassified") or None),
        ("images, SHA-256", data.get("sha256")),
        ("seed", run.get("seed")),
        *((name.replace("_", " "), _plain(value)) for name, value in arguments.items()),
        ("started", run.get("started")),
        ("seconds", run.get("seconds")),
        ("machine", ", ".join(f"{name} {value}" for name, value in machine.items()) or None),
        ("versions", ", ".join(f"{name} {value}" for name, value in run.get("versions", {}).items()) or None),
    ]
    return [(name, str(value)) for name, value in found if value is not None]


def _plain(value: Any) -> Any:
    return ", ".join(str(each) for each in value) if isinstance(value, list | tuple) else value
