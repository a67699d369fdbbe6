// Copies codestreams of the JPEG family without what does not describe the image.
#include "codecs/jpeg/clean.h"

#include <cstring>
#include <string_view>

namespace dcmturbo {

namespace jpeg {

namespace {

bool begins_with(const Segment& segment, std::string_view text) {
    return segment.parameters.size() >= text.size() &&
           std::memcmp(segment.parameters.data(), text.data(), text.size()) == 0;
}

bool describes_image(std::uint8_t code) {
    return is_frame_header(code) || code == DHT || code == DAC || code == DQT || code == DNL || code == DRI ||
           code == DHP || code == EXP || code == LSE;
}

}  // namespace

void copy_application_data(const Segment& segment, MarkerAppender& writer) {
    constexpr std::size_t jfif_bytes = 14, adobe_bytes = 12, hp_bytes = 5;
    const Bytes parameters = segment.parameters;
    if (segment.code == APP0 && begins_with(segment, "JFIF") && parameters.size() >= jfif_bytes) {
        writer.segment(APP0, jfif_bytes);
        writer.put(parameters.first(jfif_bytes - 2));
        writer.u16(0);  // the size of the thumbnail
    }
    if (segment.code == APP14 && begins_with(segment, "Adobe") && parameters.size() >= adobe_bytes)
        writer.segment(APP14, parameters.first(adobe_bytes));
    if (segment.code == APP0 + 8 && begins_with(segment, "mrfx") && parameters.size() == hp_bytes)
        writer.segment(segment.code, parameters);
}

}  // namespace jpeg

std::vector<std::uint8_t> clean_jpeg(Bytes data, const Header&) {
    using namespace jpeg;
    std::vector<std::uint8_t> to;
    to.reserve(data.size());
    MarkerAppender writer(to);
    MarkerReader reader(data);
    reader.start();
    writer.marker(SOI);
    Stuffing stuffing = Stuffing::zero_byte;
    while (reader.position() < reader.size()) {
        const Segment segment = reader.next();
        if (segment.code == EOI) break;
        if (segment.code == SOF55) stuffing = Stuffing::zero_bit;  // JPEG-LS: ISO/IEC 14495-1, C.2.2
        if (describes_image(segment.code)) writer.segment(segment.code, segment.parameters);
        copy_application_data(segment, writer);
        if (segment.code != SOS) continue;
        writer.segment(SOS, segment.parameters);
        const std::size_t begin = reader.position();
        ScanEnd end = reader.skip_entropy_coded(stuffing);
        while (is_restart(end.code)) {
            reader.next();
            end = reader.skip_entropy_coded(stuffing);
        }
        // FFs before a marker are no data: in data, another byte follows each FF.
        std::size_t stop = end.offset;
        while (stop > begin && data[stop - 1] == std::byte{0xFF}) --stop;
        writer.put(data.subspan(begin, stop - begin));
        if (end.code == 0) break;
    }
    writer.marker(EOI);
    return to;
}

}  // namespace dcmturbo
