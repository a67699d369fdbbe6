// MarkerWriter: what it writes is what the readers of headers read.
#include "codecs/jpeg/marker_writer.h"

#include <doctest/doctest.h>

#include <array>
#include <vector>

#include "codecs/jpeg/headers.h"

using namespace dcmturbo;
using namespace dcmturbo::jpeg;

namespace {

struct Written {
    std::array<std::uint8_t, 256> bytes{};
    MarkerWriter writer{bytes.data()};

    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(writer.position() - bytes.data()); }
    [[nodiscard]] MarkerReader reader() const {
        MarkerReader reader(std::as_bytes(std::span(bytes).first(size())));
        return reader;
    }
};

}  // namespace

TEST_CASE("a frame header reads back, at the size that is stated") {
    for (const unsigned count : {1u, 3u, 4u}) {
        Written written;
        written.writer.marker(SOI);
        written.writer.frame_header(SOF3, 12, 300, 65535, Identifiers(count, Photometric::unknown));
        CHECK(written.size() == 2 + MarkerWriter::frame_header_bytes(count));
        MarkerReader reader = written.reader();
        reader.start();
        const FrameHeader frame = read_frame_header(reader.next());
        CHECK(frame.precision == 12);
        CHECK(frame.lines == 300);
        CHECK(frame.samples_per_line == 65535);
        REQUIRE(frame.count == count);
        for (unsigned i = 0; i < count; ++i) CHECK(frame.components[i].identifier == i + 1);
        CHECK(frame.horizontal_max == 1);
    }
}

TEST_CASE("identifiers of RGB are its letters, and only of RGB") {
    const Identifiers rgb(3, Photometric::rgb);
    CHECK(rgb[0] == 'R');
    CHECK(rgb[1] == 'G');
    CHECK(rgb[2] == 'B');
    CHECK(rgb.only(2)[0] == 'B');
    CHECK(rgb.only(2).count() == 1);
    CHECK(Identifiers(3, Photometric::ybr_full)[0] == 1);
    CHECK(Identifiers(1, Photometric::rgb)[0] == 1);
}

TEST_CASE("a scan header reads back") {
    Written written;
    written.writer.marker(SOI);
    written.writer.scan_header(Identifiers(3, Photometric::rgb), 0x10, 7, 2, 3);
    CHECK(written.size() == 2 + MarkerWriter::scan_header_bytes(3));
    MarkerReader reader = written.reader();
    reader.start();
    const ScanHeader scan = read_scan_header(reader.next());
    REQUIRE(scan.count == 3);
    CHECK(scan.identifiers[1] == 'G');
    CHECK(scan.tables[2] == 0x10);
    CHECK(scan.first == 7);
    CHECK(scan.second == 2);
    CHECK(scan.low == 3);
}

TEST_CASE("a restart interval takes two bytes, or four where it needs them") {
    for (const std::uint32_t interval : {1u, 65535u, 65536u, 0x12345678u}) {
        Written written;
        written.writer.marker(SOI);
        written.writer.restart_interval(interval);
        CHECK(written.size() <= 2 + MarkerWriter::restart_interval_bytes);
        CHECK(written.size() == (interval > 0xffff ? 10 : 8));
        MarkerReader reader = written.reader();
        reader.start();
        CHECK(read_restart_interval(reader.next()) == interval);
    }
}
