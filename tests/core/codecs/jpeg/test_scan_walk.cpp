// ScanWalk and IntervalWalk: the order of segments, scans and restart markers, and what is wrong with another.
#include "codecs/jpeg/scan_walk.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "codecs/jpeg/marker_writer.h"

using namespace dcmturbo;
using namespace dcmturbo::jpeg;

namespace {

// A codestream of 4 lines of 8 samples, whose entropy-coded data mean nothing.
struct Stream {
    explicit Stream(unsigned components = 1, std::uint8_t code = SOF3)
        : identifiers(components, Photometric::unknown), frame_code(code) {
        writer.marker(SOI);
    }
    Stream& frame() {
        writer.frame_header(frame_code, 8, 4, 8, identifiers);
        return *this;
    }
    Stream& scan(unsigned component) {
        writer.scan_header(identifiers.only(component), 0, frame_code == SOF55 ? 0 : 1, 0, 0);
        return data();
    }
    Stream& scan() {
        writer.scan_header(identifiers, 0, frame_code == SOF55 ? 0 : 1, frame_code == SOF55 ? 1 : 0, 0);
        return data();
    }
    Stream& data() {
        for (const unsigned value : {0x12u, 0xFFu, 0u, 0x34u}) writer.u8(value);
        return *this;
    }
    Stream& marker(std::uint8_t code) {
        writer.marker(code);
        return *this;
    }
    Stream& table(std::uint8_t code) {
        writer.segment(code, 3);
        writer.u8(9);
        writer.u16(0);
        return *this;
    }
    [[nodiscard]] Bytes all() const {
        return std::as_bytes(std::span(bytes).first(static_cast<std::size_t>(writer.position() - bytes.data())));
    }

    std::array<std::uint8_t, 512> bytes{};
    MarkerWriter writer{bytes.data()};
    Identifiers identifiers;
    std::uint8_t frame_code;
};

Header header_of(unsigned components) {
    Header header;
    header.width = 8;
    header.height = 4;
    header.components.resize(components);
    for (ComponentHeader& component : header.components) {
        component.width = 8;
        component.height = 4;
        component.precision = 8;
    }
    return header;
}

struct Visit {
    std::vector<std::uint8_t> tables;
    unsigned scans = 0;
    bool ended = false;
    std::string error;
    std::size_t offset = 0;
    ErrorCode code = ErrorCode::ok;
};

Visit walk(const Stream& stream, unsigned components) {
    Visit visit;
    const Header header = header_of(components);
    MarkerReader reader(stream.all());
    try {
        ScanWalk walk(reader, header);
        while (walk.next([&](const Segment& segment) { visit.tables.push_back(segment.code); })) {
            ++visit.scans;
            IntervalWalk intervals(walk.restart_interval());
            ScanEnd end;
            for (;;) {
                end = reader.skip_entropy_coded(walk.frame().stuffing());
                if (!intervals.goes_on(end.code, end.offset)) break;
                reader.next();
            }
        }
        visit.ended = true;
    } catch (const DecodeError& error) {
        visit.error = error.message;
        visit.offset = static_cast<std::size_t>(error.offset);
        visit.code = error.code;
    }
    return visit;
}

}  // namespace

TEST_CASE("scans, and what stands between them, come in order") {
    Stream stream(3);
    stream.table(DHT).frame().scan(2).table(DHT).scan(0).table(COM).scan(1).marker(EOI);
    const Visit visit = walk(stream, 3);
    CHECK(visit.error == "");
    CHECK(visit.ended);
    CHECK(visit.scans == 3);
    CHECK(visit.tables == std::vector<std::uint8_t>{DHT, DHT, COM});
}

TEST_CASE("the walk knows the components of a scan, and when all have been there") {
    Stream stream(3);
    stream.frame().scan(2).scan(0).scan(1).marker(EOI);
    const Header header = header_of(3);
    MarkerReader reader(stream.all());
    ScanWalk walk(reader, header);
    const auto nothing = [](const Segment&) {};
    const std::size_t expected[] = {2, 0, 1};
    for (const std::size_t index : expected) {
        CHECK(!walk.complete());
        REQUIRE(walk.next(nothing));
        CHECK(walk.scan().count == 1);
        CHECK(walk.covered().index(0) == index);
        CHECK(!walk.repeats());
        reader.skip_entropy_coded(Stuffing::zero_byte);
    }
    CHECK(walk.complete());
    CHECK(!walk.next(nothing));
}

TEST_CASE("a component may come again, which the walk says") {
    Stream stream(1);
    stream.frame().scan().scan().marker(EOI);
    const Header header = header_of(1);
    MarkerReader reader(stream.all());
    ScanWalk walk(reader, header);
    REQUIRE(walk.next([](const Segment&) {}));
    CHECK(!walk.repeats());
    reader.skip_entropy_coded(Stuffing::zero_byte);
    REQUIRE(walk.next([](const Segment&) {}));
    CHECK(walk.repeats());
}

TEST_CASE("streams that end before all scans say so") {
    Stream at_end(3);
    at_end.frame().scan(0).marker(EOI);
    CHECK(walk(at_end, 3).error == "found EOI after scans of only 1 of 3 components");
    CHECK(walk(at_end, 3).code == ErrorCode::truncated);
    Stream without_scans(1);
    without_scans.frame().marker(EOI);
    CHECK(walk(without_scans, 1).error == "found EOI after scans of only 0 of 1 components");
    Stream cut(3);
    cut.frame().scan(0);
    CHECK(walk(cut, 3).error == "the data end after scans of only 1 of 3 components");
    CHECK(walk(cut, 3).code == ErrorCode::truncated);
}

TEST_CASE("segments where they do not belong") {
    Stream twice(1);
    twice.frame().frame();
    CHECK(walk(twice, 1).error == "found a second frame header");
    Stream early(1);
    early.scan();
    CHECK(walk(early, 1).error == "found SOS before a frame header");
    Stream other(1);
    other.frame().marker(RST0);
    CHECK(walk(other, 1).error.find("expected a table, a scan or EOI") != std::string::npos);
    Stream arithmetic(1, SOF11);
    arithmetic.frame();
    CHECK(walk(arithmetic, 1).code == ErrorCode::unsupported);
    Stream right(1);
    right.frame().scan().marker(EOI);
    CHECK(walk(right, 3).error == "the frame header has changed since it was probed");
}

TEST_CASE("LSE is a table of JPEG-LS, and of no other process") {
    Stream jpegls(1, SOF55);
    jpegls.frame().table(LSE).scan().marker(EOI);
    CHECK(walk(jpegls, 1).tables == std::vector<std::uint8_t>{LSE});
    CHECK(walk(jpegls, 1).ended);
    Stream lossless(1);
    lossless.frame().table(LSE).scan().marker(EOI);
    CHECK(walk(lossless, 1).error.find("FFF8") != std::string::npos);
}

TEST_CASE("restart markers come in their order") {
    Stream stream(1);
    stream.writer.restart_interval(8);
    stream.frame().scan().marker(RST0).data().marker(RST0 + 1).data().marker(EOI);
    CHECK(walk(stream, 1).ended);
    Stream wrong(1);
    wrong.writer.restart_interval(8);
    wrong.frame().scan().marker(RST0).data().marker(RST0 + 2).data().marker(EOI);
    CHECK(walk(wrong, 1).error == "expected restart marker FFD1, found FFD2");
    Stream without(1);
    without.frame().scan().marker(RST0).data().marker(EOI);
    CHECK(walk(without, 1).error == "found restart marker FFD0 in a scan without a restart interval");
}

TEST_CASE("restart markers count to seven, and behind the last interval any passes") {
    IntervalWalk intervals(1, 12);
    for (unsigned i = 0; i < 11; ++i) CHECK(intervals.goes_on(static_cast<std::uint8_t>(RST0 + i % 8), 0));
    CHECK(intervals.goes_on(RST0 + 1, 0));
    CHECK(intervals.restarts() == 12);
    CHECK(!intervals.goes_on(EOI, 0));
    CHECK(!intervals.goes_on(0, 0));
}
