// Checks and repairs the lengths of sequences and items: PS3.5 clause 7.5. `Walk::check` follows the lengths. If they
// are contradictory, `Walk::mend` follows tags and delimiters instead.
#include "dicom/sequence_lengths.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "base/endian.h"
#include "dicom/sequence_items.h"
#include "dicom/sequence_skip.h"

namespace dcmturbo {

namespace {

constexpr std::uint32_t icon_sequence_tag = 0x00880200;
constexpr std::uint32_t pixel_data_tag = 0x7FE00010;
constexpr std::uint64_t no_end = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t deepest = 64;  // deeper sequences are not checked
constexpr unsigned most_walks = 4;   // limits how deep walks that look ahead may start further ones

using State = SequenceLengths::State;

// What the elements read so far say about an item.
struct ItemContent {
    std::uint32_t last_tag = 0;
    // Has attributes of the Image Pixel module (PS3.3 C.7.6.3). Functional groups have others of this group.
    bool has_image = false;
    bool has_pixels = false;

    void take(std::uint32_t tag) {
        last_tag = tag;
        has_image = has_image || (tag >= 0x00280002 && tag <= 0x00280011) || (tag >= 0x00280100 && tag <= 0x00280103);
        has_pixels = has_pixels || tag == pixel_data_tag;
    }
};

struct Level {
    bool is_item = false;
    Encoding encoding;
    std::uint32_t sequence_tag = 0;  // tag of the sequence that this item is in
    std::uint64_t header = 0;        // position of the header
    std::uint64_t value = 0;
    std::uint64_t end = no_end;    // by the length field; no_end if that is undefined
    std::uint64_t limit = no_end;  // the smallest `end` of this level and all enclosing ones
    std::optional<bool> trusted;   // the result of is_trusted
    ItemContent content;
};

// Only a 32-bit length at its usual place can be repaired: PS3.5 tables 7.1-1 and 7.1-3.
bool has_length_field(const ElementHeader& header, std::uint64_t offset) {
    return header.value - offset == (header.vr[0] != 0 ? 12U : 8U);
}

// The result of a step over an element.
enum class Step {
    done,
    stopped,      // too many headers or levels were read
    contradicts,  // the length or the fragments of the element cannot be right
};

class Walk {
  public:
    Walk(ElementReader& reader, const ElementHeader& root, std::uint64_t offset, Encoding encoding, unsigned& mends,
         bool doubt)
        : reader_(reader),
          root_(root),
          offset_(offset),
          encoding_(encoding),
          mends_(mends),
          doubt_(doubt),
          floor_(root.tag) {}

    // Returns the end of the sequence if all lengths are consistent. Otherwise returns nothing. `contradiction` is then
    // true if lengths disagree, and false if the walk had to stop.
    std::optional<std::uint64_t> check(unsigned& budget, bool& contradiction);

    // Called if all lengths of a sequence that ends at `end` are consistent. Returns whether the sequence is still too
    // short, because the pixel data of an image in it come after its end.
    bool lost_pixels(std::uint64_t end);

    std::optional<std::uint64_t> mend(std::vector<Patch>& patches);

  private:
    bool is_plausible(std::uint64_t offset, Encoding encoding, std::uint32_t after, ElementHeader& header);
    bool is_whole(const ElementHeader& header) const { return header.is_undefined() || header.end() <= reader_.size(); }
    void push_sequence(const ElementHeader& header, std::uint64_t at, Encoding around);
    void push_item(const ElementHeader& header, std::uint64_t at);
    Step step(const ElementHeader& header, std::uint64_t& at, unsigned& budget);
    std::optional<std::uint64_t> end_of_fragments(std::uint64_t at, Encoding encoding, unsigned& budget);

    bool belongs(const ElementHeader& header, std::uint64_t at);
    bool pixels_are_nested(const ElementHeader& header, Encoding encoding);
    bool is_trusted(std::size_t level);
    bool leads_on(std::size_t level);
    bool descends(std::uint64_t at, Encoding encoding);
    std::uint64_t end_of_element(const ElementHeader& header, std::uint64_t at, Encoding encoding);
    void close(std::uint64_t at, bool by_delimiter, std::vector<Patch>& patches);

    ElementReader& reader_;
    const ElementHeader& root_;
    std::uint64_t offset_;
    Encoding encoding_;
    unsigned& mends_;
    bool doubt_;
    std::uint32_t floor_;  // elements with a larger tag may follow the outermost sequence
    unsigned depth_ = 0;   // number of enclosing walks that look ahead
    std::vector<Level> levels_;
    std::uint64_t descent_from_ = 0;  // the result of `descends` for positions from here up to descent_
    std::uint64_t descent_ = 0;
    bool descends_ = false;
    ItemContent last_;  // content of the item whose element was read last
};

bool Walk::is_plausible(std::uint64_t offset, Encoding encoding, std::uint32_t after, ElementHeader& header) {
    if (!reader_.read_header(offset, encoding, header)) return false;
    if (header.group() == 0xFFFE || header.group() == 0 || header.tag <= after) return false;
    if (encoding.explicit_vr && !reader_.shows_vr(offset)) return false;
    return is_whole(header) || header.tag == pixel_data_tag;
}

void Walk::push_sequence(const ElementHeader& header, std::uint64_t at, Encoding around) {
    Level level;
    level.encoding = encoding_of_items(header, around);
    level.sequence_tag = header.tag;
    level.header = at;
    level.value = header.value;
    level.end = header.is_undefined() ? no_end : header.end();
    level.limit = levels_.empty() ? level.end : std::min(level.end, levels_.back().limit);
    levels_.push_back(level);
}

void Walk::push_item(const ElementHeader& header, std::uint64_t at) {
    Level level = levels_.back();
    level.is_item = true;
    level.header = at;
    level.value = header.value;
    level.end = header.is_undefined() ? no_end : header.end();
    level.limit = std::min(level.end, level.limit);
    const bool mixed = encoding_.explicit_vr && !level.encoding.big_endian;
    level.encoding = encoding_of_content(reader_, header, level.encoding, mixed);
    level.content = {};
    levels_.push_back(level);
}

// Returns the position after the delimiter of encapsulated pixel data in an item.
std::optional<std::uint64_t> Walk::end_of_fragments(std::uint64_t at, Encoding encoding, unsigned& budget) {
    ElementHeader header;
    while (budget != 0 && reader_.read_header(at, encoding, header)) {
        --budget;
        if (header.tag == sequence_delimiter_tag) return header.value;
        if (header.tag != item_tag || header.is_undefined() || header.end() > reader_.size()) break;
        at = header.end();
    }
    return std::nullopt;
}

// Moves `at` past an element of the current item. If the element is a sequence, moves into it.
Step Walk::step(const ElementHeader& header, std::uint64_t& at, unsigned& budget) {
    Level& item = levels_.back();
    item.content.take(header.tag);
    last_ = item.content;
    if (header.tag == pixel_data_tag && header.is_undefined()) {
        const auto end = end_of_fragments(header.value, item.encoding, budget);
        if (!end) return budget != 0 ? Step::contradicts : Step::stopped;
        at = *end;
    } else if (header.tag != pixel_data_tag && holds_items(reader_, header, item.encoding)) {
        if (levels_.size() >= deepest) return Step::stopped;
        push_sequence(header, at, item.encoding);
        at = header.value;
    } else if (header.is_undefined()) {
        return Step::contradicts;
    } else {
        at = header.end();
    }
    return Step::done;
}

std::optional<std::uint64_t> Walk::check(unsigned& budget, bool& contradiction) {
    levels_.clear();
    push_sequence(root_, offset_, encoding_);
    std::uint64_t at = root_.value;
    ElementHeader header;
    while (!levels_.empty()) {
        const Level& top = levels_.back();
        if (at == top.end) {
            levels_.pop_back();
            continue;
        }
        if (at > top.limit) {
            contradiction = true;
            return std::nullopt;
        }
        if (budget == 0) return std::nullopt;
        if (!reader_.read_header(at, top.encoding, header)) {
            contradiction = top.limit != no_end;
            return std::nullopt;
        }
        --budget;
        contradiction = true;  // reset below if the element fits
        if (!top.is_item) {
            if (header.tag == item_tag) {
                push_item(header, at);
                at = header.value;
            } else if (header.tag == sequence_delimiter_tag && top.end == no_end) {
                levels_.pop_back();
                at = header.value;
            } else {
                return std::nullopt;
            }
        } else if (header.tag == item_delimiter_tag && top.end == no_end) {
            levels_.pop_back();
            at = header.value;
        } else if (header.group() == 0xFFFE || (header.tag == 0 && header.length == 0)) {
            return std::nullopt;
        } else if (const Step result = step(header, at, budget); result != Step::done) {
            contradiction = result == Step::contradicts;
            return std::nullopt;
        }
        contradiction = false;
    }
    return at;
}

bool Walk::lost_pixels(std::uint64_t end) {
    if (!last_.has_image || last_.has_pixels) return false;
    ElementHeader header;
    if (!is_plausible(end, encoding_, last_.last_tag, header)) return false;
    return header.tag <= root_.tag || (header.tag == pixel_data_tag && pixels_are_nested(header, encoding_));
}

// Decides whether pixel data belong to the current item or to the object itself. Only padding and signatures may follow
// the pixel data of an object. So if an element with a lower tag follows, the pixel data belong to the item.
bool Walk::pixels_are_nested(const ElementHeader& header, Encoding encoding) {
    std::uint64_t end = 0;
    if (header.is_undefined()) {
        const auto found = end_of_fragments(header.value, encoding, mends_);
        if (!found) return false;
        end = *found;
    } else {
        if (!is_whole(header)) return false;
        end = header.end();
    }
    ElementHeader next;
    if (!reader_.read_header(end, encoding, next)) return false;
    if (next.group() == 0xFFFE) return true;
    return next.tag <= pixel_data_tag && is_plausible(end, encoding, 0, next);
}

// Whether the length of a level leads to something that may be there.
bool Walk::is_trusted(std::size_t level) {
    std::size_t i = level;
    while (i > 0 && !levels_[i].trusted && levels_[i].end != no_end && levels_[i].end == levels_[i - 1].end) --i;
    if (!levels_[i].trusted) levels_[i].trusted = leads_on(i);
    levels_[level].trusted = levels_[i].trusted;
    return *levels_[level].trusted;
}

bool Walk::leads_on(std::size_t level) {
    const Level& it = levels_[level];
    if (it.end == no_end || it.end < it.value || it.end > reader_.size()) return false;
    ElementHeader header;
    if (level == 0) {
        if (doubt_ || it.end == reader_.size()) return !doubt_;
        return is_plausible(it.end, encoding_, it.sequence_tag, header) &&
               (header.tag != pixel_data_tag || !pixels_are_nested(header, encoding_));
    }
    const Level& around = levels_[level - 1];
    if (it.is_item) {
        return reader_.read_header(it.end, around.encoding, header) &&
               (header.tag == item_tag || (header.tag == sequence_delimiter_tag && around.end == no_end));
    }
    return is_plausible(it.end, around.encoding, it.sequence_tag, header);
}

// Whether an element belongs to the current item. Tags ascend in an item, and also around it, which decides most cases.
// In the other cases the lengths decide, if they can be trusted.
bool Walk::belongs(const ElementHeader& header, std::uint64_t at) {
    const Level& item = levels_.back();
    const std::uint32_t last = item.content.last_tag;
    if (header.tag <= last) return header.tag <= floor_;  // otherwise the element follows the outermost sequence
    if (header.tag <= item.sequence_tag) return true;
    if (header.tag == pixel_data_tag) return pixels_are_nested(header, item.encoding);
    std::uint64_t claimed = 0;
    bool any = false;
    for (std::size_t i = levels_.size(); i-- > 0;) {
        if (levels_[i].end == no_end) continue;
        if (is_trusted(i)) return at < levels_[i].end;
        claimed = std::max(claimed, levels_[i].end);
        any = true;
    }
    if (!any || descends(at, item.encoding)) return true;
    return at < claimed && (last == 0 || header.group() == last >> 16);
}

// The position after an element. If the length of a sequence does not lead to another element, this is the position
// after the repaired sequence.
std::uint64_t Walk::end_of_element(const ElementHeader& header, std::uint64_t at, Encoding encoding) {
    const std::uint64_t end = header.is_undefined() ? skip_undefined(reader_, header, encoding).offset : header.end();
    ElementHeader next;
    if (depth_ == most_walks || end >= reader_.size() || is_plausible(end, encoding, floor_, next) ||
        !holds_items(reader_, header, encoding) || !has_length_field(header, at))
        return end;
    Walk inner(reader_, header, at, encoding, mends_, false);
    inner.floor_ = floor_;
    inner.depth_ = depth_ + 1;
    std::vector<Patch> patches;
    return inner.mend(patches).value_or(end);
}

// Whether the tags from this element on ascend and then fall before the pixel data. The elements before the fall then
// belong to the item: around the item, tags would ascend up to the pixel data.
bool Walk::descends(std::uint64_t at, Encoding encoding) {
    if (at >= descent_from_ && at < descent_) return descends_;
    descent_from_ = at;
    descends_ = false;
    std::uint32_t before = 0;
    ElementHeader header;
    while (mends_ != 0 && is_plausible(at, encoding, 0, header) && is_whole(header)) {
        --mends_;
        if (header.tag <= before) {
            descends_ = true;
            break;
        }
        before = header.tag;
        if (header.tag == pixel_data_tag && header.is_undefined()) {
            const auto end = end_of_fragments(header.value, encoding, mends_);
            if (!end) break;
            at = *end;
        } else {
            at = end_of_element(header, at, encoding);
        }
    }
    descent_ = at;
    return descends_;
}

// Ends the innermost level at `at`. Adds a patch if its length is wrong.
void Walk::close(std::uint64_t at, bool by_delimiter, std::vector<Patch>& patches) {
    const Level level = levels_.back();
    levels_.pop_back();
    if (by_delimiter ? level.end == no_end : level.end == at) return;
    const auto length =
        by_delimiter ? ElementHeader::undefined : static_cast<std::uint32_t>(std::min(at - level.value, no_end >> 32));
    // The header of an item or a sequence has the byte order of the level around it.
    const bool big =
        level.is_item ? level.encoding.big_endian : (levels_.empty() ? encoding_ : levels_.back().encoding).big_endian;
    Patch patch;
    patch.offset = level.value - 4;
    store_le<std::uint32_t>(patch.bytes.data(), length);
    if (big) std::reverse(patch.bytes.begin(), patch.bytes.end());
    patches.push_back(patch);
}

std::optional<std::uint64_t> Walk::mend(std::vector<Patch>& patches) {
    levels_.clear();
    push_sequence(root_, offset_, encoding_);
    std::uint64_t at = root_.value;
    ElementHeader header;
    while (mends_ != 0) {
        --mends_;
        const Level& top = levels_.back();
        if (!reader_.read_header(at, top.encoding, header)) return std::nullopt;
        if (header.tag == item_tag) {
            if (top.is_item) close(at, false, patches);
            if (levels_.size() >= deepest) return std::nullopt;
            push_item(header, at);
            at = header.value;
            continue;
        }
        if (header.tag == item_delimiter_tag) {
            if (!top.is_item) close(at, false, patches);
            if (levels_.empty()) return std::nullopt;
            close(at, true, patches);
            at = header.value;
            continue;
        }
        if (header.tag == sequence_delimiter_tag) {
            if (top.is_item) close(at, false, patches);
            close(at, true, patches);
            at = header.value;
            if (levels_.empty()) return at;
            continue;
        }
        if (!top.is_item || !belongs(header, at)) {
            close(at, false, patches);
            if (levels_.empty()) {
                ElementHeader next;
                return is_plausible(at, encoding_, 0, next) ? std::optional(at) : std::nullopt;
            }
            continue;
        }
        ElementHeader plausible;
        if (!is_plausible(at, top.encoding, 0, plausible) || !is_whole(header)) return std::nullopt;
        const std::uint64_t before = at;
        const std::size_t depth = levels_.size();
        if (step(header, at, mends_) != Step::done) return std::nullopt;
        if (levels_.size() > depth && !has_length_field(header, before)) return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace

bool holds_items(ElementReader& reader, const ElementHeader& header, Encoding encoding) {
    if (header.has_vr("SQ") || header.is_undefined()) return true;
    if (header.vr[0] != 0 && !header.has_vr("UN")) return false;
    if (header.tag == icon_sequence_tag && header.length != 0) return true;
    if (header.length < 8) return false;
    const auto at = reader.bytes(header.value, 4);
    if (at.size() < 4) return false;
    const bool big = encoding_of_items(header, encoding).big_endian;
    return (big ? load_be<std::uint16_t>(at.data()) : load_le<std::uint16_t>(at.data())) == 0xFFFE &&
           (big ? load_be<std::uint16_t>(at.data() + 2) : load_le<std::uint16_t>(at.data() + 2)) == 0xE000;
}

SequenceLengths check_sequence(ElementReader& reader, const ElementHeader& header, std::uint64_t offset,
                               Encoding encoding, SequenceBudget& budget, bool doubt) {
    SequenceLengths result;
    if (!has_length_field(header, offset)) return result;
    Walk walk(reader, header, offset, encoding, budget.mends, doubt);
    bool contradiction = false;
    const auto end = walk.check(budget.checks, contradiction);
    ElementHeader next;
    if (end && !doubt && !walk.lost_pixels(*end)) {
        result.state = State::right;
        result.end = *end;
        if (header.is_undefined() || !reader.read_header(*end, encoding, next)) return result;
        if (next.tag != sequence_delimiter_tag || next.length != 0) return result;
        // The sequence has both a length and a delimiter. Its length is set to undefined.
        result.state = State::mended;
        result.end = next.value;
        Patch patch;
        patch.offset = header.value - 4;
        patch.bytes.fill(std::byte{0xFF});
        result.patches.push_back(patch);
        return result;
    }
    if (!end && !contradiction) return result;
    // A value may only look like items. It stays unchanged if its length leads to elements, unless the repaired
    // sequence ends at the same place.
    const bool leads_on = !end && !header.is_undefined() && !header.has_vr("SQ") && header.tag != icon_sequence_tag &&
                          header.end() < reader.size() && reader.read_header(header.end(), encoding, next) &&
                          next.tag > header.tag && next.group() != 0xFFFE &&
                          reader.plausibility(header.end(), encoding) >= 2;
    std::vector<Patch> patches;
    const auto mended = walk.mend(patches);
    if (mended && (!leads_on || *mended == header.end())) {
        result.state = State::mended;
        result.end = *mended;
        result.patches = std::move(patches);
    } else if (leads_on) {
        result.state = State::right;
        result.end = header.end();
    }
    return result;
}

}  // namespace dcmturbo
