"""Keys under which what was measured is kept (see ``blender.measured``): digests of all that it depends on."""

from __future__ import annotations

import hashlib

import msgspec

from blender.records import Candidate, Dialog, Pool


def pool_key(pool: Pool) -> bytes:
    """Digest of all that an annotator can read of a pool."""
    return digest(_dialog(pool.dialog), [_candidate(candidate) for candidate in pool.candidates])


def candidate_key(dialog: Dialog, candidate: Candidate) -> bytes:
    """Digest of all that an annotator that judges candidates one by one can read."""
    return digest(_dialog(dialog), _candidate(candidate))


def digest(*parts: object) -> bytes:
    """Sixteen bytes that name plain values."""
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).digest()


def _dialog(dialog: Dialog) -> list[object]:
    return [[(turn.speaker, turn.text) for turn in dialog.turns], dialog.facts, dialog.locale]


def _candidate(candidate: Candidate) -> list[object]:
    origins = [(origin.source, origin.rank, origin.score) for origin in candidate.origins]
    return [
        candidate.text,
        candidate.source,
        candidate.kind,
        candidate.rank,
        candidate.score,
        sorted(candidate.features.items()),
        sorted(candidate.stored.items()),
        candidate.sampled.fingerprint if candidate.sampled else None,
        candidate.matched,
        candidate.evidence,
        origins,
    ]
