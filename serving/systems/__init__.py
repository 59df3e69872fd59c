"""Systems under test: whatever answers dialogs, told by one spec. Adding a kind is one file here and one line below."""

import re
from collections.abc import Iterable

# What a spec looks like and what opens it, tried in this order: name: (pattern, module:function).
KINDS = {
    "file": (r"file:.+", "blender.serving.systems.predictions_file:open_file"),
    "api": (r"api:.+", "blender.serving.systems.server:open_server"),
    "source": (r".+#[^#]+", "blender.serving.systems.source:open_source"),
    "blender": (r".+", "blender.serving.systems.whole:open_whole"),
}


def kind_of(spec: str) -> str:
    """Name of the kind that a spec is of.

    >>> [kind_of(spec) for spec in ("default", "default#retrieval", "file:preds.csv", "api:http://localhost/v1#tiny")]
    ['blender', 'source', 'file', 'api']
    """
    kinds: Iterable[tuple[str, tuple[str, str]]] = KINDS.items()
    return next(name for name, (pattern, _) in kinds if re.fullmatch(pattern, spec, re.DOTALL))
