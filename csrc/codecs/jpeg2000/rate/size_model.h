// How many bytes an image takes at a quantisation step, and how large its error is, without coding it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dcmturbo::jpeg2000 {

// Counts how large coefficients are, sub-band by sub-band, each as it counts in the image. Of that follow estimates;
// for sizes whoever asks corrects them by what coding has shown. The same sub-band of all tiles counts as one, so that
// time and memory do not depend on the number of tiles.
class SizeModel {
  public:
    // `kind` tells the sub-bands of a tile apart: small numbers, the same in all tiles.
    void begin_band(std::size_t kind);
    // Samples `count` coefficients of the band; `gain` turns them into what they count in the image. Each stands for
    // `of` coefficients.
    void add(const float* coefficients, std::size_t count, double gain, double of);

    // Once all is added.
    void finish();

    [[nodiscard]] double bytes(double step) const;
    // The sum of squared errors.
    [[nodiscard]] double distortion(double step) const;

    // The step at which a falling or rising estimate passes a value.
    [[nodiscard]] double step_for_bytes(double bytes) const;
    [[nodiscard]] double step_for_distortion(double distortion) const;

  private:
    // Two bins an octave.
    static constexpr int bins = 160;
    static constexpr int lowest = -80;
    struct Band {
        std::array<double, bins> count{};
        std::array<double, bins> from{};  // in this bin, and those above it
        double zeros = 0;
        double total = 0;
    };
    static constexpr std::size_t none = ~std::size_t{0};
    std::vector<Band> bands_;             // in the order in which they were begun first
    std::vector<std::size_t> number_of_;  // by kind: which of the bands
    std::size_t current_ = none;
};

}  // namespace dcmturbo::jpeg2000
