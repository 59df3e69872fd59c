"""Where candidates come from. Adding a source is one file here and one line below."""

from blender.catalogue import Catalogue

SOURCES = Catalogue(
    "source",
    {
        "retrieval": "blender.sources.retrieval:Retrieval",
        "generator": "blender.sources.generator:Generator",
        "grounded": "blender.sources.grounded:Grounded",
        "api": "blender.sources.api:Api",
        "canned": "blender.sources.canned:Canned",
    },
)
