// The quantisation step that leads to a size, by trials.
#pragma once

#include <algorithm>
#include <cmath>

namespace dcmturbo::jpeg2000 {

// The logarithm of the size is nearly a straight line of that of the step. Trials tell where it lies, and between which
// steps the target is.
class StepSearch {
  public:
    // `share`: the size at this step over the size that is wanted.
    void add(double step, double share) {
        const double x = std::log(step);
        const double y = std::log(std::clamp(share, 1e-9, 1e9));
        // Trials that lie close together say little about the slope.
        if (is_started_ && std::fabs(x - x_) > 0.01) slope_ = std::clamp((y - y_) / (x - x_), -2.0, -0.15);
        if (y > 0) low_ = is_started_ ? std::max(low_, x) : x;
        else high_ = std::min(high_, x);
        is_started_ = true;
        x_ = x;
        y_ = y;
    }

    [[nodiscard]] double next() const {
        double x = x_ - y_ / slope_;
        if (low_ > lowest && high_ < -lowest && !(x > low_ && x < high_)) x = (low_ + high_) / 2;
        return std::exp(std::clamp(x, -20.0, 20.0));
    }

    // Forgets the trials but for the slope.
    void restart() {
        is_started_ = false;
        low_ = lowest;
        high_ = -lowest;
    }

  private:
    static constexpr double lowest = -1e9;
    bool is_started_ = false;
    double x_ = 0, y_ = 0;  // of the last trial
    double slope_ = -0.8;
    double low_ = lowest, high_ = -lowest;  // steps that led to too much, and to not too much
};

}  // namespace dcmturbo::jpeg2000
