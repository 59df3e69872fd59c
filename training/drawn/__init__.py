"""Pools that the default preset itself drew, labelled: what its ``own`` bundle learns from and is judged on.

The labelled public sets are of systems from 2018 to 2020, and no pool of theirs looks like those of a small chat model
beside a base of students' small talk. ``chats.jsonl`` and ``chats_judged.jsonl`` are such pools: contexts of packaged
conversations whose phrases are not in the demo base, one of each, and the eight candidates that came on the shortlist.
``facts*.jsonl`` are the same for dialogs with facts (`blender.training.facts`); there the kind of an answer stands in
its ``row_id``. `RULES.md` is how they were labelled, and by whom: by a large language model, not by people.
"""

from pathlib import Path

DRAWN = Path(__file__).parent
CHATS, CHATS_JUDGED = DRAWN / "chats.jsonl", DRAWN / "chats_judged.jsonl"
FACTS, FACTS_CHOICES, FACTS_JUDGED = (DRAWN / f"{name}.jsonl" for name in ("facts", "facts_choices", "facts_judged"))
