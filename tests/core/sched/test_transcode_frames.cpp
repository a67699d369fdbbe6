#include "sched/transcode_frames.h"

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "codecs/library.h"
#include "dicom/file_source.h"

using namespace dcmturbo;

namespace {

constexpr std::uint32_t rows = 40;
constexpr std::uint32_t columns = 50;
constexpr std::size_t frame_bytes = std::size_t{rows} * columns * 2;

FrameStream stream_of(const char* syntax, unsigned bits_stored) {
    FrameStream stream;
    stream.syntax = find_transfer_syntax(syntax);
    PixelAttributes& a = stream.attributes;
    a.rows = rows;
    a.columns = columns;
    a.bits_allocated = 16;
    a.bits_stored = static_cast<std::uint16_t>(bits_stored);
    a.photometric = Photometric::monochrome2;
    stream.request = {.raw = true, .keep_unused_bits = true};
    stream.format = frame_format(a, nullptr, *stream.syntax, stream.request).format;
    stream.sample_stride = stream.pixel_stride = 2;
    stream.row_stride = 2 * columns;
    return stream;
}

// Native frames of 12 bits, each with other values.
struct Object {
    explicit Object(std::uint64_t frames) : cells(frames * rows * columns) {
        std::uint32_t state = 9;
        for (std::uint16_t& cell : cells)
            cell = static_cast<std::uint16_t>((state = state * 1664525 + 1013904223) >> 20);
    }

    TranscodePlan plan(const char* target, unsigned threads) {
        source =
            std::make_unique<BufferSource>(Bytes{reinterpret_cast<const std::byte*>(cells.data()), cells.size() * 2});
        NativeLayout layout;
        layout.length = cells.size() * 2;
        layout.frame_bits = frame_bytes * 8;
        layout.number_of_frames = cells.size() * 2 / frame_bytes;
        index = FrameIndex::native(*source, layout);
        TranscodePlan plan;
        plan.source = source.get();
        plan.index = index.get();
        plan.stream = stream_of("ExplicitVRLittleEndian", 12);
        plan.frames = layout.number_of_frames;
        plan.action = TranscodePlan::Action::encode;
        plan.result = stream_of(target, 12);
        plan.target.syntax = plan.result.syntax;
        plan.target.codec = row_of(plan.result.syntax->format).own;
        plan.compares_readings = true;
        plan.threads = threads;
        return plan;
    }

    std::vector<std::uint16_t> cells;
    std::unique_ptr<Source> source;
    std::unique_ptr<FrameIndex> index;
};

}  // namespace

TEST_CASE("transcode frames: all of them, in order, with any number of threads") {
    for (const std::uint64_t count : {1, 2, 40}) {
        for (const unsigned threads : {1u, 2u, 5u}) {
            for (const char* target : {"RLELossless", "JPEGLosslessSV1"}) {
                Object object(count);
                TranscodeFrames frames(object.plan(target, threads), settings());
                TranscodedFrame frame;
                std::uint64_t number = 0;
                for (; frames.next(frame); ++number) {
                    REQUIRE(frame.stage == TranscodeStage::done);
                    REQUIRE(frame.encoded.size() > 64);
                    REQUIRE(frame.cells.size() == frame_bytes);
                    REQUIRE(std::memcmp(frame.cells.data(), object.cells.data() + number * rows * columns,
                                        frame_bytes) == 0);
                }
                REQUIRE(number == count);
                REQUIRE(!frames.next(frame));
            }
        }
    }
}

TEST_CASE("transcode frames: what fails says where, and the others go on") {
    for (const unsigned threads : {1u, 3u}) {
        Object object(20);
        object.cells[7 * rows * columns + 3] = 0xffff;  // JPEG Lossless of 12 bits does not hold it
        TranscodeFrames frames(object.plan("JPEGLosslessSV1", threads), settings());
        TranscodedFrame frame;
        for (std::uint64_t number = 0; frames.next(frame); ++number) {
            REQUIRE(frame.stage == (number == 7 ? TranscodeStage::encoding : TranscodeStage::done));
            if (number == 7) REQUIRE(frame.failure.code == ErrorCode::argument);
            REQUIRE(frame.cells.size() == frame_bytes);
        }
    }
}

TEST_CASE("transcode frames: bits are counted or masked") {
    Object object(3);
    object.cells[rows * columns] = 0x1fff;
    TranscodePlan plan = object.plan("RLELossless", 2);
    plan.most_bits = 12;
    TranscodedFrame frame;
    {
        TranscodeFrames frames(plan, settings());
        REQUIRE(frames.next(frame));
        REQUIRE(frame.stage == TranscodeStage::done);
        REQUIRE(frames.next(frame));
        REQUIRE(frame.stage == TranscodeStage::bits);
        REQUIRE(frame.bits == 13);
    }
    plan.masks = true;
    plan.compares_readings = false;
    TranscodeFrames frames(plan, settings());
    while (frames.next(frame)) {
        REQUIRE(frame.stage == TranscodeStage::done);
        std::uint16_t first = 0;
        std::memcpy(&first, frame.cells.data(), 2);
        REQUIRE(first <= 0xfff);
    }
}

TEST_CASE("transcode frames: an encoder that is wrong is found out, or measured") {
    Object object(9);
    TranscodePlan plan = object.plan("RLELossless", 3);
    // Encodes other pixels than it is given.
    const LibraryEncoder wrong{[](const void*, const FrameIn& frame, void (*take)(void*, Bytes), void* taker) {
                                   std::vector<std::uint16_t> cells(rows * columns);
                                   std::memcpy(cells.data(), frame.base, frame_bytes);
                                   cells[5] ^= 4;
                                   FrameIn other = frame;
                                   other.base = reinterpret_cast<const std::byte*>(cells.data());
                                   Arena arena;
                                   const Settings current = settings();
                                   Context context{arena, current.isa, current.limits};
                                   EncodeTarget own;
                                   own.syntax = find_transfer_syntax("RLELossless");
                                   own.codec = row_of(own.syntax->format).own;
                                   take(taker, encode_one(other, own, context));
                               },
                               nullptr};
    plan.target.codec = &library_codec;
    plan.target.options.library = &wrong;
    TranscodedFrame frame;
    {
        TranscodeFrames frames(plan, settings());
        while (frames.next(frame)) REQUIRE(frame.stage == TranscodeStage::cells);
    }
    plan.loses = true;
    TranscodeFrames frames(plan, settings());
    while (frames.next(frame)) {
        REQUIRE(frame.stage == TranscodeStage::done);
        REQUIRE(frame.difference.maximum == 4);
        REQUIRE(frame.difference.total == 4);
        REQUIRE(frame.difference.squares == 16);
        REQUIRE(frame.difference.samples == rows * columns);
    }
}

TEST_CASE("transcode frames: whoever asks for no more waits for nobody, and the pool is there for the next") {
    for (int i = 0; i < 50; ++i) {
        Object object(40);
        TranscodeFrames frames(object.plan("JPEGLosslessSV1", 4), settings());
        TranscodedFrame frame;
        for (int asked = 0; asked < i % 5; ++asked) REQUIRE(frames.next(frame));
    }
}
