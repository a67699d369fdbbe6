"""Archives: many objects transcoded, with a manifest that says what became of each."""
