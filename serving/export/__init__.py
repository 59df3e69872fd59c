"""`blend export`: what was judged, in the forms that trainers of language models read."""
