"""Annotators: each measures every candidate of a pool. Adding one is one file here and one line below."""

from blender.catalogue import Catalogue

ANNOTATORS = Catalogue(
    "annotator",
    {
        "length": "blender.features.length:Length",
        "origin": "blender.features.origin:OriginOf",
        "relevance": "blender.features.relevance:Relevance",
        "perplexity": "blender.features.perplexity:Perplexity",
        "toxicity": "blender.features.toxicity:Toxicity",
        "safety": "blender.features.safety:Safety",
        "rarity": "blender.features.rarity:Rarity",
        "overlap": "blender.features.overlap:Overlap",
        "cross_encoder": "blender.features.cross_encoder:CrossEncoder",
        "consensus": "blender.features.consensus:Consensus",
        "genericness": "blender.features.genericness:Genericness",
        "support": "blender.features.support:Support",
        "proxy": "blender.features.proxy:Proxy",
        "reply": "blender.features.reply:Reply",
        "states": "blender.features.states:States",
        "coherence": "blender.features.coherence:Coherence",
    },
)
