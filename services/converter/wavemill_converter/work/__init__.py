"""Work: from the lease of a job to the commit that ends it."""
