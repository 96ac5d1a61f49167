"""Request ids: what an answer and its lines in the log are known by."""

import random


def new_request_id() -> str:
    """128 random bits in hex. They are no secret: to ask the system for them took a poll's 4 %."""
    return f"{random.getrandbits(128):032x}"
