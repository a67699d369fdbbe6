// Finds the end of values of undefined length: PS3.5 clause 7.5.
#include "dicom/sequence_skip.h"

#include <cstdint>
#include <vector>

#include "dicom/sequence_items.h"

namespace dcmturbo {

namespace {

// A sequence or item whose length is undefined. Those of defined length are skipped whole and have no level.
struct Level {
    bool is_item = false;
    Encoding encoding;
};

class Levels {
  public:
    [[nodiscard]] bool empty() const { return levels_.empty(); }
    [[nodiscard]] Level top() const {
        const std::uint8_t bits = levels_.back();
        return {(bits & 1) != 0, {(bits & 2) != 0, (bits & 4) != 0}};
    }
    void push(Level level) {
        levels_.push_back(static_cast<std::uint8_t>((level.is_item ? 1 : 0) | (level.encoding.explicit_vr ? 2 : 0) |
                                                    (level.encoding.big_endian ? 4 : 0)));
    }
    void pop() { levels_.pop_back(); }

  private:
    std::vector<std::uint8_t> levels_;
};

}  // namespace

Skip skip_undefined(ElementReader& reader, const ElementHeader& header, Encoding encoding) {
    const bool mixed = encoding.explicit_vr;
    Levels levels;
    levels.push({header.tag == item_tag, encoding_of_items(header, encoding)});
    std::uint64_t offset = header.value;
    ElementHeader element;
    while (!levels.empty()) {
        const Level level = levels.top();
        if (!reader.read_header(offset, level.encoding, element)) return {SkipEnd::cut, reader.size()};

        if (element.tag == sequence_delimiter_tag) {
            if (level.is_item) levels.pop();  // the item has no delimiter
            if (!levels.empty()) levels.pop();
            offset = element.value;
        } else if (element.tag == item_delimiter_tag) {
            if (level.is_item) levels.pop();
            offset = element.value;
        } else if (element.tag == item_tag) {
            if (level.is_item) {  // the item has no delimiter
                levels.pop();
            } else if (element.is_undefined()) {
                levels.push({true, encoding_of_content(reader, element, level.encoding, mixed)});
                offset = element.value;
            } else {
                offset = element.end();
            }
        } else if (!level.is_item) {
            levels.pop();  // the sequence has no delimiter, and this element follows it
            if (levels.empty()) return {SkipEnd::broken, offset};
        } else if (element.is_undefined()) {
            levels.push({false, encoding_of_items(element, level.encoding)});
            offset = element.value;
        } else if (element.tag == 0 && element.length == 0) {
            return {SkipEnd::broken, offset};  // zeros, no element
        } else {
            offset = element.end();
        }
    }
    return {SkipEnd::delimited, offset};
}

}  // namespace dcmturbo
