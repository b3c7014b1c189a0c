"""The schema's history. Each file of `versions` is one revision; storage.schema runs them."""
