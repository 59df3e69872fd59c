"""Pools that the default preset itself drew, labelled: what bundles for its own pools learn from and are judged on.

The labelled public sets are of systems from 2018 to 2020, and no pool of theirs looks like those of a small chat model
beside bases of phrases. ``drawn-chats*.jsonl`` are such pools: contexts of packaged conversations whose
phrases are not in the demo base, one of each, and the eight candidates that came on the shortlist; in
``drawn-talk*.jsonl`` the contexts were written for the project, on all that people tell a chatbot.
``drawn-facts*.jsonl`` are dialogs with facts (`blender.training.facts`); there the kind of an answer stands in its
``row_id``. `RULES.md` is how they were labelled, and by whom: by a large language model, not by people.
"""

from pathlib import Path

DRAWN = Path(__file__).parent
CHATS, CHATS_JUDGED, TALK, TALK_JUDGED, FACTS, FACTS_CHOICES, FACTS_JUDGED = (
    DRAWN / f"drawn-{name}.jsonl"
    for name in ("chats", "chats-judged", "talk", "talk-judged", "facts", "facts-choices", "facts-judged")
)
