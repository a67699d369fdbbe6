// Frames that share a dataset.
#pragma once

#include <memory>
#include <string>

#include "bindings/common.h"

namespace dcmturbo::bindings {

// One image of a batch: its frame index and the format of its frames.
struct Stream {
    std::shared_ptr<IndexHandle> index;
    std::string transfer_syntax;
    Attributes attributes;
    Format format;
    dcmturbo_request request{};
    std::uint32_t notes = 0;  // of the frames decoded so far
};

}  // namespace dcmturbo::bindings
