// JPEG Lossless: any bytes as a stream; streams whose headers are right and whose data are not; encoded images,
// some of whose bytes are then changed; and the reader of differences alone. Every instruction set, one thread
// and two, and one place at a time must agree.
#include <algorithm>
#include <memory>
#include <random>

#include "abi/convert.h"
#include "base/endian.h"
#include "codecs/jpeg_lossless/difference_reader.h"
#include "codestreams.h"

namespace {

using namespace dcmturbo;
using namespace dcmturbo::fuzz;

constexpr const char* syntax = "1.2.840.10008.1.2.4.57";

// Numbers out of the input, then out of what its last bytes make.
class Input {
  public:
    Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
    std::uint8_t byte() {
        if (at_ < size_) {
            state_ = state_ * 6364136223846793005u + data_[at_] + 1;
            return data_[at_++];
        }
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::uint8_t>(state_ >> 56);
    }
    unsigned below(unsigned limit) { return (byte() << 8 | byte()) % limit; }
    [[nodiscard]] bool is_empty() const { return at_ >= size_; }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t at_ = 0;
    std::uint64_t state_ = 1;
};

void put_segment(Stream& stream, std::uint8_t code, std::initializer_list<std::vector<unsigned>> parts) {
    std::size_t size = 2;
    for (const auto& part : parts) size += part.size();
    stream.insert(stream.end(), {0xFF, code, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)});
    for (const auto& part : parts)
        for (const unsigned value : part) stream.push_back(static_cast<std::uint8_t>(value));
}

HuffmanTable table_from(Input& input) {
    HuffmanTable table;
    std::uint32_t used = 0;
    unsigned size = 0;
    for (unsigned length = 1; length <= max_code_length; ++length) {
        const std::uint32_t free = ((1u << max_code_length) - used) >> (max_code_length - length);
        const unsigned count = std::min({input.below(6), free, 256 - size});
        table.counts[length] = static_cast<std::uint8_t>(count);
        used += count << (max_code_length - length);
        size += count;
    }
    for (unsigned i = 0; i < size; ++i) table.symbols[i] = static_cast<std::uint8_t>(input.below(18));
    return table;
}

// Headers that agree with each other, and then whatever the input holds.
void with_right_headers(Input& input) {
    const unsigned rows = input.below(40) + 1;
    const unsigned columns = input.below(300) + 1;
    const unsigned count = input.byte() % 4 + 1;
    Stream stream = {0xFF, 0xD8};
    std::vector<unsigned> components;
    std::vector<unsigned> members;
    for (unsigned i = 0; i < count; ++i) {
        const unsigned factors = input.byte() % 4 == 0 ? (input.byte() % 4u + 1) << 4 | (input.byte() % 4u + 1) : 0x11;
        components.insert(components.end(), {i, factors, 0});
        members.insert(members.end(), {i, (input.byte() % 2u) << 4});
    }
    const unsigned precision = input.byte() % 15 + 2;
    put_segment(stream, 0xC3, {{precision, rows >> 8, rows & 255, columns >> 8, columns & 255, count}, components});
    for (unsigned destination = 0; destination < 2; ++destination) {
        const HuffmanTable table = table_from(input);
        std::vector<unsigned> values(table.counts.begin() + 1, table.counts.end());
        values.insert(values.end(), table.symbols.begin(), table.symbols.begin() + table.size());
        put_segment(stream, 0xC4, {{destination}, values});
    }
    const unsigned restart = input.byte() % 3 == 0 ? columns * (input.byte() % 5 + 1) : 0;
    if (restart != 0) put_segment(stream, 0xDD, {{restart >> 8 & 255, restart & 255}});
    put_segment(stream, 0xDA, {{count}, members, {input.byte() % 8u, 0, input.byte() % 5 == 0 ? 1u : 0u}});
    while (!input.is_empty()) stream.push_back(input.byte());
    decode_every_way(syntax, stream);
}

// An image, encoded, decoded, and decoded again with some bytes changed.
void round_trip(Input& input) {
    dcmturbo_attributes attributes{};
    attributes.size = sizeof attributes;
    const unsigned most = input.byte() % 8 == 0 ? 400 : 60;  // large enough for a team, now and then
    attributes.rows = input.below(most) + 1;
    attributes.columns = input.below(most) + 1;
    attributes.samples_per_pixel = input.byte() % 3 == 0 ? 3 : 1;
    attributes.bits_stored = static_cast<std::uint16_t>(input.byte() % 15 + 2);
    attributes.bits_allocated = attributes.bits_stored > 8 ? 16 : 8;
    attributes.photometric = dcmturbo_photometric_from_name(attributes.samples_per_pixel == 1 ? "MONOCHROME2" : "RGB");
    const unsigned selection_value = input.byte() % 8u;
    const unsigned restart_rows = input.byte() % 3 == 0 ? std::min(input.byte() % 20u, 65535 / attributes.columns) : 0;
    const dcmturbo_option_value options[] = {
        selection_value == 0
            ? dcmturbo_option_value{"selection_value", DCMTURBO_TEXT, 0, "best"}
            : dcmturbo_option_value{"selection_value", DCMTURBO_INTEGER, double(selection_value), nullptr},
        {"restart_rows", DCMTURBO_INTEGER, double(restart_rows), nullptr},
    };
    const unsigned changes = input.byte() % 4;
    const std::size_t cell = attributes.bits_allocated / 8u;
    const std::size_t pixel = cell * attributes.samples_per_pixel;
    const std::size_t samples = std::size_t{attributes.rows} * attributes.columns * attributes.samples_per_pixel;
    std::vector<std::uint8_t> pixels(samples * cell);
    const unsigned mask = (1u << attributes.bits_stored) - 1;
    // How much of a sample is new: runs, gentle noise, or anything.
    const unsigned step = (1u << input.byte() % 17) - 1;
    // Inputs are short: large images go on with noise.
    std::minstd_rand noise(input.byte() + 1u);
    unsigned value = 0;
    for (std::size_t i = 0; i < samples; ++i) {
        const unsigned next = input.is_empty() ? static_cast<unsigned>(noise()) >> 8 : input.byte() << 8 | input.byte();
        value = (value + (next & step)) & mask;
        pixels[i * cell] = static_cast<std::uint8_t>(value);
        if (cell == 2) pixels[i * cell + 1] = static_cast<std::uint8_t>(value >> 8);
    }
    const dcmturbo_image image{pixels.data(), static_cast<ptrdiff_t>(pixel * attributes.columns),
                               static_cast<ptrdiff_t>(pixel), static_cast<ptrdiff_t>(cell)};
    Stream first;
    for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
        if (dcmturbo_isa_available(isa) == 0) continue;
        use_isa(isa);
        Stream stream(dcmturbo_encode_bound(syntax, &attributes));
        std::size_t written = 0;
        dcmturbo_error error{};
        error.size = sizeof error;
        const auto code = dcmturbo_encode_frame(syntax, &image, &attributes, options, std::size(options), stream.data(),
                                                stream.size(), &written, &error);
        require(code == DCMTURBO_OK, "every image can be encoded");
        require(written <= stream.size(), "the bound holds");
        stream.resize(written);
        if (first.empty()) first = stream;
        require(stream == first, "every path encodes alike");
    }
    if (samples > most_samples) return;
    require(decode_every_way(syntax, first) == pixels, "decoding gives back what was encoded");
    if (changes == 0) return;
    for (unsigned i = 0; i < changes; ++i) first[noise() % first.size()] ^= static_cast<std::uint8_t>(noise() >> 9);
    decode_every_way(syntax, first);
}

// The same data and table, decoded from several places at once and from one.
void read_differences(Input& input) {
    auto table = std::make_unique<DifferenceTable>();
    table->build(table_from(input));
    const std::size_t size = input.below(input.byte() % 8 == 0 ? 24000 : 5000) + 1;
    std::vector<std::uint8_t> data;
    const bool is_long = input.byte() % 2 != 0;
    const std::size_t wanted = input.below(9000) + 1;
    std::vector<jpeg_lossless::Interval> intervals;
    while (data.size() < size) {
        const std::size_t some =
            std::min<std::size_t>(size - data.size(), input.byte() % 4 == 0 ? input.below(6000) : size);
        const std::uint64_t begin = data.size() * 8;
        for (std::size_t i = 0; i < some; ++i) data.push_back(input.byte());
        intervals.push_back({begin, data.size() * 8});
    }
    std::vector<std::uint8_t> padded = data;
    padded.resize(data.size() + difference_read_slack);

    const DifferenceTable* const tables[] = {table.get()};
    const jpeg_lossless::DifferenceSource source{padded.data(), tables, is_long};
    for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
        if (dcmturbo_isa_available(isa) == 0) continue;
        Arena arena;
        jpeg_lossless::DifferenceReader reader(source, intervals, wanted, static_cast<Isa>(isa), arena);
        for (std::size_t k = 0; k < intervals.size(); ++k) {
            std::uint64_t position = intervals[k].begin;
            bool more = true;
            while (more) {
                const std::span<const DifferenceEntry> entries = reader.take(wanted);
                more = entries.size() == wanted;
                for (const DifferenceEntry entry : entries) {
                    const std::uint64_t window = load_be<std::uint64_t>(padded.data() + position / 8) << position % 8;
                    require(entry == table->decode(window), "lanes decode as a single place does");
                    position += length_of(entry);
                }
                require(position <= intervals[k].end, "nothing is read from beyond an interval");
                // Asking costs what is left of a segment.
                if (wanted > 64 || !more) require(reader.position() == position, "the reader knows where it is");
            }
            const std::uint64_t window = load_be<std::uint64_t>(padded.data() + position / 8) << position % 8;
            require(position + length_of(table->decode(window)) > intervals[k].end, "an interval is read to its end");
            if (k + 1 < intervals.size()) reader.next_interval();
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    Input input(data + 1, size - 1);
    switch (data[0] % 4) {
        case 0: decode_every_way(syntax, Stream(data + 1, data + size)); break;
        case 1: with_right_headers(input); break;
        case 2: round_trip(input); break;
        default: read_differences(input); break;
    }
    return 0;
}
