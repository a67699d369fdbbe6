#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "base/team.h"
#include "bits/zero_bit_stuffing.h"
#include "codecs/jpeg/marker_writer.h"
#include "codecs/jpegls/codec.h"
#include "codecs/jpegls/kernels.h"
#include "codecs/jpegls/options.h"
#include "codecs/jpegls/scan.h"
#include "image/pixel_reader.h"

namespace dcmturbo::jpegls {

namespace {

using namespace jpeg;

// SOI, the frame header, LSE of types 1 and 4, DRI and EOI need less than 96 bytes, four scan headers 64.
constexpr std::uint64_t header_bytes = 256;
// An interval, or a scan, of fewer samples is not worth a thread's start.
constexpr std::uint64_t part_samples = std::uint64_t{1} << 15;

unsigned precision_of(const PixelAttributes& a) {
    return std::max<unsigned>(2, a.bits_stored);  // C.2.2 has no precision of 1
}

// What the options ask for.
struct Wishes {
    explicit Wishes(const FrameIn& frame, const EncodeOptions& options) {
        const auto number = [&](const Option& option) {
            return static_cast<std::uint32_t>(options.values.integer(option));
        };
        near_lossless = number(jpegls::near_lossless);
        restart_rows = number(jpegls::restart_rows);
        presets = {number(maxval), number(threshold_1), number(threshold_2), number(threshold_3), number(reset)};
        if (frame.attributes.samples_per_pixel > 1)
            interleave = static_cast<Interleave>(options.values.word(jpegls::interleave));
    }

    unsigned near_lossless = 0;
    std::uint32_t restart_rows = 0;
    Presets presets;
    Interleave interleave = Interleave::none;
};

bool has_presets(const Presets& p) { return (p.maxval | p.t1 | p.t2 | p.t3 | p.reset) != 0; }

// The most bytes of `rows` rows of an interval of `components` components. No sample takes more bits than LIMIT: one
// that interrupts a run has a code that is shorter by what the end of the run takes, and a sample within a run takes
// one bit at most.
std::uint64_t interval_bound(const Parameters& parameters, std::uint64_t samples) {
    return checked_add<std::uint64_t>(stuffed_bound(checked_multiply<std::uint64_t>(samples, parameters.limit)), 2 + 8);
}

// An interval to encode, and where its bytes go.
struct Part {
    unsigned first_component = 0;
    std::uint32_t first_row = 0;
    std::uint32_t end_row = 0;
    std::uint8_t* to = nullptr;
    std::uint8_t* end = nullptr;
};

// What one thread needs for any part.
struct Workspace {
    Contexts* contexts = nullptr;
    std::int16_t* levels = nullptr;
    std::uint16_t* predictions = nullptr;
    std::uint8_t* row_bytes = nullptr;
    // Of each sample of a pixel: the line above, and the line.
    std::array<std::array<std::uint16_t*, 2>, most_components> lines{};
};

class FrameEncoder {
  public:
    FrameEncoder(const FrameIn& frame, const Wishes& wishes, Context& context)
        : attributes_(frame.attributes),
          wishes_(wishes),
          kernels_(line_kernels(context.isa)),
          context_(context),
          reader_(frame),
          components_(frame.attributes.samples_per_pixel),
          parameters_(resolve(wishes.presets, precision_of(frame.attributes), wishes.near_lossless)) {}

    std::size_t encode(std::span<std::byte> out) {
        auto* const begin = reinterpret_cast<std::uint8_t*>(out.data());
        MarkerWriter writer(begin);
        write_headers(writer);
        gradients_ = make_gradients(parameters_, context_.arena);
        const std::uint32_t step =
            wishes_.restart_rows == 0 ? attributes_.rows : std::min(wishes_.restart_rows, attributes_.rows);
        const unsigned of_scan = wishes_.interleave == Interleave::none ? 1 : components_;
        std::vector<Part> parts;
        for (unsigned component = 0; component < components_; component += of_scan) {
            for (std::uint64_t row = 0; row < attributes_.rows; row += step) {
                parts.push_back({component, static_cast<std::uint32_t>(row),
                                 static_cast<std::uint32_t>(std::min<std::uint64_t>(row + step, attributes_.rows)),
                                 nullptr, nullptr});
            }
        }
        const bool shared = context_.has_team() && parts.size() > 1 && samples() >= 2 * part_samples;
        if (shared) encode_on_team(parts, of_scan, writer.position());
        Workspace workspace;
        if (!shared) workspace = make_workspace(of_scan);
        for (Part& part : parts) {
            if (part.first_row == 0) write_scan_header(writer, part.first_component, of_scan);
            else writer.marker(static_cast<std::uint8_t>(RST0 + ((part.first_row / step - 1) & 7)));
            if (shared) {
                const auto size = static_cast<std::size_t>(part.end - part.to);
                std::memmove(writer.position(), part.to, size);
                writer.seek(writer.position() + size);
            } else {
                part.to = writer.position();
                encode_part(part, of_scan, workspace);
                writer.seek(part.end);
            }
        }
        writer.marker(EOI);
        return static_cast<std::size_t>(writer.position() - begin);
    }

  private:
    [[nodiscard]] std::uint64_t samples() const {
        return std::uint64_t{attributes_.rows} * attributes_.columns * components_;
    }

    Workspace make_workspace(unsigned of_scan) const {
        Arena& arena = context_.arena;
        const std::size_t width = attributes_.columns;
        Workspace workspace;
        workspace.contexts = new (arena.allocate(sizeof(Contexts))) Contexts;
        workspace.levels = arena.allocate_array<std::int16_t>(2 * (width + line_margin) * of_scan);
        workspace.predictions = arena.allocate_array<std::uint16_t>(2 * (width + line_margin) * of_scan);
        workspace.row_bytes = arena.allocate_array<std::uint8_t>(most_line_bytes(width) * of_scan + 16);
        for (unsigned i = 0; i < components_; ++i) {
            for (std::uint16_t*& line : workspace.lines[i])
                line = arena.allocate_array<std::uint16_t>(width + 2 * line_margin) + line_margin;
        }
        return workspace;
    }

    // Each part where it would stand if all before it were as long as can be: headers included, there is room.
    void encode_on_team(std::vector<Part>& parts, unsigned of_scan, std::uint8_t* to) {
        constexpr std::size_t most_groups = 16;
        const std::size_t groups = std::min(parts.size(), most_groups);
        std::vector<Workspace> workspaces(groups);
        for (Workspace& workspace : workspaces) workspace = make_workspace(of_scan);
        for (Part& part : parts) {
            if (part.first_row == 0) to += MarkerWriter::scan_header_bytes(of_scan);
            part.to = to + 2;
            to += interval_bound(parameters_,
                                 std::uint64_t{part.end_row - part.first_row} * attributes_.columns * of_scan);
        }
        run_on_team(context_, groups, [&](std::size_t group) {
            for (std::size_t i = group * parts.size() / groups; i < (group + 1) * parts.size() / groups; ++i)
                encode_part(parts[i], of_scan, workspaces[group]);
        });
    }

    void encode_part(Part& part, unsigned of_scan, Workspace& workspace) const {
        const std::uint32_t width = attributes_.columns;
        const LineCoder coder{parameters_, *workspace.contexts,  gradients_, workspace.levels,
                              nullptr,     workspace.predictions};
        workspace.contexts->reset(parameters_, kernels_);
        for (unsigned i = 0; i < components_; ++i) std::fill_n(workspace.lines[i][0] - 1, width + 2, std::uint16_t{0});
        GolombOutput output;
        StuffedTail tail;
        std::uint8_t* to = part.to;
        for (std::uint32_t row = part.first_row; row < part.end_row; ++row) {
            read_row(row, workspace);
            output.next = workspace.row_bytes;
            encode_row(coder, output, part.first_component, of_scan, workspace);
            to = stuff_bits(workspace.row_bytes, static_cast<std::size_t>(output.next - workspace.row_bytes) * 8, to,
                            tail);
        }
        const std::uint8_t last[16] = {static_cast<std::uint8_t>(output.pending >> 56)};
        to = stuff_bits(last, output.count, to, tail);
        part.end = finish_stuffed_bits(to, tail);
    }

    // All samples of a pixel, whether they are of the scan or not.
    void read_row(std::uint32_t row, Workspace& workspace) const {
        std::array<std::uint16_t*, most_components> lines{};
        for (unsigned i = 0; i < components_; ++i) lines[i] = workspace.lines[i][1];
        reader_.read_planes(row, lines.data());
        if (wishes_.presets.maxval != 0 || (attributes_.pixel_representation == 1 && parameters_.near_lossless != 0)) {
            for (unsigned i = 0; i < components_; ++i) check_values(lines[i]);
        }
    }

    void encode_row(const LineCoder& coder, GolombOutput& output, unsigned first, unsigned of_scan,
                    Workspace& workspace) const {
        const std::uint32_t width = attributes_.columns;
        std::array<Line, most_components> lines;
        for (unsigned i = first; i < first + of_scan; ++i) {
            prepare_line(workspace.lines[i][0], workspace.lines[i][1], width);
            lines[i - first] = {workspace.lines[i][0], workspace.lines[i][1]};
        }
        if (wishes_.interleave == Interleave::sample) {
            kernels_.encode_samples(coder, output, lines.data(), of_scan, width);
        } else {
            for (unsigned i = 0; i < of_scan; ++i)
                kernels_.encode_line(coder, output, lines[i], width, workspace.contexts->run_index[i]);
        }
        for (unsigned i = first; i < first + of_scan; ++i) std::swap(workspace.lines[i][0], workspace.lines[i][1]);
    }

    void check_values(const std::uint16_t* line) const {
        const auto maxval = static_cast<std::uint32_t>(parameters_.maxval);
        const std::uint32_t near_lossless = wishes_.near_lossless;
        const bool is_signed = attributes_.pixel_representation == 1;
        const std::uint32_t half = 1u << (attributes_.bits_stored - 1);
        bool above = false;
        bool turns = false;
        for (std::uint32_t x = 0; x < attributes_.columns; ++x) {
            above |= line[x] > maxval;
            turns |= line[x] + near_lossless >= half && line[x] < half + near_lossless;
        }
        if (above) fail(ErrorCode::argument, no_offset, "values above a MAXVAL of %u", static_cast<unsigned>(maxval));
        if (is_signed && turns && near_lossless != 0) {
            // Two's complement: an error across the middle of the range makes the largest value the smallest.
            fail(ErrorCode::unsupported, no_offset,
                 "near-lossless JPEG-LS of signed values needs a distance of %u from the ends of BitsStored %u; some "
                 "are closer",
                 near_lossless, unsigned{attributes_.bits_stored});
        }
    }

    void write_headers(MarkerWriter& writer) const {
        const PixelAttributes& a = attributes_;
        writer.marker(SOI);
        const bool is_oversize = a.rows > 0xffff || a.columns > 0xffff;
        if (is_oversize) {  // C.2.4.1.4
            writer.segment(LSE, 10);
            writer.u8(4);
            writer.u8(4);
            writer.u32(a.rows);
            writer.u32(a.columns);
        }
        writer.frame_header(SOF55, precision_of(a), is_oversize ? 0 : a.rows, is_oversize ? 0 : a.columns,
                            Identifiers(components_, a.photometric));
        if (has_presets(wishes_.presets)) {  // C.2.4.1.1
            writer.segment(LSE, 11);
            writer.u8(1);
            writer.u16(wishes_.presets.maxval);
            writer.u16(wishes_.presets.t1);
            writer.u16(wishes_.presets.t2);
            writer.u16(wishes_.presets.t3);
            writer.u16(wishes_.presets.reset);
        }
        if (wishes_.restart_rows != 0) writer.restart_interval(wishes_.restart_rows);
    }

    void write_scan_header(MarkerWriter& writer, unsigned first, unsigned of_scan) const {
        const Identifiers identifiers(components_, attributes_.photometric);
        writer.scan_header(of_scan == components_ ? identifiers : identifiers.only(first), 0, wishes_.near_lossless,
                           static_cast<unsigned>(wishes_.interleave), 0);
    }

    const PixelAttributes& attributes_;
    const Wishes wishes_;
    const LineKernels& kernels_;
    Context& context_;
    PixelReader reader_;
    unsigned components_;
    Parameters parameters_;
    const std::int8_t* gradients_ = nullptr;
};

void check(const PixelAttributes& a, const Wishes& wishes) {
    if (a.keyword != PixelKeyword::pixel_data || a.bits_stored > 16 || a.bits_allocated < 8) {
        fail(ErrorCode::unsupported, no_offset,
             "JPEG-LS holds integers of 2 to 16 bits; BitsAllocated is %u, BitsStored %u: native transfer syntaxes "
             "hold such samples",
             unsigned{a.bits_allocated}, unsigned{a.bits_stored});
    }
    if (a.samples_per_pixel > most_components) {
        fail(ErrorCode::unsupported, no_offset, "JPEG-LS of %u samples a pixel: up to 4 are encoded",
             unsigned{a.samples_per_pixel});
    }
    const Photometric p = a.photometric;
    const bool is_grey =
        p == Photometric::monochrome1 || p == Photometric::monochrome2 || p == Photometric::palette_color;
    if (p != Photometric::unknown && is_grey != (a.samples_per_pixel == 1)) {
        fail(ErrorCode::argument, no_offset, "%s contradicts %u samples a pixel", photometric_name(p),
             unsigned{a.samples_per_pixel});
    }
    const unsigned precision = precision_of(a);
    if (const char* wrong = what_is_wrong(wishes.presets, precision, wishes.near_lossless))
        fail(ErrorCode::argument, no_offset, "options of JPEG-LS with %u bits: %s", precision, wrong);
}

}  // namespace

// Whatever the options are: LIMIT is largest with the largest MAXVAL, and every row may be an interval of its own.
std::uint64_t encode_bound(const FrameIn& frame) {
    const PixelAttributes& a = frame.attributes;
    const Parameters parameters = resolve({}, std::min(precision_of(a), 16u), 0);
    const std::uint64_t samples =
        checked_multiply<std::uint64_t>(std::uint64_t{a.rows} * a.columns, a.samples_per_pixel);
    const std::uint64_t intervals = std::uint64_t{a.rows} * std::max<unsigned>(1, a.samples_per_pixel);
    return checked_add<std::uint64_t>(interval_bound(parameters, samples),
                                      header_bytes + checked_multiply<std::uint64_t>(intervals, 16));
}

std::size_t encode(const FrameIn& frame, std::span<std::byte> to, const EncodeOptions& options, Context& context) {
    const Wishes wishes(frame, options);
    check(frame.attributes, wishes);
    if (to.size() < encode_bound(frame))
        fail(ErrorCode::argument, no_offset, "the buffer for the encoded frame is too small");
    return FrameEncoder(frame, wishes, context).encode(to);
}

}  // namespace dcmturbo::jpegls
