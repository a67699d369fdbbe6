// Finds, in a DICOM file or a bare dataset, what decoding needs: PS3.5 clause 7, PS3.10 clause 7.
#pragma once

#include "dicom/dataset.h"
#include "dicom/source.h"

namespace dcmturbo {

struct ScanOptions {
    bool bare_dataset = false;  // starts with dataset elements: inflated, or written from a Dataset
    bool explicit_vr = true;    // of a bare dataset; corrected where the first element contradicts it
    bool big_endian = false;    // of a bare dataset
};

// Reads the elements before the pixel data, skips long values, and never reads the pixel data.
// A file cut short gives what was found up to there. A Dataset without pixel data is no error.
// Throws DecodeError(not_dicom) for data that cannot be DICOM.
Dataset scan(const Source& source, const ScanOptions& options = {});

}  // namespace dcmturbo
