#include "sched/encode_frames.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "codecs/library.h"

using namespace dcmturbo;

namespace {

// Frames of 16-bit cells, each with other values.
struct Frames {
    Frames(std::size_t count, std::uint32_t rows, std::uint32_t columns) : cells(count) {
        std::uint32_t state = 7;
        for (std::vector<std::uint16_t>& one : cells) {
            one.resize(std::size_t{rows} * columns);
            for (std::uint16_t& cell : one)
                cell = static_cast<std::uint16_t>((state = state * 1664525 + 1013904223) >> 20);
            FrameIn& frame = frames.emplace_back();
            frame.base = reinterpret_cast<const std::byte*>(one.data());
            frame.pixel_stride = 2;
            frame.row_stride = std::ptrdiff_t{2} * columns;
            frame.attributes.rows = rows;
            frame.attributes.columns = columns;
            frame.attributes.bits_allocated = 16;
            frame.attributes.bits_stored = 12;
            frame.attributes.photometric = Photometric::monochrome2;
        }
    }
    std::vector<std::vector<std::uint16_t>> cells;
    std::vector<FrameIn> frames;
};

EncodeTarget target_of(const char* syntax) {
    EncodeTarget target;
    target.syntax = find_transfer_syntax(syntax);
    target.codec = row_of(target.syntax->format).own;
    return target;
}

struct Encoded {
    std::vector<std::string> data;
    std::vector<FrameFailure> failures;
};

Encoded encode(const std::vector<FrameIn>& frames, const EncodeTarget& target, unsigned threads) {
    Encoded encoded;
    encoded.data.resize(frames.size());
    const EncodedTaker taker{[](void* context, std::size_t job, Bytes data) {
                                 static_cast<Encoded*>(context)->data[job].assign(
                                     reinterpret_cast<const char*>(data.data()), data.size());
                             },
                             &encoded};
    encoded.failures = encode_frames(frames, target, threads, settings(), taker);
    return encoded;
}

}  // namespace

TEST_CASE("encode frames: a large frame gives the same bytes on any team") {
    const Frames frames(1, 611, 1009);
    for (const char* syntax : {"RLELossless", "JPEGLosslessSV1", "ExplicitVRLittleEndian"}) {
        const EncodeTarget target = target_of(syntax);
        const Encoded alone = encode(frames.frames, target, 1);
        REQUIRE(alone.failures.empty());
        for (const unsigned threads : {2u, 3u, 8u}) REQUIRE(encode(frames.frames, target, threads).data == alone.data);
    }
}

TEST_CASE("encode frames: many frames, in their places") {
    const Frames frames(40, 33, 65);
    const EncodeTarget target = target_of("JPEGLosslessSV1");
    const Encoded alone = encode(frames.frames, target, 1);
    for (const unsigned threads : {2u, 8u}) REQUIRE(encode(frames.frames, target, threads).data == alone.data);
    for (std::size_t i = 0; i < frames.frames.size(); ++i)
        REQUIRE(encode({frames.frames[i]}, target, 1).data.front() == alone.data[i]);
}

TEST_CASE("encode frames: the lowest frame that fails is the first failure") {
    Frames frames(40, 33, 65);
    for (const std::size_t bad : {9, 10, 39}) frames.cells[bad][5] = 0xffff;
    for (const unsigned threads : {1u, 2u, 8u}) {
        const Encoded encoded = encode(frames.frames, target_of("JPEGLosslessSV1"), threads);
        REQUIRE(!encoded.failures.empty());
        REQUIRE(encoded.failures.front().job == 9);
        REQUIRE(encoded.failures.front().code == ErrorCode::argument);
        for (std::size_t i = 0; i < 9; ++i) REQUIRE(!encoded.data[i].empty());
    }
}

TEST_CASE("encode frames: a library's encoder is a codec like others") {
    const Frames frames(9, 33, 65);
    const LibraryEncoder library{
        [](const void* request, const FrameIn& frame, void (*take)(void*, Bytes), void* taker) {
            REQUIRE(request == nullptr);
            if (frame.attributes.rows != 33) fail(ErrorCode::unsupported, 3, "rows");
            take(taker, {frame.base, 33 * 65 * 2});
        },
        nullptr};
    EncodeTarget target = target_of("JPEGLSLossless");
    target.codec = &library_codec;
    const Encoded refused = encode(frames.frames, target, 2);
    REQUIRE(refused.failures.front().code == ErrorCode::unsupported);
    target.options.library = &library;
    const Encoded encoded = encode(frames.frames, target, 2);
    REQUIRE(encoded.failures.empty());
    for (std::size_t i = 0; i < frames.frames.size(); ++i)
        REQUIRE(std::memcmp(encoded.data[i].data(), frames.cells[i].data(), 33 * 65 * 2) == 0);
}

TEST_CASE("encode frames: a taker that fails ends the work") {
    const Frames frames(1, 33, 65);
    const EncodedTaker taker{[](void*, std::size_t, Bytes) { fail(ErrorCode::out_of_memory, no_offset, "no room"); },
                             nullptr};
    const auto failures = encode_frames(frames.frames, target_of("RLELossless"), 1, settings(), taker);
    REQUIRE(failures.size() == 1);
    REQUIRE(failures.front().message == "no room");
}
