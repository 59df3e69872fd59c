"""The labelling page: a small web server on which raters label."""
