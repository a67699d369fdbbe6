"""dcmturbo in pydicom: `registration` installs it, `plugin` handles single frames, `arrays` whole pixel data."""
