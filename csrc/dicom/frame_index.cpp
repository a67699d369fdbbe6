// Finds the bytes of each frame of native and encapsulated pixel data: PS3.5 8.1 and A.4.
#include "dicom/frame_index.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>
#include <utility>

#include "base/error.h"
#include "dicom/file_source.h"
#include "dicom/frame_starts.h"
#include "dicom/frame_walk.h"
#include "dicom/offset_table.h"

namespace dcmturbo {

namespace {

using Step = ItemWalk::Step;

const char* name_of(FrameTable table) {
    return table == FrameTable::extended ? "Extended Offset Table" : "Basic Offset Table";
}

// Frames of native pixel data follow one another without padding. A frame may begin inside a byte: PS3.5 8.1.1.
class NativeIndex final : public FrameIndex {
  public:
    NativeIndex(const Source& source, const NativeLayout& layout);

    [[nodiscard]] std::uint64_t frame_count() const override { return count_; }
    bool frame(std::uint64_t index, std::vector<FragmentRange>& out) const override;
    [[nodiscard]] unsigned first_bit(std::uint64_t index) const override;
    [[nodiscard]] FrameTable table() const override { return FrameTable::native; }
    [[nodiscard]] std::vector<std::string> warnings() const override { return warnings_; }

  private:
    [[nodiscard]] std::uint64_t word_bits() const { return std::uint64_t{8} * layout_.word_bytes; }

    NativeLayout layout_;
    std::uint64_t count_ = 0;
    std::vector<std::string> warnings_;
};

NativeIndex::NativeIndex(const Source& source, const NativeLayout& layout)
    : FrameIndex(layout.number_of_frames), layout_(layout) {
    if (layout.frame_bits == 0 || layout.word_bytes == 0)
        fail(ErrorCode::argument, no_offset, "a native frame has no bits");
    const std::uint64_t size = source.size();
    layout_.length = layout.offset < size ? std::min(layout.length, size - layout.offset) : 0;
    if (layout_.length > std::numeric_limits<std::uint64_t>::max() / 8)
        fail(ErrorCode::limit, no_offset, "the pixel data are too long");

    const std::uint64_t bits = layout_.length * 8;
    const std::uint64_t held = bits / layout_.frame_bits;
    const std::uint64_t promised = std::max<std::uint64_t>(layout.number_of_frames, 1);
    if (held < promised) {
        count_ = held + (bits % layout_.frame_bits != 0 ? 1 : 0);
        return;
    }
    count_ = promised;
    // If frames have few bits, the padding to an even length may be as long as a frame. It is no extra frame.
    const std::uint64_t expected = (promised * layout_.frame_bits + 7) / 8;
    if (held > promised && layout_.length > expected + expected % 2) {
        count_ = held;
        warnings_.push_back("NumberOfFrames is " + std::to_string(promised) + ", but the pixel data have " +
                            std::to_string(held) + " frames");
    }
}

bool NativeIndex::frame(std::uint64_t index, std::vector<FragmentRange>& out) const {
    out.clear();
    if (index >= count_) missing(index);
    const std::uint64_t begin = index * layout_.frame_bits;
    const std::uint64_t bits = layout_.length * 8;
    const bool whole = layout_.frame_bits <= bits - begin;
    const std::uint64_t end = whole ? begin + layout_.frame_bits : bits;
    const std::uint64_t first = begin / word_bits() * layout_.word_bytes;
    const std::uint64_t last = (end / word_bits() + (end % word_bits() != 0 ? 1 : 0)) * layout_.word_bytes;
    out.push_back({layout_.offset + first, std::min(last, layout_.length) - first});
    return whole;
}

unsigned NativeIndex::first_bit(std::uint64_t index) const {
    if (index >= count_) missing(index);
    return static_cast<unsigned>(index * layout_.frame_bits % word_bits());
}

// Finds frames by an offset table until one entry proves wrong, and then by scanning all items.
class EncapsulatedIndex final : public FrameIndex {
  public:
    EncapsulatedIndex(const Source& source, const EncapsulatedLayout& layout);

    [[nodiscard]] std::uint64_t frame_count() const override;
    [[nodiscard]] bool is_settled() const override {
        return kind_ != FrameTable::scanned || map_.load(std::memory_order_acquire) != nullptr;
    }
    bool frame(std::uint64_t index, std::vector<FragmentRange>& out) const override;
    [[nodiscard]] FrameTable table() const override;
    [[nodiscard]] std::vector<std::string> warnings() const override;

  private:
    enum class Claim : std::uint8_t { whole, cut, wrong };

    void raw_codestream();
    bool accept_extended(const Source& offset_source, const ByteRange& offsets, const Source& length_source,
                         const ByteRange& lengths);
    bool accept(FrameTable kind, OffsetClaims&& claims, std::vector<std::uint64_t>&& lengths);
    bool settle_end();
    bool group_by_claims();
    Claim claimed_frame(std::uint64_t index, std::vector<FragmentRange>& out) const;
    void trim(std::uint64_t index, std::vector<FragmentRange>& frame) const;
    bool starts_frame(const std::vector<FragmentRange>& fragments, std::uint64_t first) const;
    void store_map(FrameMap&& map) const;
    const FrameMap& settle() const;
    const FrameMap* drop_claims(std::uint64_t index) const;
    void warn(std::string text) const;

    const Source& source_;
    EncapsulatedLayout layout_;
    std::uint64_t begin_ = 0;  // the first item with frame data; offsets count from it
    std::uint64_t end_ = 0;
    FrameTable kind_ = FrameTable::scanned;
    std::vector<std::uint64_t> offsets_;  // of the frames that the data hold
    std::vector<std::uint64_t> lengths_;
    // The end of the last frame. It is past the end of the data if these are truncated.
    std::uint64_t last_target_ = 0;

    mutable std::mutex mutex_;                 // guards the members below
    mutable std::unique_ptr<FrameWalk> walk_;  // only for a remote source without a table, and only until map_ is set
    mutable std::unique_ptr<const FrameMap> owned_map_;
    mutable std::atomic<const FrameMap*> map_{nullptr};  // set once; the offset table is not used after that
    mutable FrameTable map_kind_ = FrameTable::scanned;
    mutable std::atomic<bool> lengths_wrong_{false};
    mutable bool keeps_claims_ = false;  // some entries are wrong, but scanning the items finds fewer frames
    mutable std::vector<std::string> warnings_;
};

EncapsulatedIndex::EncapsulatedIndex(const Source& source, const EncapsulatedLayout& layout)
    : FrameIndex(layout.number_of_frames), source_(source), layout_(layout) {
    const std::uint64_t size = source.size();
    const std::uint64_t left = layout.offset < size ? size - layout.offset : 0;
    end_ = layout.offset + (layout.undefined_length ? left : std::min(layout.length, left));
    last_target_ = end_;

    const BasicItem basic = find_basic_item(source, layout.offset, end_);
    if (!basic.is_item) {
        raw_codestream();
        return;
    }
    if (basic.is_fragment) warn("the pixel data begin without a Basic Offset Table");
    begin_ = basic.after;

    const BufferSource offset_bytes(layout.extended_offset_bytes);
    const BufferSource length_bytes(layout.extended_length_bytes);
    const bool in_memory = !layout.extended_offset_bytes.empty();
    const bool extended = in_memory ? accept_extended(offset_bytes, {0, offset_bytes.size(), true}, length_bytes,
                                                      {0, length_bytes.size(), true})
                                    : accept_extended(source, layout.extended_offsets, source, layout.extended_lengths);
    if (extended) return;
    if (accept(FrameTable::basic, read_offsets(source, basic.table, 4, basic.big_endian), {})) return;

    walk_ = std::make_unique<FrameWalk>(source_, begin_, end_, layout_.grouping);
    // For a remote source, visiting all items waits until somebody needs more than the first frames.
    if (!source.is_far() || promised() <= 1) (void)settle();
}

// Groups all items into frames, unless that is done already.
const FrameMap& EncapsulatedIndex::settle() const {
    const std::lock_guard lock(mutex_);
    if (map_.load(std::memory_order_relaxed) == nullptr) {
        store_map(group_fragments(source_, walk_->finish(layout_.undefined_length), promised(), layout_.grouping));
        walk_.reset();
    }
    if (!owned_map_->error.empty()) fail(ErrorCode::malformed, layout_.offset, "%s", owned_map_->error.c_str());
    return *owned_map_;
}

// Whether a frame can begin at this fragment. Also returns true for formats whose fragments do not show it.
bool EncapsulatedIndex::starts_frame(const std::vector<FragmentRange>& fragments, std::uint64_t first) const {
    ReadAhead reader(source_);
    RleHeader header;
    switch (layout_.grouping.kind) {
        case Grouping::codestream: return start_marker(reader, fragments, first, rle_header_size) != nullptr;
        case Grouping::rle: return read_rle_header(reader, fragments, first, rle_header_size, header);
        default: return true;
    }
}

// The pixel data have a defined length, are compressed, and are not in items. They can hold only one codestream.
void EncapsulatedIndex::raw_codestream() {
    FrameMap map;
    const FragmentRange value{layout_.offset, end_ - layout_.offset};
    if (!layout_.undefined_length || starts_with_codestream(source_, value)) {
        map.fragments.push_back(value);
        map.warnings.emplace_back("the pixel data are a codestream that is not in items");
    } else {
        map.warnings.push_back("expected an item at the start of the pixel data, byte " +
                               std::to_string(layout_.offset) + ", found another tag");
    }
    store_map(std::move(map));
}

bool EncapsulatedIndex::accept_extended(const Source& offset_source, const ByteRange& offsets,
                                        const Source& length_source, const ByteRange& lengths) {
    OffsetClaims claims = read_offsets(offset_source, offsets, 8);
    const bool paired = lengths.length == offsets.length && !claims.offsets.empty();
    return accept(FrameTable::extended, std::move(claims),
                  paired ? read_lengths(length_source, lengths) : std::vector<std::uint64_t>{});
}

bool EncapsulatedIndex::accept(FrameTable kind, OffsetClaims&& claims, std::vector<std::uint64_t>&& lengths) {
    if (!claims.problem.empty()) {
        warn(std::string("the ") + name_of(kind) + " is not used: " + claims.problem);
        return false;
    }
    if (claims.offsets.empty()) return false;
    kind_ = kind;
    offsets_ = std::move(claims.offsets);
    lengths_ = std::move(lengths);
    const std::uint64_t entries = offsets_.size();
    if (kind == FrameTable::extended && lengths_.size() != entries) {
        lengths_.clear();
        warn("the number of Extended Offset Table Lengths differs from that of the offsets");
    }
    if (std::max<std::uint64_t>(promised(), 1) != entries ? group_by_claims() : settle_end()) return true;
    last_target_ = end_;
    kind_ = FrameTable::scanned;
    warn(std::string("the ") + name_of(kind) + " is not used: its " + std::to_string(entries) +
         " offsets contradict the items");
    offsets_.clear();
    lengths_.clear();
    return false;
}

// Checks the last offsets at once, because they show whether the data are complete.
bool EncapsulatedIndex::settle_end() {
    const std::uint64_t room = end_ - begin_;
    const auto inside = std::lower_bound(offsets_.begin(), offsets_.end(), room > 8 ? room - 8 : 0);
    const bool beyond = inside != offsets_.end();
    std::vector<FragmentRange> last;
    if (!beyond) return claimed_frame(offsets_.size() - 1, last) != Claim::wrong;
    // Offsets past the end of the data are right only if the source is truncated. It then has no sequence delimiter.
    const std::uint64_t held = static_cast<std::uint64_t>(inside - offsets_.begin());
    if (end_ != source_.size() || held == 0) return false;
    const std::uint64_t entries = offsets_.size();
    const std::uint64_t next = begin_ + *inside;
    offsets_.resize(held);
    ItemWalk walk(source_, begin_ + offsets_.back(), end_);
    FragmentRange fragment;
    Step step = walk.next(fragment);
    if (step != Step::item && step != Step::cut) return false;
    while (step == Step::item && !walk.stands_at(next)) step = walk.next(fragment);
    if (step == Step::delimiter || step == Step::foreign) return false;
    last_target_ = next;
    warn("the data end inside the pixel data: " + std::to_string(held) + " of " + std::to_string(entries) +
         " frames begin before");
    return true;
}

// Both the offset table and NumberOfFrames may be wrong. The items decide which one is right.
bool EncapsulatedIndex::group_by_claims() {
    FragmentList list = scan_items(source_, begin_, end_, layout_.undefined_length);
    const std::uint64_t wanted = std::max<std::uint64_t>(promised(), 1);
    if (list.fragments.size() == wanted) return false;
    // Some tables have an entry for each fragment instead of each frame. If the size of a frame is known, it shows
    // that. If nothing in a fragment shows whether it begins a frame, a table is not used for a single frame.
    const bool by_size = layout_.grouping.kind == Grouping::size && layout_.grouping.unit_bytes != 0;
    if (layout_.grouping.kind == Grouping::one_fragment && wanted == 1) return false;
    if (by_size || offsets_.size() < wanted) {  // such as a table with a single 0
        const FrameMap by_markers = group_fragments(source_, FragmentList(list), promised(), layout_.grouping);
        if (by_markers.frame_count() == wanted) return false;
    }
    FrameMap map;
    map.first.reserve(offsets_.size());
    std::uint64_t fragment = 0;
    bool marked = true;
    for (const std::uint64_t offset : offsets_) {
        const std::uint64_t value = begin_ + offset + 8;
        while (fragment < list.fragments.size() && list.fragments[fragment].offset < value) ++fragment;
        if (fragment == list.fragments.size() || list.fragments[fragment].offset != value) return false;
        // A table of all fragments also points at items only. So each offset must point at the beginning of a frame.
        if (marked && !starts_frame(list.fragments, fragment)) {
            if (fragment != 0) return false;
            marked = false;
        }
        map.first.push_back(fragment);
    }
    map.last_cut = list.last_cut;
    map.warnings = std::move(list.warnings);
    if (promised() != 0) {
        map.warnings.push_back("NumberOfFrames is " + std::to_string(promised()) + ", the " + name_of(kind_) +
                               " holds " + std::to_string(offsets_.size()) + " frames");
    }
    map.fragments = std::move(list.fragments);
    store_map(std::move(map));
    map_kind_ = kind_;
    return true;
}

EncapsulatedIndex::Claim EncapsulatedIndex::claimed_frame(std::uint64_t index, std::vector<FragmentRange>& out) const {
    const bool last = index + 1 == offsets_.size();
    const std::uint64_t target = last ? last_target_ : begin_ + offsets_[index + 1];
    ItemWalk walk(source_, begin_ + offsets_[index], end_);
    FragmentRange fragment;
    do {
        const Step step = walk.next(fragment);
        if (step == Step::item || step == Step::cut) out.push_back(fragment);
        if (step == Step::cut) return last ? Claim::cut : Claim::wrong;
        if (step != Step::item) {
            // The first item must be one. After the last frame, anything may end the walk.
            if (!last || out.empty()) return Claim::wrong;
            return last_target_ > end_ ? Claim::cut : Claim::whole;
        }
        if (walk.position() > target) return Claim::wrong;
    } while (!walk.stands_at(target));
    return Claim::whole;
}

// A length of the Extended Offset Table does not count the byte that pads a frame to an even length.
void EncapsulatedIndex::trim(std::uint64_t index, std::vector<FragmentRange>& frame) const {
    std::uint64_t total = 0;
    for (const FragmentRange& fragment : frame) total += fragment.size;
    const std::uint64_t length = lengths_[index];
    if (length == total) return;
    if (total != 0 && length == total - 1 && frame.back().size != 0) {
        --frame.back().size;
    } else if (!lengths_wrong_.exchange(true)) {
        warn("the Extended Offset Table Lengths are not used: frame " + std::to_string(index) + " has " +
             std::to_string(total) + " bytes, not " + std::to_string(length));
    }
}

bool EncapsulatedIndex::frame(std::uint64_t index, std::vector<FragmentRange>& out) const {
    out.clear();
    const FrameMap* map = map_.load(std::memory_order_acquire);
    if (map == nullptr && kind_ == FrameTable::scanned) {
        {
            const std::lock_guard lock(mutex_);
            FragmentRange fragment;
            if (walk_ != nullptr && index < promised() && walk_->frame(index, fragment)) {
                out.push_back(fragment);
                return true;
            }
        }
        map = &settle();
    }
    if (map == nullptr) {
        if (index >= offsets_.size()) missing(index);
        const Claim claim = claimed_frame(index, out);
        if (claim != Claim::wrong) {
            if (claim == Claim::whole && !lengths_.empty()) trim(index, out);
            return claim == Claim::whole;
        }
        map = drop_claims(index);
        if (map == nullptr) {
            fail(ErrorCode::malformed, no_offset,
                 "the %s and the items contradict each other at frame %llu, and the items alone have fewer "
                 "frames",
                 name_of(kind_), static_cast<unsigned long long>(index));
        }
    }
    if (!map->error.empty()) fail(ErrorCode::malformed, layout_.offset, "%s", map->error.c_str());
    if (index >= map->frame_count()) missing(index);
    const bool whole = map->frame(index, out);
    if (whole && map_kind_ == FrameTable::extended && !lengths_.empty()) trim(index, out);
    return whole;
}

void EncapsulatedIndex::store_map(FrameMap&& map) const {
    warnings_.insert(warnings_.end(), map.warnings.begin(), map.warnings.end());
    owned_map_ = std::make_unique<const FrameMap>(std::move(map));
    map_.store(owned_map_.get(), std::memory_order_release);
}

// Scans the items and stops using the offset table. Returns null if the items hold fewer frames than NumberOfFrames and
// the table say: an item with a wrong length hides the items after it, but the table still finds them. The result for a
// frame therefore does not depend on which frames were requested before.
const FrameMap* EncapsulatedIndex::drop_claims(std::uint64_t index) const {
    const std::lock_guard lock(mutex_);
    if (const FrameMap* map = map_.load(std::memory_order_relaxed)) return map;
    if (keeps_claims_) return nullptr;
    FrameMap map = group_fragments(source_, scan_items(source_, begin_, end_, layout_.undefined_length), promised(),
                                   layout_.grouping);
    const std::uint64_t found = map.error.empty() ? map.frame_count() : 0;
    if (found < promised() && found < offsets_.size()) {
        keeps_claims_ = true;
        return nullptr;
    }
    warnings_.push_back(std::string("the ") + name_of(kind_) +
                        " is not used: the items contradict its offset of frame " + std::to_string(index));
    store_map(std::move(map));
    return owned_map_.get();
}

std::uint64_t EncapsulatedIndex::frame_count() const {
    const FrameMap* map = map_.load(std::memory_order_acquire);
    if (map == nullptr && kind_ == FrameTable::scanned) map = &settle();
    return map != nullptr ? map->frame_count() : offsets_.size();
}

FrameTable EncapsulatedIndex::table() const {
    return map_.load(std::memory_order_acquire) != nullptr ? map_kind_ : kind_;
}

std::vector<std::string> EncapsulatedIndex::warnings() const {
    const std::lock_guard lock(mutex_);
    return warnings_;
}

void EncapsulatedIndex::warn(std::string text) const {
    const std::lock_guard lock(mutex_);
    warnings_.push_back(std::move(text));
}

}  // namespace

bool FrameIndex::partial(std::uint64_t index) const {
    std::vector<FragmentRange> ranges;
    return !frame(index, ranges);
}

unsigned FrameIndex::first_bit(std::uint64_t) const { return 0; }

void FrameIndex::missing(std::uint64_t index) const {
    const auto count = static_cast<unsigned long long>(frame_count());
    const auto wanted = static_cast<unsigned long long>(index);
    if (promised_ == 0)
        fail(ErrorCode::missing_frame, no_offset, "the pixel data have %llu frames, so frame %llu is missing", count,
             wanted);
    fail(ErrorCode::missing_frame, no_offset,
         "NumberOfFrames is %llu, but the pixel data have %llu frames: frame %llu is missing",
         static_cast<unsigned long long>(promised_), count, wanted);
}

std::unique_ptr<FrameIndex> FrameIndex::encapsulated(const Source& source, const EncapsulatedLayout& layout) {
    return std::make_unique<EncapsulatedIndex>(source, layout);
}

std::unique_ptr<FrameIndex> FrameIndex::native(const Source& source, const NativeLayout& layout) {
    return std::make_unique<NativeIndex>(source, layout);
}

}  // namespace dcmturbo
