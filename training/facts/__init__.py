"""Training and judging of the fact head: does an answer say what the facts say, or what cannot be true by them?

``persona.jsonl`` and ``documents.jsonl`` are what the head learns from, ``hard.jsonl`` is a test in which
contradictions must be worked out. ``judged.jsonl`` is a label file on which everything is judged. Its labels go by how
an answer was written (sensible, specific): backed by the facts 1, 1; good though it uses none 1, 0.6; passing over
facts that were asked for 0.7, 0.3; dull 0.5, 0.1; what a fact says where that is no answer 0.1, 0; contrary to a fact
0, 0. No person judged them. Beside these stand pools as the default preset drew them (`blender.training.drawn`): some
the head learns from, too, on some the weight of a contradiction is fitted, on others all is judged.
"""
