"""Launch: a small process that starts ffmpeg in the converter's place. It knows nothing but Python.

A fork copies the tables of all pages that a process has: of a converter with 60 MB that takes 5 ms,
and the pages that both change afterwards take as long again. So nothing here may import more than
the standard library, and of that little.
"""
