"""Annotators: each measures every candidate of a pool. Adding one is one file here and one line below.

Serving runs them in this order: first what costs next to nothing, then the encoder's, of which `relevance` has all that
the others ask for embedded in one pass, at last the language model's.
"""

from blender.catalogue import Catalogue

ANNOTATORS = Catalogue(
    "annotator",
    {
        "length": "blender.features.length:Length",
        "origin": "blender.features.origin:OriginOf",
        "source": "blender.features.source:SourceOf",
        "overlap": "blender.features.overlap:Overlap",
        "rarity": "blender.features.rarity:Rarity",
        "toxicity": "blender.features.toxicity:Toxicity",
        "relevance": "blender.features.relevance:Relevance",
        "consensus": "blender.features.consensus:Consensus",
        "genericness": "blender.features.genericness:Genericness",
        "support": "blender.features.support:Support",
        "proxy": "blender.features.proxy:Proxy",
        "reply": "blender.features.reply:Reply",
        "safety": "blender.features.safety:Safety",
        "cross_encoder": "blender.features.cross_encoder:CrossEncoder",
        "perplexity": "blender.features.perplexity:Perplexity",
        "states": "blender.features.states:States",
        "coherence": "blender.features.coherence:Coherence",
        "consistency": "blender.features.consistency:Consistency",
    },
)
