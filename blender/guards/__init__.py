"""What must not be answered, in the order it is checked. Adding a guard is one file here and one line below."""

from blender.catalogue import Catalogue

GUARDS = Catalogue(
    "guard",
    {
        "empty": "blender.guards.empty:Empty",
        "too_long": "blender.guards.too_long:TooLong",
        "block_list": "blender.guards.block_list:BlockList",
        "toxicity": "blender.guards.toxicity:ToxicityLimit",
        "echo": "blender.guards.echo:Echo",
        "repetition": "blender.guards.repetition:Repetition",
        "stuffing": "blender.guards.stuffing:Stuffing",
        "crisis": "blender.guards.crisis:Crisis",
    },
)
