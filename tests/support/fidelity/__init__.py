"""What the fidelity tests need: inputs of every kind, reference commands, other programs' eyes."""
