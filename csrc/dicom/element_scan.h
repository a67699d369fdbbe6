// Finds what decoding needs in a DICOM file or a bare dataset: PS3.5 clause 7, PS3.10 clause 7.
#pragma once

#include "dicom/dataset.h"
#include "dicom/source.h"

namespace dcmturbo {

struct ScanOptions {
    bool bare_dataset = false;  // the source has no preamble and no File Meta Information, e.g. an inflated dataset
    bool explicit_vr = true;    // for a bare dataset; corrected if the first element contradicts it
    bool big_endian = false;    // for a bare dataset
};

// Reads the elements before the pixel data. It skips long values and never reads the pixel data. If the file is
// truncated, the result has everything up to its end. A dataset without pixel data is no error. Throws
// DecodeError(not_dicom) for data that cannot be DICOM.
Dataset scan(const Source& source, const ScanOptions& options = {});

}  // namespace dcmturbo
