// Encodes one or many frames.
#include "sched/encode_frames.h"

#include "codecs/library.h"
#include "codecs/registry.h"

namespace dcmturbo {

namespace {

// Encodes a Deflated Image Frame (PS3.5, A.4.13): a library deflates the native frame.
Bytes deflate_frame(const FrameIn& frame, const EncodeTarget& target, Context& context) {
    EncodeTarget native;
    native.syntax = general_transfer_syntax(Format::native);
    native.codec = row_of(Format::native).own;
    const Bytes content = encode_one(frame, native, context);
    if (content.size() > 0xffffffff) {
        fail(ErrorCode::limit, no_offset,
             "a frame of %llu bytes cannot be deflated, because the library supports at most 4 GiB",
             static_cast<unsigned long long>(content.size()));
    }
    FrameIn bytes;
    bytes.base = content.data();
    bytes.row_stride = static_cast<std::ptrdiff_t>(content.size());
    bytes.pixel_stride = 1;
    bytes.attributes.rows = 1;
    bytes.attributes.columns = static_cast<std::uint32_t>(content.size());
    bytes.attributes.samples_per_pixel = 1;
    bytes.attributes.bits_allocated = bytes.attributes.bits_stored = 8;
    return library_codec.encode_unbounded(bytes, target.options, context);
}

class EncodeBatch final : public Batch {
  public:
    EncodeBatch(std::span<const FrameIn> frames, const EncodeTarget& target, unsigned threads, const Settings& settings,
                const EncodedTaker& taker)
        : Batch(frames.size(), threads, false, settings), frames_(frames), target_(target), taker_(taker) {}

  private:
    FrameFailure work(std::size_t job, Scratch&, Context& context) override {
        taker_.take(taker_.context, job, encode_one(frames_[job], target_, context));
        return no_failure();
    }
    void conclude(std::size_t, const FrameFailure&) noexcept override {}

    std::span<const FrameIn> frames_;
    const EncodeTarget& target_;
    const EncodedTaker& taker_;
};

}  // namespace

Bytes encode_one(const FrameIn& frame, const EncodeTarget& target, Context& context) {
    if (row_of(target.syntax->format).is_deflated) return deflate_frame(frame, target, context);
    if (target.codec->encode_unbounded != nullptr)
        return target.codec->encode_unbounded(frame, target.options, context);
    const auto bound = static_cast<std::size_t>(target.codec->encode_bound(frame));
    std::byte* const to = context.arena.allocate(bound);
    return {to, target.codec->encode(frame, {to, bound}, target.options, context)};
}

std::vector<FrameFailure> encode_frames(std::span<const FrameIn> frames, const EncodeTarget& target, unsigned threads,
                                        const Settings& settings, const EncodedTaker& taker) {
    return EncodeBatch(frames, target, threads, settings, taker).run();
}

}  // namespace dcmturbo
