// Scratch memory in chunks, of which only the last one is used for new allocations.
#include "base/arena.h"

#include <algorithm>
#include <new>

#include "base/checked.h"
#include "base/error.h"

namespace dcmturbo {

namespace {

constexpr std::size_t smallest_chunk = std::size_t{64} << 10;

std::byte* new_block(std::size_t size) {
    return static_cast<std::byte*>(::operator new (size, std::align_val_t{Arena::alignment}));
}

}  // namespace

Arena::~Arena() { release_chunks(); }

void Arena::release_chunks() {
    for (const Chunk& chunk : chunks_) ::operator delete (chunk.base, std::align_val_t{alignment});
    chunks_.clear();
}

std::byte* Arena::allocate(std::size_t size) {
    const std::size_t padded = checked_add(size, slack + alignment - 1) & ~(alignment - 1);
    if (!chunks_.empty() && padded <= chunks_.back().size - used_) {
        std::byte* result = chunks_.back().base + used_;
        used_ += padded;
        total_ += padded;
        return result;
    }
    return grow(padded);
}

std::byte* Arena::grow(std::size_t padded) {
    if (checked_add(total_, padded) > cap_) {
        fail(ErrorCode::limit, no_offset,
             "decoding needs more scratch memory than dt.config.limits.max_scratch allows (%llu bytes)",
             static_cast<unsigned long long>(cap_));
    }
    // A new chunk is as large as all chunks together. Work that is rewound and repeated then fits in one chunk the
    // second time.
    const std::size_t size = std::max({padded, smallest_chunk, total_, peak_});
    chunks_.reserve(chunks_.size() + 1);
    chunks_.push_back({new_block(size), size});
    used_ = padded;
    total_ += padded;
    return chunks_.back().base;
}

std::byte* Arena::allocate_checked(std::size_t count, std::size_t size) {
    return allocate(checked_multiply(count, size));
}

void Arena::rewind(const Mark& mark) {
    peak_ = std::max(peak_, total_);
    if (chunks_.size() == mark.chunks) {
        used_ = mark.used;
    } else {
        // The newest chunk is the largest. So it is kept, even if an older chunk was empty at the mark.
        const std::size_t full = mark.chunks - (mark.used == 0 && mark.chunks > 0 ? 1 : 0);
        while (chunks_.size() > full + 1) {
            const auto oldest = chunks_.begin() + static_cast<std::ptrdiff_t>(full);
            ::operator delete (oldest->base, std::align_val_t{alignment});
            chunks_.erase(oldest);
        }
        used_ = 0;
    }
    total_ = mark.total;
}

void Arena::reset() {
    if (chunks_.size() > 1) {
        const std::size_t wanted = std::max(total_, peak_);
        release_chunks();
        chunks_.push_back({new_block(wanted), wanted});
    }
    used_ = 0;
    total_ = 0;
    peak_ = 0;
}

void Arena::trim(std::size_t keep) {
    peak_ = std::max(peak_, total_);  // reset() makes one chunk of that size
    if (capacity() > keep) {
        release_chunks();
        peak_ = 0;
    }
    used_ = 0;
    total_ = 0;
}

std::size_t Arena::capacity() const {
    std::size_t sum = 0;
    for (const Chunk& chunk : chunks_) sum += chunk.size;
    return sum;
}

}  // namespace dcmturbo
