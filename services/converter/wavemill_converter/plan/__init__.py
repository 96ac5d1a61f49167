"""Plan: every decision about a conversion, made before it starts. Pure."""
