// Finds the values of chosen attributes in a dataset and in its nested sequences: PS3.5 clause 7.5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "dicom/element_reader.h"
#include "dicom/source.h"

namespace dcmturbo {

struct FoundValue {
    std::uint32_t path = 0;   // number of the path that led here
    std::uint32_t outer = 0;  // item of the outermost sequence of the path; 0 if there is none
    std::uint32_t inner = 0;  // item of the innermost sequence of the path; 0 if there is none
    std::uint64_t offset = 0;
    std::span<const std::byte> value{};  // valid during the call that reports it
};

// Reports the attributes that `paths` name, in the order of the dataset. A path is a list of tags: those of nested
// sequences, and then that of the attribute. All other elements are skipped. The walk ends before `stop_tag` at the top
// level. It needs no recursion, and its depth is that of the longest path. Values of undefined length, and values that
// the source cuts off, are not reported.
void find_attributes(const Source& source, std::uint64_t offset, Encoding encoding, std::uint32_t stop_tag,
                     std::span<const std::span<const std::uint32_t>> paths,
                     const std::function<void(const FoundValue&)>& report);

}  // namespace dcmturbo
