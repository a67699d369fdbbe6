// The C ABI of blanking boxes in encoded frames.
#include <vector>

#include "abi/convert.h"
#include "codecs/probe.h"
#include "process/settings.h"
#include "sched/scratch.h"

using namespace dcmturbo;

int32_t dcmturbo_blank_frame(dcmturbo_bytes frame, const uint32_t* boxes, size_t box_count, const uint32_t* values,
                             size_t value_count,
                             void (*take)(void*, dcmturbo_bytes, const uint32_t* changed, size_t count), void* taker,
                             dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const Bytes bytes{reinterpret_cast<const std::byte*>(frame.data), frame.size};
        Header header;
        probe(bytes, header);
        const Settings current = settings();
        if (std::uint64_t{header.width} * header.height > current.limits.max_pixels)
            fail(ErrorCode::limit, no_offset, "the frame has more pixels than limits.max_pixels allows");
        const Codec* const codec = row_of(header.format).own;
        if (codec == nullptr || codec->blank == nullptr) {
            fail(ErrorCode::unsupported, no_offset, "boxes cannot be blanked in a %s codestream",
                 row_of(header.format).title);
        }
        std::vector<Region> regions;
        for (size_t i = 0; i < box_count; ++i) {
            const uint32_t* const box = boxes + 4 * i;
            const Region region{box[0], box[1], box[2], box[3]};
            if (region.is_whole() || !region.is_within(header.height, header.width))
                fail(ErrorCode::argument, no_offset, "box %zu is not within the frame", i);
            regions.push_back(region);
        }
        const ScratchLoan scratch(current.limits.max_scratch);
        scratch->arena.reset();
        Context context{scratch->arena, current.isa, current.limits};
        std::vector<Region> changed;
        const std::vector<std::uint8_t> blanked =
            codec->blank(Fragments(bytes), header, {regions, {values, value_count}}, changed, context);
        std::vector<uint32_t> found;
        for (const Region& region : changed)
            found.insert(found.end(), {region.top, region.left, region.height, region.width});
        take(taker, {blanked.data(), blanked.size()}, found.data(), changed.size());
    });
}
