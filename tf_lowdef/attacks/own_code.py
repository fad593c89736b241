"""The code of a user's own attack, by its hash: an attack's text tells its arguments only."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap

from tf_lowdef.attacks.attack import Attack

_OURS = ("tf_lowdef", "builtins", "abc")


def hash_own_code(attack: Attack) -> str | None:
    """Return a SHA-256 of the classes of an attack that are not this package's; None where all are.

    Comments and spaces are none of it. A class whose source nobody has, of an interactive session, goes by its name.
    """
    own = [kind for kind in type(attack).__mro__ if kind.__module__.partition(".")[0] not in _OURS]
    return hashlib.sha256("\0".join(map(_text, own)).encode()).hexdigest() if own else None


def _text(kind: type) -> str:
    try:
        return ast.dump(ast.parse(textwrap.dedent(inspect.getsource(kind))))
    except (OSError, TypeError, SyntaxError):
        return f"{kind.__module__}.{kind.__qualname__}"
