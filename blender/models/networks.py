"""Running a network over token ids: ONNX files one input at a time, checkpoints in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from blender.deadline import while_wanted
from blender.errors import BadModel, MissingPackage
from blender.matrix import Floats
from blender.models.quiet import quiet_transformers
from blender.models.tokens import TokenIds

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

Pooling = Literal["mean", "cls", "none"]
_BATCH_TOKENS = 4096
_BATCH_INPUTS = 64


class Network(Protocol):
    """Token ids in, one row of numbers out."""

    def __call__(self, inputs: Sequence[TokenIds]) -> Floats:
        """Return float32 (number of inputs, width of the output); the rows do not depend on each other.

        Raises:
            Late: the caller's deadline is over.
        """
        ...


class OnnxNetwork:
    """An ONNX file, run one input at a time on one thread each.

    Dynamically quantised networks scale by the largest activation of the whole batch, so a batch would change
    the values; several inputs run side by side instead.

    Args:
        path: the ``.onnx`` file.
        pooling: what to do with an output of shape (1, tokens, width); ``none`` expects (1, width).

    Raises:
        MissingPackage: onnxruntime is not installed.
        BadModel: the file cannot be read.
    """

    def __init__(self, path: Path, pooling: Pooling) -> None:
        try:
            ort: Any = import_module("onnxruntime")
        except ImportError as fault:
            raise MissingPackage(
                f"{path.name} needs onnxruntime; install it with `pip install 'response-blender[onnx]'`"
            ) from fault
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as fault:  # onnxruntime's own exceptions share no public base class
            raise BadModel(f"{path} cannot be read as an ONNX network: {fault}") from fault
        self._names = [given.name for given in self._session.get_inputs()]
        unknown = set(self._names) - {"input_ids", "attention_mask", "token_type_ids"}
        if unknown:
            raise BadModel(f"{path} wants inputs that a text encoder does not have: {', '.join(sorted(unknown))}")
        self._pooling: Pooling = pooling
        self._workers = ThreadPoolExecutor(cpu_count() or 1, thread_name_prefix="onnx")

    def __call__(self, inputs: Sequence[TokenIds]) -> Floats:
        """Return float32 (number of inputs, width)."""
        run = map if len(inputs) == 1 else self._workers.map
        return np.asarray(np.stack(list(while_wanted(run(self._one, inputs)))), dtype=np.float32)

    def _one(self, tokens: TokenIds) -> NDArray[np.floating]:
        every: dict[str, NDArray[np.int64]] = {
            "input_ids": np.array([tokens.ids], dtype=np.int64),
            "attention_mask": np.ones((1, len(tokens)), dtype=np.int64),
            "token_type_ids": np.array([tokens.types], dtype=np.int64),
        }
        output = self._session.run(None, {name: every[name] for name in self._names})[0]
        row = np.asarray(output)[0]
        if row.ndim == 1:
            return np.asarray(row)
        return np.asarray(row[0] if self._pooling == "cls" else row.mean(axis=0))


class TorchNetwork:
    """A transformers checkpoint in float32 on the CPU.

    Inputs of like length share a batch; padding is masked, so a batch moves values by rounding only (below 1e-5).

    Args:
        module: in evaluation mode; gives ``last_hidden_state`` or, for pooling ``none``, ``logits``.
        pooling: ``mean`` over the tokens that are not padding, ``cls`` the first token, ``none`` the logits.
        padding: token id that fills the shorter inputs.
    """

    def __init__(self, module: Any, pooling: Pooling, padding: int) -> None:
        self._module = module
        self._pooling: Pooling = pooling
        self._padding = padding
        self._typed = getattr(module.config, "type_vocab_size", 0) > 1

    def __call__(self, inputs: Sequence[TokenIds]) -> Floats:
        """Return float32 (number of inputs, width)."""
        rows: list[Floats | None] = [None] * len(inputs)
        for batch in while_wanted(batches([len(tokens) for tokens in inputs])):
            for at, row in zip(batch, self._run([inputs[at] for at in batch]), strict=True):
                rows[at] = row
        return np.stack([row for row in rows if row is not None])

    def _run(self, inputs: Sequence[TokenIds]) -> Floats:
        import torch

        ids, mask, types, _ = padded(inputs, self._padding)
        more = {"token_type_ids": types} if self._typed else {}
        with torch.inference_mode():
            output = self._module(input_ids=ids, attention_mask=mask, **more)
            none = self._pooling == "none"
            rows = output.logits if none else pooled(output.last_hidden_state, mask, self._pooling)
        return np.asarray(rows.float().numpy(), dtype=np.float32)


def pooled(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """The first token's state of each input (``cls``), or the mean of those that are not padding."""
    if pooling == "cls":
        return hidden[:, 0]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)


def padded(inputs: Sequence[TokenIds], padding: int) -> tuple[torch.Tensor, ...]:
    """Ids, mask, types, and what is 1 for the tokens of an input's last text, each int64 (inputs, longest)."""
    import torch

    ids = torch.full((len(inputs), max(map(len, inputs))), padding)
    mask, types, own = (torch.zeros_like(ids) for _ in range(3))
    for at, one in enumerate(inputs):
        size = len(one)
        ids[at, :size] = torch.tensor(one.ids)
        types[at, :size] = torch.tensor(one.types)
        mask[at, :size] = 1
        own[at, size - 1 - one.own : size - 1] = 1
    return ids, mask, types, own


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group positions by length: at most so many inputs, and so many tokens with padding."""
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: (lengths[at], at)):
        # Sorted, so the newcomer is the longest and sets the padded width.
        if batch and (len(batch) == _BATCH_INPUTS or (len(batch) + 1) * lengths[at] > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def load_checkpoint(folder: Path, kind: Literal["AutoModel", "AutoModelForSequenceClassification"]) -> Any:
    """Load a transformers checkpoint from its safetensors, in float32, ready to evaluate.

    Raises:
        BadModel: it cannot be read, or parts of its weights are missing, as when it was made for something else.
    """
    import torch
    from safetensors import SafetensorError

    # Not `import transformers`: while another thread imports it, that gives the half-made module it replaces.
    transformers = import_module("transformers")
    try:
        with quiet_transformers():
            module, report = getattr(transformers, kind).from_pretrained(
                str(folder),
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,  # unsaid, transformers asks whether to run the folder's code
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as fault:
        raise BadModel(f"{folder} cannot be read as a transformers checkpoint with safetensors: {fault}") from fault
    # An encoder's pooler is not used and often absent; any other gap would mean random weights.
    absent = [name for name in report["missing_keys"] if kind != "AutoModel" or not name.startswith("pooler.")]
    if absent:
        raise BadModel(
            f"{folder} lacks weights for {kind}: {', '.join(sorted(absent)[:5])}; use a checkpoint of that kind"
        )
    return module.eval()


def position_limit(config: Any) -> int | None:
    """Tokens a checkpoint takes; RoBERTa's kin count positions from behind the padding id."""
    limit: int | None = getattr(config, "max_position_embeddings", None)
    if limit and config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        return limit - int(config.pad_token_id) - 1
    return limit
