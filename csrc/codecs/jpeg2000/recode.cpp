// From a codestream to another one without samples in between.
#include "codecs/jpeg2000/recode.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "codecs/jpeg2000/codec.h"
#include "codecs/jpeg2000/encode.h"
#include "codecs/jpeg2000/tiles/tile_encoder.h"

namespace dcmturbo::jpeg2000 {

namespace {

bool is_same_grid(const Size& a, const Size& b) {
    const auto tile_width = [](const Size& size) { return std::min(size.tile_width, size.x_end); };
    const auto tile_height = [](const Size& size) { return std::min(size.tile_height, size.y_end); };
    return a.x_end == b.x_end && a.y_end == b.y_end && a.x_origin == b.x_origin && a.y_origin == b.y_origin &&
           a.tile_x == b.tile_x && a.tile_y == b.tile_y && tile_width(a) == tile_width(b) &&
           tile_height(a) == tile_height(b);
}

bool are_same_samples(std::span<const ComponentSize> a, std::span<const ComponentSize> b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ComponentSize& one, const ComponentSize& other) {
        return one.precision == other.precision && one.is_signed == other.is_signed &&
               one.horizontal_step == other.horizontal_step && one.vertical_step == other.vertical_step;
    });
}

}  // namespace

std::unique_ptr<Recoder> Recoder::make(const Codestream& from, Recoding& recoding, Context& context) {
    const bool is_high_throughput = recoding.codec == &htj2k_codec;
    if (!is_high_throughput && recoding.codec != &jpeg2000_codec) return nullptr;
    std::optional<CodestreamPlan> plan;
    try {
        const EncodeSettings settings =
            encode_settings(recoding.attributes, recoding.options->values, is_high_throughput);
        const bool loses = settings.ratio > 0 || settings.psnr > 0 || settings.step > 0;
        // Layers are made by cutting passes off, for which the encoder needs what samples count.
        if (loses || !settings.reversible || settings.layers > 1) return nullptr;
        plan = lossless_plan(recoding.attributes, settings);
    } catch (const DecodeError&) {
        return nullptr;  // the encoder will say so
    }
    if (!is_same_grid(plan->size, from.size) || !are_same_samples(plan->components, from.components)) return nullptr;
    recoding.codestream.clear();
    auto recoder = std::unique_ptr<Recoder>(new Recoder(std::move(*plan), recoding, context));
    recoder->headers_.main_header(recoder->plan_);
    return recoder;
}

bool Recoder::may_add(std::span<const TileComponent> decoded, bool transforms) const {
    if (transforms != plan_.parameters.component_transform || decoded.size() != plan_.components.size()) return false;
    const unsigned levels = plan_.parameters.components[0].coding.levels;
    return std::all_of(decoded.begin(), decoded.end(), [&](const TileComponent& component) {
        return component.parameters->coding.reversible && component.levels() == levels &&
               component.parameters->roi_shift == 0 && !component.area.is_empty();
    });
}

void Recoder::add(std::size_t index, std::span<const TileComponent> decoded, bool transforms) {
    is_possible_ = is_possible_ && index == tiles_++ && may_add(decoded, transforms);
    if (!is_possible_) return;
    const Arena::Mark mark = context_.arena.mark();
    try {
        TileEncoder tile(plan_, index, context_);
        is_possible_ = tile.take_over(decoded);
        if (is_possible_) tile.code_onto(recoding_.codestream, headers_);
    } catch (const DecodeError& error) {
        // Coefficients that no image gives may have more bits than the sub-bands that are written.
        if (error.code != ErrorCode::unsupported) throw;
        is_possible_ = false;
    }
    context_.arena.rewind(mark);
}

void Recoder::finish() {
    if (!is_possible_ || tiles_ != plan_.size.tiles()) return;
    headers_.end();
    recoding_.is_done = true;
}

}  // namespace dcmturbo::jpeg2000
