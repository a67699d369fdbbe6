// One tile, encoded: its wavelet transform, its code-blocks and its packets (ISO/IEC 15444-1, Annexes B to G).
#include "codecs/jpeg2000/tiles/tile_encoder.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/team.h"
#include "codecs/jpeg2000/rate/band_gains.h"
#include "codecs/jpeg2000/wavelet/analysis.h"

namespace dcmturbo::jpeg2000 {

namespace {

// Rows that pay for taking part of an image on its own.
constexpr std::uint32_t rows_per_part = 64;

template <typename T>
typename Analysis<T>::Bands bands_of(const Band& band) {
    return {reinterpret_cast<T*>(band.coefficients), band.stride};
}

template <typename T>
void allocate_band(Band& band, Arena& arena) {
    band.stride = padded(band.area.width());
    band.coefficients =
        reinterpret_cast<std::byte*>(arena.allocate_array<T>(band.stride * std::max(1U, band.area.height())));
}

template <typename T>
void transform_components(std::span<T* const> rows, std::size_t count, const WaveletKernels& kernels) {
    if constexpr (std::is_same_v<T, float>) kernels.forward_ict(rows[0], rows[1], rows[2], count);
    else if constexpr (sizeof(T) == 4) kernels.forward_rct(rows[0], rows[1], rows[2], count);
    else kernels.forward_rct_wide(rows[0], rows[1], rows[2], count);
}

}  // namespace

TileEncoder::TileEncoder(const CodestreamPlan& plan, std::size_t index, Context& context)
    : plan_(plan), index_(index), context_(context) {
    tile_.area = tile_area(plan.size, index);
    tile_.parameters = &plan.parameters;
    build_tile(tile_, plan.components, context.arena);
    // The transform asks for the same arithmetic of all.
    bool is_wide = false;
    for (const TileComponent& component : tile_.components) is_wide |= component.arithmetic == Arithmetic::wide;
    for (TileComponent& component : tile_.components) {
        if (is_wide && component.arithmetic == Arithmetic::integer) component.arithmetic = Arithmetic::wide;
        // Quantisation hides what floats lose.
        if (component.arithmetic == Arithmetic::wide_real) component.arithmetic = Arithmetic::real;
    }
    allocate_precincts(tile_, context.arena);
    list_blocks();
}

void TileEncoder::allocate_bands() {
    for (TileComponent& component : tile_.components) {
        for (Resolution& resolution : component.resolutions) {
            for (std::size_t b = 0; b < resolution.band_count; ++b) {
                Band& band = resolution.bands[b];
                if (component.arithmetic == Arithmetic::wide) allocate_band<std::int64_t>(band, context_.arena);
                else if (component.arithmetic == Arithmetic::real) allocate_band<float>(band, context_.arena);
                else allocate_band<std::int32_t>(band, context_.arena);
            }
        }
    }
}

void TileEncoder::list_blocks() {
    for (const TileComponent& component : tile_.components) {
        for (const Resolution& resolution : component.resolutions) {
            const auto r = static_cast<std::size_t>(&resolution - component.resolutions.data());
            const std::size_t level = component.resolutions.size() - r - (r == 0 ? 1 : 0);
            for (std::size_t p = 0; p < resolution.precinct_count(); ++p) {
                for (std::size_t b = 0; b < resolution.band_count; ++b) {
                    const Band& band = resolution.bands[b];
                    const Rectangle area = precinct_area(resolution, band, p);
                    PrecinctBandOut out;
                    out.grid = block_grid(component, resolution, area);
                    for (std::uint32_t y = out.grid.y0; y < out.grid.y1; ++y) {
                        for (std::uint32_t x = out.grid.x0; x < out.grid.x1; ++x) {
                            CodedBlock& block = blocks_.emplace_back();
                            block.area = block_area(component, resolution, area, x, y);
                            block.band = &band;
                            block.component = &component;
                            block.level = static_cast<std::uint8_t>(level);
                        }
                    }
                    bands_.push_back(out);
                }
            }
        }
    }
    CodedBlock* next = blocks_.data();
    for (PrecinctBandOut& band : bands_) {
        band.blocks = next;
        next += std::size_t{band.grid.width()} * band.grid.height();
    }
}

void TileEncoder::analyse(const PixelReader& rows) {
    if (tile_.area.is_empty()) return;
    allocate_bands();
    switch (tile_.components[0].arithmetic) {
        case Arithmetic::integer: return analyse_as<std::int32_t>(rows);
        case Arithmetic::wide: return analyse_as<std::int64_t>(rows);
        default: return analyse_as<float>(rows);
    }
}

bool TileEncoder::take_over(std::span<const TileComponent> decoded) {
    for (std::size_t c = 0; c < tile_.components.size(); ++c) {
        TileComponent& component = tile_.components[c];
        if (component.arithmetic != decoded[c].arithmetic ||
            component.resolutions.size() != decoded[c].resolutions.size())
            return false;
        for (std::size_t r = 0; r < component.resolutions.size(); ++r) {
            Resolution& resolution = component.resolutions[r];
            for (std::size_t b = 0; b < resolution.band_count; ++b) {
                const Band& from = decoded[c].resolutions[r].bands[b];
                Band& to = resolution.bands[b];
                if (to.area.is_empty()) continue;
                if (from.coefficients == nullptr || from.sparse != nullptr || from.streams != nullptr) return false;
                to.coefficients = from.coefficients;
                to.stride = from.stride;
            }
        }
    }
    return true;
}

template <typename T>
void TileEncoder::analyse_as(const PixelReader& rows) {
    std::vector<typename Analysis<T>::Bands> images;
    for (const TileComponent& component : tile_.components) {
        const std::size_t top = component.resolutions.size() - 1;
        images.push_back(image_memory<T>(component, top == 0 ? 0 : top - 1));
    }
    analyse_top<T>(rows, images);
    for (std::size_t c = 0; c < images.size(); ++c) analyse_below<T>(tile_.components[c], images[c]);
}

// Where the samples of a resolution go until they are transformed. Those of the lowest are the first sub-band.
template <typename T>
typename Analysis<T>::Bands TileEncoder::image_memory(const TileComponent& component, std::size_t r) {
    const Resolution& resolution = component.resolutions[r];
    if (r == 0) return bands_of<T>(resolution.bands[0]);
    const std::size_t stride = padded(resolution.area.width());
    return {context_.arena.allocate_array<T>(stride * std::max(1U, resolution.area.height())), stride};
}

// From samples to the sub-bands of the highest resolution, all components in step: their samples are interleaved, and
// the component transform takes three of them.
template <typename T>
void TileEncoder::analyse_top(const PixelReader& rows, std::span<const typename Analysis<T>::Bands> images) {
    const std::size_t components = tile_.components.size();
    const Rectangle& area = tile_.components[0].area;
    const std::uint32_t width = area.width();
    const std::uint32_t height = area.height();
    const bool has_levels = tile_.components[0].levels() > 0;
    const std::uint32_t parts =
        context_.has_team() ? std::clamp<std::uint32_t>(height / rows_per_part, 1, max_slots) : 1;
    std::vector<Analysis<T>> analyses;
    analyses.reserve(std::size_t{parts} * components);
    std::vector<std::int32_t*> samples(std::size_t{parts} * components);
    for (std::uint32_t i = 0; i < parts; ++i) {
        for (std::size_t c = 0; c < components; ++c) {
            const Resolution& resolution = tile_.components[c].resolutions.back();
            if (has_levels) {
                analyses.emplace_back(resolution.area, images[c], bands_of<T>(resolution.bands[0]),
                                      bands_of<T>(resolution.bands[1]), bands_of<T>(resolution.bands[2]),
                                      wavelet_kernels(context_.isa), context_.arena);
            }
            if constexpr (!std::is_same_v<T, std::int32_t>)
                samples[i * components + c] = context_.arena.allocate_array<std::int32_t>(width);
        }
    }
    run_on_team(context_, parts, [&](std::size_t i) {
        const auto first = static_cast<std::uint32_t>(std::uint64_t{height} * i / parts);
        const auto end = static_cast<std::uint32_t>(std::uint64_t{height} * (i + 1) / parts);
        const std::span<Analysis<T>> own = std::span(analyses).subspan(has_levels ? i * components : 0);
        for (std::size_t c = 0; has_levels && c < components; ++c) own[c].start(first, end);
        std::vector<std::int32_t*> read(samples.begin() + static_cast<std::ptrdiff_t>(i * components),
                                        samples.begin() + static_cast<std::ptrdiff_t>((i + 1) * components));
        std::vector<T*> to(components);
        for (std::uint32_t y = first; has_levels ? own[0].wants_row() : y < end; ++y) {
            const std::uint32_t row = has_levels ? own[0].wanted() : y;
            for (std::size_t c = 0; c < components; ++c) {
                to[c] = has_levels ? own[c].row_to_fill() : images[c].row(row);
                if constexpr (std::is_same_v<T, std::int32_t>) read[c] = to[c];
            }
            rows.read_shifted(area.y0 + row, area.x0, width, read.data());
            if constexpr (!std::is_same_v<T, std::int32_t>) {
                for (std::size_t c = 0; c < components; ++c) std::copy_n(read[c], width, to[c]);
            }
            if (plan_.parameters.component_transform) transform_components<T>(to, width, wavelet_kernels(context_.isa));
            for (std::size_t c = 0; has_levels && c < components; ++c) own[c].advance();
        }
    });
}

template <typename T>
void TileEncoder::analyse_below(const TileComponent& component, typename Analysis<T>::Bands image) {
    for (std::size_t r = component.resolutions.size() - 1; r-- > 1;) {
        const Resolution& resolution = component.resolutions[r];
        if (resolution.area.is_empty()) return;  // and so are those below
        const typename Analysis<T>::Bands low = image_memory<T>(component, r - 1);
        const std::uint32_t width = resolution.area.width();
        const std::uint32_t height = resolution.area.height();
        const std::uint32_t parts =
            context_.has_team() ? std::clamp<std::uint32_t>(height / rows_per_part, 1, max_slots) : 1;
        std::vector<Analysis<T>> analyses;
        analyses.reserve(parts);
        for (std::uint32_t i = 0; i < parts; ++i) {
            analyses.emplace_back(resolution.area, low, bands_of<T>(resolution.bands[0]),
                                  bands_of<T>(resolution.bands[1]), bands_of<T>(resolution.bands[2]),
                                  wavelet_kernels(context_.isa), context_.arena);
        }
        context_.parallel_for(parts, [&](std::size_t i) {
            const auto first = static_cast<std::uint32_t>(std::uint64_t{height} * i / parts);
            const auto end = static_cast<std::uint32_t>(std::uint64_t{height} * (i + 1) / parts);
            for (analyses[i].start(first, end); analyses[i].wants_row(); analyses[i].advance())
                std::memcpy(analyses[i].row_to_fill(), image.row(analyses[i].wanted()), width * sizeof(T));
        });
        image = low;
    }
}

double TileEncoder::gain_of(const CodedBlock& block) const {
    const bool reversible = block.component->parameters->coding.reversible;
    double gain = band_gain(block.band->orientation, block.level, reversible);
    // How an error in a transformed component spreads over red, green and blue (G.2, G.3).
    if (plan_.parameters.component_transform) {
        const auto component = static_cast<std::size_t>(block.component - tile_.components.data());
        constexpr double of_ict[3] = {1.7321, 1.8051, 1.5734};
        constexpr double of_rct[3] = {1.7321, 0.8292, 0.8292};
        if (component < 3) gain *= reversible ? of_rct[component] : of_ict[component];
    }
    return gain;
}

double TileEncoder::weight_of(const CodedBlock& block) const {
    const double unit = gain_of(block) * double{block.band->step};
    return unit * unit;
}

void TileEncoder::requantise() { dcmturbo::jpeg2000::requantise(tile_, plan_.components); }

// A row of a block as floats; `scratch` holds one.
const float* TileEncoder::row_of(const CodedBlock& block, std::uint32_t y, float* scratch) const {
    const Band& band = *block.band;
    const std::size_t at =
        (std::size_t{block.area.y0} - band.area.y0 + y) * band.stride + (block.area.x0 - band.area.x0);
    const std::uint32_t width = block.area.width();
    switch (block.component->arithmetic) {
        case Arithmetic::integer:
            std::copy_n(reinterpret_cast<const std::int32_t*>(band.coefficients) + at, width, scratch);
            return scratch;
        case Arithmetic::wide:
            std::copy_n(reinterpret_cast<const std::int64_t*>(band.coefficients) + at, width, scratch);
            return scratch;
        default: return reinterpret_cast<const float*>(band.coefficients) + at;
    }
}

// A number for a block's sub-band that is the same in all tiles.
std::size_t TileEncoder::kind_of(const CodedBlock& block) const {
    const auto component = static_cast<std::size_t>(block.component - tile_.components.data());
    return (component * (max_levels + 1) + block.level) * 4 + static_cast<std::size_t>(block.band->orientation);
}

// Blocks are counted from the last one, as they are coded.
void TileEncoder::describe_every(std::size_t every, unsigned row_step, SizeModel& model) const {
    const Band* band = nullptr;
    std::array<float, 1024> scratch;
    for (std::size_t i = 0; i < blocks_.size(); i += every) {
        const CodedBlock& block = blocks_[blocks_.size() - 1 - i];
        if (block.band != band) model.begin_band(kind_of(block));
        band = block.band;
        const unsigned step =
            std::uint64_t{band->area.width()} * band->area.height() > 16384 ? row_step : (row_step + 7) / 8;
        const double gain = gain_of(block);
        for (std::uint32_t y = 0; y < block.area.height(); y += step)
            model.add(row_of(block, y, scratch.data()), block.area.width(), gain, step);
    }
}

double TileEncoder::quantisation_error() const {
    double sum = 0;
    std::array<float, 1024> scratch;
    for (const CodedBlock& block : blocks_) {
        if (block.component->arithmetic != Arithmetic::real) continue;
        double of_block = 0;
        const float step = block.band->step;
        for (std::uint32_t y = 0; y < block.area.height(); ++y) {
            const float* const row = row_of(block, y, scratch.data());
            float of_row = 0;
            for (std::uint32_t x = 0; x < block.area.width(); ++x) {
                const float size = std::fabs(row[x]) / step;
                const auto whole = static_cast<float>(static_cast<std::int32_t>(size));
                const float error = whole == 0 ? size : size - whole - 0.5F;
                of_row += error * error;
            }
            of_block += double{of_row};
        }
        sum += of_block * weight_of(block);
    }
    return sum;
}

// Some of the tile's blocks, on their way through an encoder. What is kept of them goes into the arena.
class TileEncoder::Blocks final : public BlockSource {
  public:
    Blocks(TileEncoder& tile, const BlockPolicy& policy, std::span<const std::size_t> numbers, Arena& arena)
        : tile_(tile), policy_(policy), numbers_(numbers), arena_(arena) {
        if (tile.tile_.components[0].arithmetic == Arithmetic::real)
            quantised_ = arena.allocate_array<std::int32_t>(4096);
    }

    BlockInput block(std::size_t number) override {
        const CodedBlock& block = at(number);
        const Band& band = *block.band;
        BlockInput input;
        input.width = block.area.width();
        input.height = block.area.height();
        input.stride = band.stride;
        input.orientation = band.orientation;
        input.style = block.component->parameters->coding.block_style;
        input.needs_truncation = policy_.needs_truncation;
        input.is_exact = block.component->arithmetic != Arithmetic::real;
        const std::size_t offset = (block.area.y0 - band.area.y0) * band.stride + (block.area.x0 - band.area.x0);
        switch (block.component->arithmetic) {
            case Arithmetic::real: {
                const auto* from = reinterpret_cast<const float*>(band.coefficients) + offset;
                for (std::uint32_t y = 0; y < input.height; ++y, from += band.stride) {
                    // Rows of a block lie too far apart for the processor to guess which one is next.
                    if (y + rows_ahead < input.height) prefetch(from + rows_ahead * band.stride, input.width);
                    wavelet_kernels(tile_.context_.isa)
                        .quantise_row(from, quantised_ + std::size_t{y} * input.width, input.width, 1 / band.step);
                }
                input.coefficients = quantised_;
                input.stride = input.width;
                break;
            }
            case Arithmetic::wide:
                input.wide = reinterpret_cast<const std::int64_t*>(band.coefficients) + offset;
                break;
            default: input.coefficients = reinterpret_cast<const std::int32_t*>(band.coefficients) + offset;
        }
        if (policy_.finest > 0) {
            const double plane = std::log2(policy_.finest / tile_.gain_of(block));
            input.lowest_plane = plane < 1 ? 0 : static_cast<unsigned>(plane);
        }
        return input;
    }

    void take(std::size_t number, const BlockBytes& bytes) override {
        CodedBlock& block = at(number);
        const unsigned planes = block.band->bit_planes;
        if (bytes.planes > planes)
            fail(ErrorCode::unsupported, no_offset, "coefficients of %u bits do not fit into a sub-band of %u bits",
                 bytes.planes, planes);
        // An HT cleanup pass codes all planes down to one, so all but that one count as missing (15444-15, 7.2).
        const bool is_high_throughput = tile_.plan_.is_high_throughput;
        block.missing_planes = static_cast<std::uint8_t>(planes - (is_high_throughput ? 1 : bytes.planes));
        block.passes = {};
        block.first_layer = 0xFFFF;
        block.passes_up_to = nullptr;
        if (bytes.passes.empty()) return;
        auto* const data = arena_.allocate_array<std::uint8_t>(bytes.bytes.size());
        std::memcpy(data, bytes.bytes.data(), bytes.bytes.size());
        auto* const passes = arena_.allocate_array<CodedPass>(bytes.passes.size());
        std::copy(bytes.passes.begin(), bytes.passes.end(), passes);
        block.data = data;
        block.passes = {passes, bytes.passes.size()};
        block.first_layer = 0;
    }

    void encode() {
        if (!tile_.plan_.is_high_throughput) return MqBlockEncoder(tile_.context_.isa).encode(numbers_.size(), *this);
        BlockBytes bytes;
        for (std::size_t i = 0; i < numbers_.size(); ++i) {
            encode_ht_block(block(i), tile_.context_.isa, arena_, bytes);
            take(i, bytes);
        }
    }

  private:
    static constexpr std::uint32_t rows_ahead = 8;
    static void prefetch(const float* row, std::uint32_t width) {
        for (std::uint32_t x = 0; x < width; x += 16) __builtin_prefetch(row + x);
    }

    CodedBlock& at(std::size_t number) { return tile_.blocks_[numbers_[number]]; }

    TileEncoder& tile_;
    const BlockPolicy& policy_;
    std::span<const std::size_t> numbers_;
    Arena& arena_;
    std::int32_t* quantised_ = nullptr;  // a block
};

// The numbers of every `step`-th block. The largest blocks are those of the highest resolution, which stand last: they
// come first here, so that a team ends evenly.
std::vector<std::size_t> TileEncoder::largest_first(std::size_t step) const {
    std::vector<std::size_t> numbers;
    numbers.reserve(blocks_.size() / step + 1);
    for (std::size_t i = 0; i < blocks_.size(); i += step) numbers.push_back(blocks_.size() - 1 - i);
    return numbers;
}

void TileEncoder::code_blocks(const BlockPolicy& policy) {
    const std::vector<std::size_t> numbers = largest_first(1);
    if (!context_.has_team() || numbers.size() < 4) return Blocks(*this, policy, numbers, context_.arena).encode();
    // Runs of blocks become shorter, so that the threads end at nearly the same time. Neighbours are in one run,
    // because their rows share pages.
    const std::size_t runs = std::min<std::size_t>(numbers.size() / 2, std::max(32U, 4 * context_.team_threads));
    const auto begin_of = [&](std::size_t run) {
        const std::size_t left = runs - run;
        return numbers.size() - numbers.size() * left * left / (runs * runs);
    };
    SharedArena memory(context_.arena);
    run_on_team(context_, runs, [&](std::size_t i) {
        Arena arena(memory);
        Blocks(*this, policy, std::span(numbers).subspan(begin_of(i), begin_of(i + 1) - begin_of(i)), arena).encode();
    });
}

void TileEncoder::code_blocks_at(std::span<const std::size_t> numbers) {
    const BlockPolicy policy;
    Blocks(*this, policy, numbers, context_.arena).encode();
}

void TileEncoder::sample_blocks(const BlockPolicy& policy, std::size_t step, SizeModel& model, std::uint64_t& bytes) {
    describe_every(step, 4, model);
    const Arena::Mark mark = context_.arena.mark();
    const std::vector<std::size_t> numbers = largest_first(step);
    Blocks(*this, policy, numbers, context_.arena).encode();
    for (const std::size_t number : numbers) {
        const std::span<const CodedPass> passes = blocks_[number].passes;
        if (!passes.empty()) bytes += passes.back().end;
    }
    context_.arena.rewind(mark);
}

void TileEncoder::write_packets(CodestreamPieces& to, std::vector<std::uint32_t>& lengths) {
    const Arena::Mark mark = context_.arena.mark();
    for (TileComponent& component : tile_.components) {
        for (Resolution& resolution : component.resolutions) {
            for (std::size_t p = 0; p < resolution.precinct_count(); ++p) resolution.precincts[p].layers = 0;
        }
    }
    for (CodedBlock& block : blocks_) {
        block.written = 0;
        block.length_bits = 3;
    }
    PacketWriter writer(tile_, bands_, plan_.has_sop, plan_.has_eph);
    writer.prepare(context_.arena);
    std::uint64_t spare_looks = 0;
    PacketSequence sequence(tile_, plan_.components, ~std::uint64_t{0} / 8, spare_looks, context_.arena);
    sequence.run([&](const PacketSequence::Place& place) {
        writer.write(place, to);
        return true;
    });
    lengths.assign(writer.lengths().begin(), writer.lengths().end());
    context_.arena.rewind(mark);
}

CodestreamPieces TileEncoder::write_tile_part(HeaderWriter& headers) {
    CodestreamPieces packets;
    std::vector<std::uint32_t> lengths;
    write_packets(packets, lengths);
    headers.tile_header(plan_, static_cast<std::uint16_t>(index_), lengths, packets.size());
    return packets;
}

void TileEncoder::code_onto(std::vector<std::uint8_t>& codestream, HeaderWriter& headers) {
    code_blocks({});
    CodestreamPieces packets = write_tile_part(headers);
    packets.append_to(codestream, context_);
}

}  // namespace dcmturbo::jpeg2000
