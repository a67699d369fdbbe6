// The C ABI of encoding: encodes frames that are in memory.
#include <algorithm>
#include <cstring>
#include <vector>

#include "abi/convert.h"
#include "abi/library_encoder.h"
#include "sched/encode_frames.h"
#include "sched/scratch.h"

using namespace dcmturbo;

namespace {

FrameIn frame_in(const dcmturbo_image& image, const dcmturbo_attributes& attributes) {
    FrameIn frame;
    frame.base = static_cast<const std::byte*>(image.base);
    frame.row_stride = image.row_stride;
    frame.pixel_stride = image.pixel_stride;
    frame.sample_stride = image.sample_stride;
    frame.attributes = abi::attributes_from(attributes);
    check_attributes(frame.attributes);
    return frame;
}

}  // namespace

uint64_t dcmturbo_encode_bound(const char* transfer_syntax, const dcmturbo_attributes* attributes) {
    uint64_t bound = 0;
    dcmturbo_error ignored{};
    abi::guarded(&ignored,
                 [&] { bound = abi::required_encoder(transfer_syntax).encode_bound(frame_in({}, *attributes)); });
    return bound;
}

int32_t dcmturbo_encode_frame(const char* transfer_syntax, const dcmturbo_image* image,
                              const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                              size_t option_count, uint8_t* to, size_t capacity, size_t* written,
                              dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        const Codec& codec = abi::required_encoder(transfer_syntax);
        const Settings current = settings();
        const ScratchLoan scratch(current.limits.max_scratch);
        scratch->arena.reset();
        Context context{scratch->arena, current.isa, current.limits};
        const FrameIn frame = frame_in(*image, *attributes);
        EncodeTarget target;
        target.syntax = &abi::required_syntax(transfer_syntax);
        target.codec = &codec;
        target.options = abi::own_options(*target.syntax, options, option_count);
        if (codec.encode_unbounded == nullptr && capacity >= codec.encode_bound(frame)) {
            *written = codec.encode(frame, {reinterpret_cast<std::byte*>(to), capacity}, target.options, context);
            return;
        }
        const Bytes encoded = encode_one(frame, target, context);
        if (encoded.size() > capacity)
            fail(ErrorCode::argument, no_offset, "the buffer for the encoded frame is too small");
        if (!encoded.empty()) std::memcpy(to, encoded.data(), encoded.size());
        *written = encoded.size();
    });
}

int32_t dcmturbo_encode_frames(const char* transfer_syntax, const dcmturbo_image* images, size_t count,
                               const dcmturbo_attributes* attributes, const dcmturbo_option_value* options,
                               size_t option_count, const dcmturbo_library_encoder* library, uint32_t threads,
                               int32_t (*take)(void* context, size_t frame, dcmturbo_bytes encoded), void* context,
                               dcmturbo_error* error) {
    std::vector<FrameFailure> failures;
    const int32_t code = abi::guarded(error, [&] {
        const abi::LibraryRequest asked(library);
        const EncodeTarget target = abi::encode_target(transfer_syntax, options, option_count, asked);
        std::vector<FrameIn> frames;
        frames.reserve(count);
        for (size_t i = 0; i < count; ++i) frames.push_back(frame_in(images[i], *attributes));
        struct Taker {
            int32_t (*take)(void* context, size_t frame, dcmturbo_bytes encoded);
            void* context;
        } taker{take, context};
        const EncodedTaker inner{
            [](void* self, std::size_t frame, Bytes data) {
                const auto& outer = *static_cast<Taker*>(self);
                const int32_t taken =
                    outer.take(outer.context, frame, {reinterpret_cast<const uint8_t*>(data.data()), data.size()});
                if (taken != DCMTURBO_OK)
                    fail(static_cast<ErrorCode>(taken), no_offset, "there is not enough memory for an encoded frame");
            },
            &taker};
        const Settings current = settings();
        failures = encode_frames(frames, target, resolve_threads(threads, current), current, inner);
    });
    if (code != DCMTURBO_OK || failures.empty()) return code;
    const FrameFailure& first = failures.front();
    abi::fill_error(error, first.code, first.offset, static_cast<int64_t>(first.job), first.message.c_str());
    return static_cast<int32_t>(first.code);
}
