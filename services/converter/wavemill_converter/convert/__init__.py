"""Convert: the two paths from an uploaded file to its published results."""
