// JPEG-LS: any bytes as a stream; streams whose headers are right and whose data are not; lines that are encoded and
// decoded again, right and changed; and stuffed bits. Every instruction set, one thread and two must agree.
#include <algorithm>
#include <random>

#include "bits/zero_bit_stuffing.h"
#include "codecs/jpegls/kernels.h"
#include "codecs/jpegls/scan.h"
#include "codestreams.h"

namespace {

using namespace dcmturbo;
using namespace dcmturbo::fuzz;

constexpr const char* syntax = "1.2.840.10008.1.2.4.81";

// Numbers out of the input, then out of what its bytes make.
class Numbers {
  public:
    Numbers(const std::uint8_t* data, std::size_t size)
        : data_(data), size_(size), noise_(size != 0 ? data[0] + 1u : 1) {}
    unsigned byte() { return at_ < size_ ? data_[at_++] : static_cast<unsigned>(noise_()) >> 8 & 0xff; }
    unsigned below(unsigned limit) {
        const unsigned high = byte();
        return (high << 8 | byte()) % limit;
    }
    [[nodiscard]] bool is_empty() const { return at_ >= size_; }

  private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::size_t at_ = 0;
    std::minstd_rand noise_;
};

void append_u16(Stream& stream, unsigned value) {
    stream.push_back(static_cast<std::uint8_t>(value >> 8));
    stream.push_back(static_cast<std::uint8_t>(value));
}

void append_segment(Stream& stream, std::uint8_t code, const Stream& parameters) {
    stream.insert(stream.end(), {0xFF, code});
    append_u16(stream, static_cast<unsigned>(parameters.size() + 2));
    stream.insert(stream.end(), parameters.begin(), parameters.end());
}

// Headers that agree with each other, and then whatever the input holds.
void with_right_headers(Numbers& input) {
    const unsigned rows = input.below(40) + 1;
    const unsigned columns = input.below(300) + 1;
    const unsigned count = input.byte() % 4 + 1;
    const unsigned precision = input.byte() % 15 + 2;
    const unsigned near_lossless = input.byte() % 2 == 0 ? 0 : input.byte() % ((1u << precision) / 2);
    Stream stream = {0xFF, 0xD8};
    if (input.byte() % 8 == 0) append_segment(stream, 0xE8, {'m', 'r', 'f', 'x', std::uint8_t(input.byte() % 5)});
    Stream frame = {std::uint8_t(precision)};
    append_u16(frame, rows);
    append_u16(frame, columns);
    frame.push_back(std::uint8_t(count));
    for (unsigned i = 0; i < count; ++i) {
        const unsigned factors = input.byte() % 6 == 0 ? (input.byte() % 4 + 1) << 4 | (input.byte() % 4 + 1) : 0x11;
        frame.insert(frame.end(), {std::uint8_t(i), std::uint8_t(factors), 0});
    }
    append_segment(stream, 0xF7, frame);
    if (input.byte() % 3 == 0) {
        Stream presets = {1};
        for (unsigned i = 0; i < 5; ++i) append_u16(presets, input.byte() % 2 == 0 ? 0 : input.below(1u << precision));
        append_segment(stream, 0xF8, presets);
    }
    unsigned table = 0;
    if (input.byte() % 8 == 0) {
        table = 1;
        Stream entries = {2, 1, 1};
        for (unsigned i = 0; i < 256; ++i) entries.push_back(std::uint8_t(input.byte()));
        append_segment(stream, 0xF8, entries);
    }
    if (input.byte() % 3 == 0) append_segment(stream, 0xDD, {0, std::uint8_t(input.byte() % 9)});
    const unsigned interleave = count == 1 ? 0 : input.byte() % 3;
    const unsigned of_scan = interleave == 0 ? 1 : count;
    for (unsigned first = 0; first < count; first += of_scan) {
        Stream scan = {std::uint8_t(of_scan)};
        for (unsigned i = first; i < first + of_scan; ++i)
            scan.insert(scan.end(), {std::uint8_t(i), std::uint8_t(table)});
        scan.insert(scan.end(), {std::uint8_t(std::min(near_lossless, 255u)), std::uint8_t(interleave), 0});
        append_segment(stream, 0xDA, scan);
        if (first + of_scan < count) {
            const unsigned size = input.below(400);
            for (unsigned i = 0; i < size; ++i) stream.push_back(std::uint8_t(input.byte()));
        }
    }
    while (!input.is_empty()) stream.push_back(std::uint8_t(input.byte()));
    decode_every_way(syntax, stream);
}

// Lines of samples with a set of parameters, through the loops of every instruction set.
void lines_and_back(Numbers& input) {
    const unsigned precision = input.byte() % 15 + 2;
    jpegls::Presets presets;
    if (input.byte() % 2 == 0) {
        presets.maxval = input.below(1u << precision);
        presets.t1 = input.byte() % 2 == 0 ? 0 : input.below(1u << precision);
        presets.t2 = input.byte() % 2 == 0 ? 0 : input.below(1u << precision);
        presets.t3 = input.byte() % 2 == 0 ? 0 : input.below(1u << precision);
        presets.reset = input.byte() % 2 == 0 ? 0 : input.below(1u << precision);
    }
    const unsigned near_lossless = input.byte() % 2 == 0 ? 0 : input.byte();
    if (jpegls::what_is_wrong(presets, precision, near_lossless) != nullptr) return;
    const jpegls::Parameters parameters = jpegls::resolve(presets, precision, near_lossless);
    const unsigned components = input.byte() % 4 + 1;
    const bool in_step = input.byte() % 2 == 0;
    const std::uint32_t width = input.below(200) + 1;
    const unsigned rows = input.byte() % 5 + 1;
    const unsigned step = (1u << input.byte() % 17) - 1;
    std::vector<std::vector<std::uint16_t>> original;
    unsigned value = 0;
    for (unsigned i = 0; i < rows * components; ++i) {
        original.emplace_back();
        for (std::uint32_t x = 0; x < width; ++x) {
            value = (value + (input.below(65536) & step)) % (static_cast<unsigned>(parameters.maxval) + 1);
            original.back().push_back(static_cast<std::uint16_t>(value));
        }
    }

    std::vector<std::uint8_t> first;
    std::vector<std::vector<std::uint16_t>> first_decoded;
    for (std::uint8_t isa = 0; dcmturbo_isa_name(isa) != nullptr; ++isa) {
        if (dcmturbo_isa_available(isa) == 0) continue;
        const jpegls::LineKernels& kernels = jpegls::line_kernels(static_cast<Isa>(isa));
        Arena arena;
        jpegls::Contexts contexts;
        const std::size_t scratch = 2 * (width + jpegls::line_margin) * components;
        const jpegls::LineCoder coder{parameters,
                                      contexts,
                                      jpegls::make_gradients(parameters, arena),
                                      arena.allocate_array<std::int16_t>(scratch),
                                      arena.allocate_array<jpegls::LineSample>(scratch),
                                      arena.allocate_array<std::uint16_t>(scratch)};
        std::vector<std::vector<std::uint16_t>> decoded;
        std::vector<std::uint8_t> bits(jpegls::most_line_bytes(width) * components * rows + 64);
        GolombOutput output;
        output.next = bits.data();
        const auto run = [&](auto&& each) {
            contexts.reset(parameters, kernels);
            std::vector<std::vector<std::uint16_t>> above(components,
                                                          std::vector<std::uint16_t>(width + 2 * jpegls::line_margin));
            auto lines = above;
            for (unsigned row = 0; row < rows; ++row) {
                std::vector<jpegls::Line> views;
                for (unsigned i = 0; i < components; ++i) {
                    jpegls::prepare_line(above[i].data() + jpegls::line_margin, lines[i].data() + jpegls::line_margin,
                                         width);
                    views.push_back({above[i].data() + jpegls::line_margin, lines[i].data() + jpegls::line_margin});
                }
                each(row, views);
                std::swap(above, lines);
            }
        };
        run([&](unsigned row, std::vector<jpegls::Line>& views) {
            for (unsigned i = 0; i < components; ++i)
                std::copy(original[row * components + i].begin(), original[row * components + i].end(), views[i].line);
            if (in_step) kernels.encode_samples(coder, output, views.data(), components, width);
            else
                for (unsigned i = 0; i < components; ++i)
                    kernels.encode_line(coder, output, views[i], width, contexts.run_index[i]);
        });
        const std::size_t size = static_cast<std::size_t>(output.next - bits.data()) * 8 + output.count;
        require(size <= std::uint64_t{width} * rows * components * parameters.limit, "no sample takes more than LIMIT");
        bits.resize((size + 7) / 8);
        if (output.count != 0) bits.back() = static_cast<std::uint8_t>(output.pending >> 56);
        if (first.empty()) first = bits;
        require(bits == first, "every path encodes alike");

        std::vector<std::uint8_t> padded = bits;
        padded.resize(bits.size() + GolombPlace::slack);
        GolombPlace place(padded.data(), size);
        run([&](unsigned row, std::vector<jpegls::Line>& views) {
            unsigned damage = 0;
            if (in_step) damage = kernels.decode_samples(coder, place, views.data(), components, width);
            else
                for (unsigned i = 0; i < components; ++i)
                    damage |= kernels.decode_line(coder, place, views[i], width, contexts.run_index[i]);
            require(damage == 0 && !place.is_past_end(), "what was encoded is right");
            for (unsigned i = 0; i < components; ++i) {
                const auto& wanted = original[row * components + i];
                for (std::uint32_t x = 0; x < width; ++x) {
                    const int error = int{views[i].line[x]} - int{wanted[x]};
                    require(std::abs(error) <= parameters.near_lossless, "no error is larger than NEAR");
                }
                decoded.emplace_back(views[i].line, views[i].line + width);
            }
        });
        require(place.position == size, "all bits are read");
        if (first_decoded.empty()) first_decoded = decoded;
        require(decoded == first_decoded, "every path decodes alike");
    }
}

// Bits, stuffed in pieces and unstuffed.
void stuffed_bits(Numbers& input) {
    const unsigned size = input.below(600) + 1;
    const bool mostly_ones = input.byte() % 2 == 0;
    std::vector<std::uint8_t> bytes;
    for (unsigned i = 0; i < size; ++i)
        bytes.push_back(static_cast<std::uint8_t>(mostly_ones && input.byte() % 4 != 0 ? 0xFF : input.byte()));
    std::vector<std::uint8_t> padded = bytes;
    padded.resize(size + 16);
    std::vector<std::uint8_t> stuffed(stuffed_bound(size * 8) + 16);
    StuffedTail tail;
    std::uint8_t* to = stuffed.data();
    std::size_t done = 0;
    while (done < size) {
        const std::size_t now = std::min<std::size_t>(size - done, input.byte() % 40 + 1);
        to = stuff_bits(padded.data() + done, now * 8, to, tail);
        done += now;
    }
    to = finish_stuffed_bits(to, tail);
    const auto length = static_cast<std::size_t>(to - stuffed.data());
    require(length <= stuffed_bound(size * 8), "the bound holds");
    for (std::size_t i = 0; i + 1 < length; ++i)
        require(stuffed[i] != 0xFF || stuffed[i + 1] < 0x80, "no marker is made");
    require(stuffed[length - 1] != 0xFF, "no marker begins at the end");
    stuffed.resize(length);
    std::vector<std::uint8_t> again(length + unstuff_bits_slack);
    const Bytes all{reinterpret_cast<const std::byte*>(stuffed.data()), stuffed.size()};
    const UnstuffedBits found = unstuff_bits(all, again.data());
    require(found.marker == 0 && found.end == length, "there is no marker");
    require(found.bits >= size * 8u && found.bits < size * 8u + 16, "all bits are there");
    require(std::equal(bytes.begin(), bytes.end(), again.begin()), "bits come back as they were");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    Numbers input(data + 1, size - 1);
    switch (data[0] % 4) {
        case 0: decode_every_way(syntax, Stream(data + 1, data + size)); break;
        case 1: with_right_headers(input); break;
        case 2: lines_and_back(input); break;
        default: stuffed_bits(input); break;
    }
    return 0;
}
