"""dcmturbo within pydicom: `registration` puts it there, `plugin` serves single frames, `arrays` whole pixel data."""
