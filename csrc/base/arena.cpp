// Scratch memory in chunks, of which only the last one is used for new allocations.
#include "base/arena.h"

#include <algorithm>
#include <new>

#include "base/checked.h"
#include "base/error.h"
#include "os/memory.h"

namespace dcmturbo {

namespace {

constexpr std::size_t smallest_chunk = std::size_t{64} << 10;
// Chunks of this size and more are huge pages where the system has them: neighbouring rows of an image lie in different
// small pages, of which a processor knows few at a time.
constexpr std::size_t smallest_mapped = 2 * os::huge_page;

}  // namespace

Arena::~Arena() { release_chunks(); }

void Arena::release_chunks() {
    for (const Chunk& chunk : chunks_) give_back(chunk);
    chunks_.clear();
}

Arena::Chunk Arena::take(std::size_t size) const {
    if (owner_ != nullptr) return {owner_->allocate(size), size};
    if (size < smallest_mapped)
        return {static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment})), size};
    const std::size_t whole = checked_add(size, os::huge_page - 1) / os::huge_page * os::huge_page;
    void* const pages = os::map_pages(whole);
    if (pages == nullptr) throw std::bad_alloc();
    return {static_cast<std::byte*>(pages), whole};
}

void Arena::give_back(const Chunk& chunk) const {
    if (owner_ != nullptr) return;
    if (chunk.size < smallest_mapped) ::operator delete (chunk.base, std::align_val_t{alignment});
    else os::unmap_pages(chunk.base, chunk.size);
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
    chunks_.push_back(take(size));
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
            give_back(*oldest);
            chunks_.erase(oldest);
        }
        used_ = 0;
    }
    total_ = mark.total;
}

void Arena::reset() {
    // A rewind may have left a single chunk that is smaller than what the frame needed.
    const std::size_t wanted = std::max(total_, peak_);
    if (capacity() < wanted || chunks_.size() > 1) {
        release_chunks();
        chunks_.push_back(take(wanted));
    }
    used_ = 0;
    total_ = 0;
    peak_ = 0;
}

void Arena::trim(std::size_t keep) {
    peak_ = std::max(peak_, total_);  // reset() makes one chunk of that size
    if (capacity() > keep) {
        release_chunks();
        if (peak_ > keep) peak_ = 0;
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
