// How many bytes an image takes at a quantisation step, and how large its error is, without coding it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dcmturbo::jpeg2000 {

// Counts how large coefficients are, sub-band by sub-band, each as it counts in the image. Of that follow estimates;
// for sizes whoever asks corrects them by what coding has shown.
class SizeModel {
  public:
    void begin_band() { bands_.emplace_back(); }
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
    std::vector<Band> bands_;
};

}  // namespace dcmturbo::jpeg2000
