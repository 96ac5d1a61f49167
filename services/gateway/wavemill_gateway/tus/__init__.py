"""tus 1.0 (https://tus.io/protocols/resumable-upload): files in one stream, resumed where it broke.

A request that appends is taken apart into pieces, each an object that is stored if none is there
yet (pieces.py). What is stored tells how far an upload has come; nothing else is asked, and nothing
is acknowledged before. Of the requests for one upload the newest wins (turns.py, appending.py).
"""
