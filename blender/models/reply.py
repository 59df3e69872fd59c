"""A sentence encoder trained to find the reply to a context, and how much better a reply fits here than elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from blender.errors import BadModel
from blender.matrix import Floats
from blender.models.cache import file_digest, one_per_process, text_digest
from blender.models.encoder import Encoder, cosines, load_encoder
from blender.models.tuned import MANIFEST, is_tuned, newest_first, read_manifest

REPLIES = Path(__file__).parents[1] / "replies"
BANK, CONTEXTS, SCALE = "bank.safetensors", "contexts", "scale"


class ReplyModel:
    """Judges replies by contexts. Thread-safe.

    Args:
        encoder: trained on pairs of context and reply.
        turns: of a context, the newest, that it reads.
        bank: float32 (contexts, dimension), contexts of other conversations.
        scale: what a cosine is multiplied with before the soft maximum, as in training.
        fingerprint: names all of it.
    """

    def __init__(self, encoder: Encoder, turns: int, bank: Floats, scale: float, fingerprint: str) -> None:
        self.encoder = encoder
        self.fingerprint = fingerprint
        self._turns = turns
        self._bank = bank
        self._scale = scale

    def read(self, turns: Sequence[str]) -> str:
        """What it embeds of a context, given as its turns, oldest first."""
        return newest_first(turns[-self._turns :])

    def everywhere(self, replies: Floats) -> Floats:
        """How well (n, dimension) embedded replies fit the contexts of the bank, as a cosine; float32 (n,).

        The soft mean that makes ``fit - everywhere``, times the scale, the logarithm of how much likelier the reply is
        here than in a context at large: what InfoNCE estimates (van den Oord et al. 2018, arXiv:1807.03748).
        """
        import torch

        near = torch.from_numpy(cosines(replies, self._bank))
        mean = torch.logsumexp(self._scale * near, dim=1) - np.log(len(self._bank))
        return np.asarray((mean / self._scale).numpy(), dtype=np.float32)


def load_reply(model: str) -> ReplyModel:
    """Load ``default``, which comes with the package, or the folder that the training wrote; once per process.

    Raises:
        MissingPackage: the package of the encoder it starts from is not installed.
        BadModel: there is no such folder, or a file in it is broken or altered.
    """
    named = REPLIES / model
    return _load(named if is_tuned(named) else Path(model).expanduser().absolute())


@one_per_process
def _load(folder: Path) -> ReplyModel:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    if not is_tuned(folder):
        raise BadModel(
            f"no reply model at {str(folder)!r}: it has no {MANIFEST}; give 'default' or a folder made by "
            "`python -m blender.training.reply.train --out FOLDER`"
        )
    try:
        kept = load_file(folder / BANK)
        bank, scale = kept[CONTEXTS].astype(np.float32), float(kept[SCALE][0])
    except (OSError, SafetensorError, KeyError, IndexError) as fault:
        raise BadModel(f"{folder / BANK} cannot be read: {fault}; fetch or train the model anew") from None
    encoder = load_encoder(str(folder))
    name = text_digest(encoder.fingerprint, file_digest(folder / BANK))
    return ReplyModel(encoder, read_manifest(folder).turns, bank, scale, name)
