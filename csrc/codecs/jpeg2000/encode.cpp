// Encodes a frame as JPEG 2000 (ISO/IEC 15444-1) or HTJ2K (ISO/IEC 15444-15).
#include "codecs/jpeg2000/encode.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "codecs/jpeg2000/blocks/code_block.h"
#include "codecs/jpeg2000/rate/band_gains.h"
#include "codecs/jpeg2000/rate/ht_size.h"
#include "codecs/jpeg2000/rate/size_model.h"
#include "codecs/jpeg2000/rate/step_search.h"
#include "codecs/jpeg2000/rate/truncation.h"
#include "codecs/jpeg2000/tiles/tile_encoder.h"
#include "image/pixel_reader.h"

namespace dcmturbo::jpeg2000 {

namespace {

// Levels that leave something to transform in the shorter direction.
std::uint8_t levels_for(const PixelAttributes& attributes, std::uint8_t most) {
    const std::uint32_t shorter = std::min(attributes.rows, attributes.columns);
    return static_cast<std::uint8_t>(std::min<unsigned>(most, static_cast<unsigned>(std::bit_width(shorter)) - 1));
}

// A step as an exponent and a mantissa (E-3).
std::uint16_t step_of(double step, int range) {
    int exponent = 0;
    double mantissa = std::frexp(step, &exponent) * 2;
    --exponent;
    auto fraction = static_cast<int>(std::lround((mantissa - 1) * 2048));
    if (fraction == 2048) {
        fraction = 0;
        ++exponent;
    }
    const int stated = std::clamp(range - exponent, 0, 31);
    return static_cast<std::uint16_t>(stated << 11 | fraction);
}

// `share`: of the samples' range, the step of an irreversible transform.
Quantisation quantisation_of(bool reversible, double share, unsigned levels, unsigned precision, bool transforms) {
    Quantisation quantisation;
    quantisation.guard_bits = 2;
    quantisation.style = reversible ? Quantisation::none : Quantisation::expounded;
    quantisation.count = static_cast<std::uint8_t>(3 * levels + 1);
    std::array<unsigned, 3 * max_levels + 1> exponents{};
    unsigned most = 0;
    for (unsigned i = 0; i < quantisation.count; ++i) {
        const unsigned resolution = i == 0 ? 0 : (i - 1) / 3 + 1;
        const unsigned level = levels - resolution + (resolution > 0 ? 1 : 0);
        const auto orientation = i == 0 ? Orientation::ll : static_cast<Orientation>((i - 1) % 3 + 1);
        const unsigned gain = orientation == Orientation::ll ? 0 : orientation == Orientation::hh ? 2 : 1;
        const unsigned range = precision + gain;
        if (reversible) {
            // The transform of colours widens by a bit, and rounding widens the smallest ranges.
            const unsigned exponent = range + (transforms ? 1 : 0) + (precision < 5 ? 1 : 0);
            exponents[i] = exponent;
            most = std::max(most, exponent);
        } else {
            const double step =
                share * std::ldexp(1.0, static_cast<int>(precision)) / band_gain(orientation, level, false);
            quantisation.steps[i] = step_of(step, static_cast<int>(range));
        }
    }
    if (reversible) {
        // An exponent has five bits. What it cannot say, guard bits do, of all sub-bands.
        quantisation.guard_bits = static_cast<std::uint8_t>(2 + (most > 31 ? most - 31 : 0));
        for (unsigned i = 0; i < quantisation.count; ++i)
            quantisation.steps[i] = static_cast<std::uint16_t>(std::min(exponents[i], 31U) << 11);
    }
    return quantisation;
}

CodestreamPlan make_plan(const PixelAttributes& a, const EncodeSettings& settings) {
    CodestreamPlan plan;
    plan.is_high_throughput = settings.is_high_throughput;
    plan.has_sop = settings.has_sop;
    plan.has_eph = settings.has_eph;
    plan.has_tile_part_lengths = settings.has_tile_part_lengths;
    plan.has_packet_lengths = settings.has_packet_lengths;
    plan.size.x_end = a.columns;
    plan.size.y_end = a.rows;
    plan.size.tile_width = settings.tile_width != 0 ? std::min(settings.tile_width, a.columns) : a.columns;
    plan.size.tile_height = settings.tile_height != 0 ? std::min(settings.tile_height, a.rows) : a.rows;
    plan.size.components = a.samples_per_pixel;
    if (plan.size.tiles() > 65535)
        fail(ErrorCode::unsupported, no_offset, "%llu tiles are too many: at most 65535 are possible",
             static_cast<unsigned long long>(plan.size.tiles()));
    ComponentSize component;
    component.precision = static_cast<std::uint8_t>(a.bits_stored);
    component.is_signed = a.pixel_representation == 1;
    plan.components.assign(a.samples_per_pixel, component);
    Parameters& parameters = plan.parameters;
    parameters.order = settings.order;
    parameters.layers = settings.layers;
    parameters.component_transform =
        a.samples_per_pixel == 3 && (a.photometric == Photometric::ybr_rct || a.photometric == Photometric::ybr_ict);
    parameters.has_coding = parameters.has_quantisation = true;
    ComponentParameters one;
    one.coding.levels = levels_for(a, settings.levels);
    one.coding.block_width_exponent = settings.block_width_exponent;
    one.coding.block_height_exponent = settings.block_height_exponent;
    one.coding.block_style = settings.is_high_throughput ? std::uint8_t{style_high_throughput} : settings.block_style;
    one.coding.reversible = settings.reversible;
    one.coding.precincts.fill(static_cast<std::uint8_t>(settings.precinct_exponent | settings.precinct_exponent << 4));
    parameters.components.assign(a.samples_per_pixel, one);
    return plan;
}

// `share`: of the samples' range, the step of an irreversible transform.
void set_quantisation(const PixelAttributes& a, bool reversible, double share, CodestreamPlan& plan) {
    ComponentParameters& first = plan.parameters.components[0];
    first.quantisation =
        quantisation_of(reversible, share, first.coding.levels, a.bits_stored, plan.parameters.component_transform);
    plan.most_bit_planes = 0;
    for (unsigned i = 0; i < first.quantisation.count; ++i) {
        const unsigned planes = first.quantisation.guard_bits + (first.quantisation.steps[i] >> 11) - 1U;
        plan.most_bit_planes = static_cast<std::uint8_t>(std::max<unsigned>(plan.most_bit_planes, planes));
    }
    for (ComponentParameters& other : plan.parameters.components) other.quantisation = first.quantisation;
}

class FrameEncoder {
  public:
    FrameEncoder(const FrameIn& frame, const EncodeSettings& settings, Context& context)
        : frame_(frame), settings_(settings), context_(context), plan_(make_plan(frame.attributes, settings)) {
        const PixelAttributes& a = frame.attributes;
        samples_ = double(a.rows) * a.columns * a.samples_per_pixel;
        set_step(settings.step);
    }

    Bytes encode() {
        const PixelReader rows(frame_);
        const bool cuts = settings_.ratio > 0 || settings_.psnr > 0 || settings_.layers > 1;
        if (!cuts && plan_.size.tiles() == 1) return encode_one_tile(rows);
        std::vector<std::uint8_t> codestream;
        if (cuts) encode_and_cut(rows, codestream);
        else encode_tile_by_tile(rows, codestream);
        std::byte* const to = context_.arena.allocate(codestream.size());
        std::memcpy(to, codestream.data(), codestream.size());
        return {to, codestream.size()};
    }

  private:
    static constexpr double finest_step = 1.0 / 64;  // of HTJ2K, in the image's own units

    // Errors of the image that rounding to integers makes anyhow.
    static constexpr double rounding = 1.0 / 12;

    void encode_and_cut(const PixelReader& rows, std::vector<std::uint8_t>& to) {
        SizeModel model;
        for (std::uint64_t i = 0; i < plan_.size.tiles(); ++i) {
            tiles_.push_back(std::make_unique<TileEncoder>(plan_, static_cast<std::size_t>(i), context_));
            tiles_.back()->analyse(rows);
            tiles_.back()->describe(model, settings_.ratio > 0 && settings_.is_high_throughput ? 32 : 4);
        }
        model.finish();
        if (settings_.psnr > 0 && !settings_.reversible) {
            quantise_to_error(model);
            if (settings_.layers == 1) {
                code({});
                return write(to);
            }
        }
        if (settings_.ratio > 0 && settings_.is_high_throughput) return quantise_to_size(model, to);
        truncate(model, to);
    }

    void set_step(double share) {
        set_quantisation(frame_.attributes, settings_.reversible, share, plan_);
        for (const std::unique_ptr<TileEncoder>& tile : tiles_) tile->requantise();
    }

    // A step in the image's own units.
    void set_image_step(double step) { set_step(std::ldexp(step, -static_cast<int>(frame_.attributes.bits_stored))); }

    Bytes encode_one_tile(const PixelReader& rows) {
        CodestreamPieces pieces;
        HeaderWriter headers(pieces.headers());
        headers.main_header(plan_);
        TileEncoder tile(plan_, 0, context_);
        tile.analyse(rows);
        tile.code_blocks({});
        pieces.append(tile.write_tile_part(headers));
        headers.end();
        auto* const to = context_.arena.allocate_array<std::uint8_t>(pieces.size());
        pieces.copy_to(to, context_);
        return {reinterpret_cast<std::byte*>(to), pieces.size()};
    }

    // The memory of a tile is free again after it.
    void encode_tile_by_tile(const PixelReader& rows, std::vector<std::uint8_t>& to) {
        HeaderWriter headers(to);
        headers.main_header(plan_);
        for (std::uint64_t i = 0; i < plan_.size.tiles(); ++i) {
            const Arena::Mark mark = context_.arena.mark();
            {
                TileEncoder tile(plan_, static_cast<std::size_t>(i), context_);
                tile.analyse(rows);
                tile.code_onto(to, headers);
            }
            context_.arena.rewind(mark);
        }
        headers.end();
    }

    void code(const TileEncoder::BlockPolicy& policy) {
        for (const std::unique_ptr<TileEncoder>& tile : tiles_) tile->code_blocks(policy);
    }

    void write(std::vector<std::uint8_t>& to) {
        CodestreamPieces pieces;
        HeaderWriter headers(pieces.headers());
        headers.main_header(plan_);
        for (const std::unique_ptr<TileEncoder>& tile : tiles_) pieces.append(tile->write_tile_part(headers));
        headers.end();
        to.clear();
        pieces.append_to(to, context_);
    }

    [[nodiscard]] std::uint64_t target_bytes() const {
        const PixelAttributes& a = frame_.attributes;
        const double cell = a.bits_allocated < 8 ? 1 : a.bits_allocated / 8;
        return static_cast<std::uint64_t>(samples_ * cell / settings_.ratio);
    }

    // The squared error that is allowed.
    [[nodiscard]] double target_error() const {
        const double peak = std::ldexp(1.0, static_cast<int>(frame_.attributes.bits_stored)) - 1;
        const double mean = peak * peak / std::pow(10, settings_.psnr / 10);
        return samples_ * std::max(mean - rounding, 0.01);
    }

    [[noreturn]] void fail_ratio(std::size_t smallest) const {
        fail(ErrorCode::argument, no_offset,
             "a ratio of %g cannot be reached: the smallest possible codestream has %zu bytes", settings_.ratio,
             smallest);
    }

    void quantise_to_error(const SizeModel& model) {
        double step = model.step_for_distortion(target_error());
        for (int i = 0; i < 4; ++i) {
            set_image_step(step);
            double error = 0;
            for (const std::unique_ptr<TileEncoder>& tile : tiles_) error += tile->quantisation_error();
            const double ratio = target_error() / std::max(error, 1e-9);
            if (ratio >= 1 && ratio < 1.02) break;
            step *= std::sqrt(ratio) * 0.998;
        }
        set_image_step(step);
    }

    // The step at which a sample of the rows takes as much as is wanted.
    double sampled_step(double step, double wanted, StepSearch& search) {
        // A few rows tell roughly, and so many that they are enough for a size within a hundredth tell the rest.
        const unsigned fine = samples_ < 5e5 ? 3 : samples_ < 2e6 ? 5 : 7;
        unsigned every = 4 * fine + 3;
        for (int i = 0; i < 8; ++i) {
            set_image_step(step);
            double bytes = 0;
            for (const std::unique_ptr<TileEncoder>& tile : tiles_)
                bytes += estimate_ht_bytes(tile->blocks(), every, context_.isa, context_.arena);
            const double share = bytes / wanted;
            search.add(step, share);
            step = std::max(search.next(), finest_step);
            const double error = std::fabs(share - 1);
            if (every == fine && error < 0.03) break;
            if (every != fine && error < 0.15) {
                every = fine;
                search.restart();
            }
        }
        search.restart();
        return step;
    }

    // HT blocks cannot be cut, so their size follows the step alone.
    void quantise_to_size(const SizeModel& model, std::vector<std::uint8_t>& to) {
        const std::uint64_t target = target_bytes();
        const double wanted = 0.992 * static_cast<double>(target);
        StepSearch search;
        double step = sampled_step(std::max(model.step_for_bytes(wanted), finest_step), wanted, search);
        std::vector<std::uint8_t> attempt;
        const Arena::Mark mark = context_.arena.mark();
        for (int i = 0; i < 12; ++i) {
            set_image_step(step);
            context_.arena.rewind(mark);
            code({});
            write(attempt);
            const std::size_t size = attempt.size();
            if (size <= target && size > to.size()) to.swap(attempt);
            if (size <= target &&
                (static_cast<double>(size) >= 0.982 * static_cast<double>(target) || step == finest_step))
                return;
            search.add(step, static_cast<double>(size) / wanted);
            step = std::max(search.next(), finest_step);
        }
        if (to.empty()) fail_ratio(attempt.size());
    }

    // The step at which all passes take somewhat more than the target. `correction`: of what the model says of sizes.
    static double wanted_step(const SizeModel& model, std::uint64_t target, double correction) {
        return model.step_for_bytes(1.06 * static_cast<double>(target) / correction);
    }

    // By how much a model errs at a step: some of the blocks are coded with it, and described to a model of their own.
    double sample(double step) {
        std::size_t blocks = 0;
        for (const std::unique_ptr<TileEncoder>& tile : tiles_) blocks += tile->blocks().size();
        const std::size_t every = std::clamp<std::size_t>(blocks / 12, 1, 12);
        set_image_step(step);
        SizeModel model;
        std::uint64_t bytes = 0;
        for (const std::unique_ptr<TileEncoder>& tile : tiles_) tile->sample_blocks({}, every, model, bytes);
        model.finish();
        return static_cast<double>(bytes) / std::max(model.bytes(step), 1.0);
    }

    // Codes once, somewhat finer than is needed, and cuts.
    void truncate(const SizeModel& model, std::vector<std::uint8_t>& to) {
        const std::uint64_t target = settings_.ratio > 0 ? target_bytes() : ~std::uint64_t{0};
        const double finest = std::ldexp(1.0, -4);
        const bool fits_step = settings_.ratio > 0 && !settings_.reversible;
        double step = settings_.psnr > 0 ? 0.5 * model.step_for_distortion(target_error()) : 0;
        const Arena::Mark mark = context_.arena.mark();
        if (settings_.ratio > 0) step = std::max(wanted_step(model, target, 1), finest);
        if (fits_step && step > finest) {
            step = wanted_step(model, target, sample(step));
            context_.arena.rewind(mark);
        }
        for (int corrections = 0;; ++corrections) {
            step = std::max(step, finest);
            context_.arena.rewind(mark);
            Truncation truncation;
            if (!settings_.reversible) set_image_step(settings_.step > 0 ? settings_.step : step);
            code({.needs_truncation = true, .finest = settings_.reversible && step > finest ? 0.35 * step : 0});
            for (const std::unique_ptr<TileEncoder>& tile : tiles_) {
                for (CodedBlock& block : tile->blocks()) {
                    if (!block.passes.empty()) truncation.add(block, tile->weight_of(block));
                }
            }
            truncation.sort();
            if (fits_step && step > finest && corrections < 3) {
                // Little should be cut: passes that are cut off have been coded for nothing, and a finer step costs
                // more than they bring.
                const double correction =
                    static_cast<double>(truncation.all_bytes()) / std::max(model.bytes(step), 1.0);
                const double better = wanted_step(model, target, correction);
                if (truncation.all_bytes() < target || better > 1.2 * step) {
                    step = better;
                    continue;
                }
            }
            std::uint64_t budget = truncation.all_bytes();
            if (settings_.ratio > 0) {
                budget = target;
            } else if (settings_.psnr > 0) {
                budget = truncation.bytes_for(truncation.all_distortion() - target_error());
            }
            cut_and_write(truncation, budget, target, to);
            return;
        }
    }

    void cut_and_write(Truncation& truncation, std::uint64_t budget, std::uint64_t target,
                       std::vector<std::uint8_t>& to) {
        std::vector<std::uint8_t> best;
        for (int i = 0; i < 12; ++i) {
            const Arena::Mark mark = context_.arena.mark();
            const std::uint64_t used = cut(truncation, budget);
            write(to);
            context_.arena.rewind(mark);
            if (to.size() > target) {
                const std::uint64_t excess = to.size() - target;
                if (used == 0) break;
                budget = used - std::min(used, excess);
                continue;
            }
            const std::uint64_t left = target - to.size();
            if (best.empty() || to.size() > best.size()) best = to;
            if (settings_.ratio <= 0 || left * 400 <= target || used == truncation.all_bytes() || i > 4) break;
            budget = used + left;
        }
        if (best.empty()) fail_ratio(to.size());
        to.swap(best);
    }

    // Each layer takes half of the bytes of the next. Returns how many bytes the blocks keep.
    std::uint64_t cut(Truncation& truncation, std::uint64_t budget) {
        std::vector<std::uint64_t> budgets(settings_.layers);
        for (std::size_t i = budgets.size(); i-- > 0;) {
            budgets[i] = budget;
            budget /= 2;
        }
        return truncation.cut(budgets, settings_.ratio <= 0 && settings_.psnr <= 0, context_.arena);
    }

    const FrameIn& frame_;
    const EncodeSettings& settings_;
    Context& context_;
    CodestreamPlan plan_;
    double samples_;
    std::vector<std::unique_ptr<TileEncoder>> tiles_;
};

}  // namespace

CodestreamPlan lossless_plan(const PixelAttributes& attributes, const EncodeSettings& settings) {
    CodestreamPlan plan = make_plan(attributes, settings);
    set_quantisation(attributes, true, 0, plan);
    return plan;
}

Bytes encode_frame(const FrameIn& frame, const EncodeSettings& settings, Context& context) {
    return FrameEncoder(frame, settings, context).encode();
}

}  // namespace dcmturbo::jpeg2000
