"""Check: is what came out right, and what became of tags, cover and chapters?"""
