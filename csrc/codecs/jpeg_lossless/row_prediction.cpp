#include "codecs/jpeg_lossless/row_prediction.h"

#include <cstring>

namespace dcmturbo::jpeg_lossless {

RowPrediction::RowPrediction(const Scan& scan, Context& context)
    : scan_(scan), kernels_(prediction_kernels(context.isa)) {
    for (std::size_t i = 0; i < scan.components.size(); ++i) {
        const ScanComponent& component = scan.components[i];
        for (std::uint16_t*& line : lines_[i])
            line = context.arena.allocate_array<std::uint16_t>(component.coded_width);
        if (scan.is_simple()) continue;
        for (unsigned r = 0; r < component.rows; ++r)
            sampled_lines_[i][r] = context.arena.allocate_array<std::uint16_t>(component.coded_width);
    }
}

void RowPrediction::restore(const std::uint16_t* differences, std::size_t count, bool starts_interval,
                            std::uint32_t row, RowSink& sink) {
    if (scan_.is_simple()) restore_simple(differences, count, starts_interval, row, sink);
    else if (count == scan_.row_samples()) restore_sampled(differences, starts_interval, row, sink);
}

void RowPrediction::set_above(const std::uint16_t* first_samples) {
    for (std::size_t i = 0; i < scan_.components.size(); ++i) lines_[i][current_][0] = first_samples[i];
}

// MCUs of one sample of each component.
void RowPrediction::restore_simple(const std::uint16_t* differences, std::size_t count, bool starts_interval,
                                   std::uint32_t row, RowSink& sink) {
    const std::size_t components = scan_.components.size();
    const std::size_t pixels = count / components;
    if (pixels == 0) return;
    const unsigned current = current_ ^= 1;
    if (components == 1) {
        std::memcpy(lines_[0][current], differences, pixels * sizeof *differences);
    } else {
        std::array<std::uint16_t*, 4> to{};
        for (std::size_t i = 0; i < components; ++i) to[i] = lines_[i][current];
        kernels_.separate_components(differences, components, pixels, to.data());
    }
    for (std::size_t i = 0; i < components; ++i) {
        std::uint16_t* const line = lines_[i][current];
        const std::uint16_t* const above = lines_[i][current ^ 1];
        kernels_.restore_row(starts_interval ? 1 : scan_.selection_value, above, line, pixels,
                             starts_interval ? scan_.first_prediction() : above[0]);
    }
    for (std::size_t i = 0; i < components; ++i) {
        sink.put(scan_.components[i].index, 0, row,
                 {lines_[i][current], static_cast<std::uint32_t>(pixels), scan_.point_transform});
    }
}

// MCUs of several samples of a component (A.2.3): first sorted into the component's lines.
void RowPrediction::restore_sampled(const std::uint16_t* differences, bool starts_interval, std::uint32_t row,
                                    RowSink& sink) {
    for (std::uint32_t mcu = 0; mcu < scan_.mcus_per_row; ++mcu) {
        for (std::size_t i = 0; i < scan_.components.size(); ++i) {
            const ScanComponent& component = scan_.components[i];
            for (unsigned r = 0; r < component.rows; ++r) {
                std::uint16_t* const to = sampled_lines_[i][r] + std::size_t{mcu} * component.columns;
                for (unsigned c = 0; c < component.columns; ++c) to[c] = *differences++;
            }
        }
    }
    for (std::size_t i = 0; i < scan_.components.size(); ++i) {
        const ScanComponent& component = scan_.components[i];
        // The row above the first is the last one of the MCU row before, kept in lines[i][0].
        const std::uint16_t* above = lines_[i][0];
        for (unsigned r = 0; r < component.rows; ++r) {
            std::uint16_t* const line = sampled_lines_[i][r];
            const bool first = starts_interval && r == 0;
            kernels_.restore_row(first ? 1 : scan_.selection_value, above, line, component.coded_width,
                                 first ? scan_.first_prediction() : above[0]);
            const std::uint32_t y = row * component.rows + r;
            if (y < component.height) sink.put(component.index, 0, y, {line, component.width, scan_.point_transform});
            above = line;
        }
        std::memcpy(lines_[i][0], above, component.coded_width * sizeof *above);
    }
}

}  // namespace dcmturbo::jpeg_lossless
