// Fills the buffer that serves small reads.
#include "dicom/read_ahead.h"

#include <algorithm>

namespace dcmturbo {

std::span<const std::byte> ReadAhead::fill(std::uint64_t offset, std::size_t size, std::size_t ahead) {
    if (offset >= size_) return {};
    if (!memory_.empty()) return memory_.subspan(offset, std::min<std::uint64_t>(size, memory_.size() - offset));

    const std::size_t wanted = std::min<std::uint64_t>(std::max(size, ahead), size_ - offset);
    held_ = 0;
    if (wanted > small_.size()) {
        if (large_.size() < wanted) large_.resize(wanted);
        buffer_ = large_.data();
    } else {
        buffer_ = small_.data();
    }
    held_ = source_.read_at(offset, buffer_, wanted);
    start_ = offset;
    return {buffer_, std::min(size, held_)};
}

}  // namespace dcmturbo
