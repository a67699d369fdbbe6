// The exact sign of a determinant of doubles, by sums of doubles that do not overlap.
#include "raster/orientation.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace dcmturbo {

namespace {

// A number as an unevaluated sum: `high` is the sum rounded to a double, and `low` is the rest, exactly.
struct Pair {
    double high;
    double low;
};

// Knuth's sum of two doubles without a condition on their sizes; each operation is rounded once (IEEE 754).
Pair add(double a, double b) {
    const double sum = a + b;
    const double from_b = sum - a;
    const double from_a = sum - from_b;
    return {sum, (a - from_a) + (b - from_b)};
}

Pair multiply(double a, double b) {
    const double product = a * b;
    return {product, std::fma(a, b, -product)};
}

// The sum of up to 16 doubles. Each component is smaller than the last bit of the next one, so the sign of the largest
// component that is not zero is the sign of the sum (Shewchuk 1997, theorem 10).
class Expansion {
  public:
    void grow(double value) {
        for (std::size_t i = 0; i < size_; ++i) {
            const Pair sum = add(value, parts_[i]);
            parts_[i] = sum.low;
            value = sum.high;
        }
        parts_[size_++] = value;
    }
    void grow_by_product(Pair a, Pair b, double sign) {
        for (const double x : {a.low, a.high}) {
            for (const double y : {b.low, b.high}) {
                const Pair product = multiply(x, y);
                grow(sign * product.low);
                grow(sign * product.high);
            }
        }
    }
    [[nodiscard]] int sign() const {
        for (std::size_t i = size_; i-- > 0;) {
            if (parts_[i] > 0) return 1;
            if (parts_[i] < 0) return -1;
        }
        return 0;
    }

  private:
    std::array<double, 16> parts_{};
    std::size_t size_ = 0;
};

}  // namespace

int orientation(Point a, Point b, Point p) {
    Expansion sum;
    sum.grow_by_product(add(b.x, -a.x), add(p.y, -a.y), 1.0);
    sum.grow_by_product(add(b.y, -a.y), add(p.x, -a.x), -1.0);
    return sum.sign();
}

}  // namespace dcmturbo
