"""Training and judging of the safety head: is an answer toxic, given what it answers?"""
