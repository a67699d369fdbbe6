// Lists the elements of a dataset: PS3.5 clause 7.
#include "dicom/element_list.h"

#include <algorithm>

#include "base/error.h"
#include "dicom/item_scan.h"
#include "dicom/sequence_items.h"
#include "dicom/sequence_skip.h"

namespace dcmturbo {

namespace {

constexpr std::uint32_t pixel_data_tag = 0x7FE00010;
// More than any real dataset has. A source with nothing but empty elements must not fill the memory.
constexpr std::size_t most_elements = std::size_t{1} << 22;

// The position after the sequence delimiter of encapsulated pixel data, or after the last item if there is no
// delimiter: PS3.5 A.4.
std::uint64_t end_of_items(const Source& source, std::uint64_t begin) {
    ItemWalk walk(source, begin, source.size());
    FragmentRange fragment;
    for (;;) {
        switch (walk.next(fragment)) {
            case ItemWalk::Step::item: continue;
            case ItemWalk::Step::delimiter: return walk.position() + 8;
            case ItemWalk::Step::foreign: return walk.position();
            case ItemWalk::Step::cut:
            case ItemWalk::Step::end: return source.size();
        }
    }
}

}  // namespace

ElementList list_elements(const Source& source, std::uint64_t offset, Encoding encoding) {
    ElementReader reader(source);
    ElementList list;
    list.end = offset;
    ElementHeader header;
    while (offset < reader.size()) {
        if (!reader.read_header(offset, encoding, header)) break;
        if (header.tag == 0 && !list.elements.empty()) break;  // padding with zeros
        if (header.tag == item_delimiter_tag || header.tag == sequence_delimiter_tag) {
            offset = header.value;  // a stray delimiter, left by a sequence that ended at the wrong place
            continue;
        }
        if (list.elements.size() == most_elements)
            fail(ErrorCode::limit, offset, "the dataset has more than %zu elements", most_elements);
        ElementPlace place;
        place.tag = header.tag;
        std::copy(std::begin(header.vr), std::end(header.vr), std::begin(place.vr));
        place.begin = offset;
        place.value = header.value;
        place.undefined_length = header.is_undefined();
        bool more = true;
        if (!header.is_undefined()) {
            place.end = std::min(header.end(), reader.size());
        } else if (header.tag == pixel_data_tag) {
            place.end = end_of_items(source, header.value);
        } else {
            const Skip skip = skip_undefined(reader, header, encoding);
            place.end = std::min(skip.offset, reader.size());
            more = skip.end == SkipEnd::delimited || skip.end == SkipEnd::broken;
        }
        list.elements.push_back(place);
        list.end = offset = place.end;
        if (!more) break;
    }
    return list;
}

}  // namespace dcmturbo
