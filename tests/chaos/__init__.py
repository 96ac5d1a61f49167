"""Chaos: real processes under kill -9, stops, lost Redises; an oracle that trusts none of them."""
