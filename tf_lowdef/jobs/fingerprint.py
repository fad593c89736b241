"""Whether a run is the same as the one that a folder holds, and what differs where it is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

Identity = Mapping[str, Any]
"""All that decides a run's results, in plain JSON values: arguments, seed, hashes of weights and data, versions."""

MISSING = "nothing"
"""How a field that one of two identities lacks is shown."""


class RunMismatchError(ValueError):
    """A folder holds another run than the one that is to go on in it."""


def fingerprint(identity: Identity) -> str:
    """Return a SHA-256 of an identity, whatever the order of its fields, as hexadecimal text."""
    return hashlib.sha256(_text(identity).encode()).hexdigest()


def differences(before: Identity, now: Identity) -> list[str]:
    """Return what differs, field by field: ``"arguments.seed: 0, now 1"``."""
    old, new = _flat(before), _flat(now)
    return [
        f"{name}: {_shown(old, name)}, now {_shown(new, name)}"
        for name in dict.fromkeys([*old, *new])
        if name not in old or name not in new or _text(old[name]) != _text(new[name])
    ]


def _flat(identity: Any, prefix: str = "") -> dict[str, Any]:
    """Return the fields of nested mappings under dotted names."""
    found: dict[str, Any] = {}
    for name, value in identity.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _shown(flat: Mapping[str, Any], name: str) -> str:
    return json.dumps(flat[name], ensure_ascii=False) if name in flat else MISSING


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
