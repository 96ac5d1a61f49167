"""Segments: one long conversion by several ffmpegs at once, on slots that stand idle.

What comes out is, to the byte, what one ffmpeg alone would have made. Whatever is in doubt is left
to the path that has no segments.
"""
