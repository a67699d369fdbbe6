// Converts the encoding arguments of the C ABI: the options and the library's encoder.
#pragma once

#include "abi/convert.h"
#include "abi/options.h"
#include "codecs/library.h"
#include "sched/encode_frames.h"

namespace dcmturbo::abi {

// Options of the core's own encoder.
inline EncodeOptions own_options(const TransferSyntax& syntax, const dcmturbo_option_value* options,
                                 std::size_t option_count) {
    constexpr bool prefers_library = false;
    return {.values = encode_values(syntax, prefers_library, options, option_count)};
}

// Makes a library's encoder from the C ABI callable for codecs. It must outlive the calls.
class LibraryRequest {
  public:
    explicit LibraryRequest(const dcmturbo_library_encoder* library)
        : outer_(library == nullptr ? dcmturbo_library_encoder{} : *library), encoder_{call, &outer_} {}
    LibraryRequest(const LibraryRequest&) = delete;
    LibraryRequest& operator=(const LibraryRequest&) = delete;
    // Null if there is no library encoder.
    [[nodiscard]] const LibraryEncoder* encoder() const { return outer_.encode == nullptr ? nullptr : &encoder_; }

  private:
    struct Taker {
        void (*take)(void* taker, Bytes encoded);
        void* taker;
    };

    static void call(const void* self, const FrameIn& frame, void (*take)(void* taker, Bytes encoded), void* taker) {
        const auto& outer = *static_cast<const dcmturbo_library_encoder*>(self);
        const dcmturbo_image image{const_cast<std::byte*>(frame.base), frame.row_stride, frame.pixel_stride,
                                   frame.sample_stride};
        const dcmturbo_attributes attributes = attributes_to(frame.attributes);
        dcmturbo_error error{};
        error.size = sizeof error;
        error.offset = no_offset;
        Taker inner{take, taker};
        const std::int32_t code = outer.encode(
            outer.request, &image, &attributes,
            [](void* to, dcmturbo_bytes encoded) {
                const auto& into = *static_cast<Taker*>(to);
                into.take(into.taker, {reinterpret_cast<const std::byte*>(encoded.data), encoded.size});
            },
            &inner, &error);
        if (code != DCMTURBO_OK) fail(static_cast<ErrorCode>(code), error.offset, "%s", error.message);
    }

    dcmturbo_library_encoder outer_;
    LibraryEncoder encoder_;
};

inline EncodeTarget encode_target(const char* transfer_syntax, const dcmturbo_option_value* options,
                                  std::size_t option_count, const LibraryRequest& library) {
    EncodeTarget target;
    target.syntax = &required_syntax(transfer_syntax);
    if (library.encoder() == nullptr) {
        target.codec = &required_encoder(transfer_syntax);
        target.options = own_options(*target.syntax, options, option_count);
    } else {
        target.codec = &library_codec;
        target.options.library = library.encoder();
    }
    return target;
}

}  // namespace dcmturbo::abi
