// On which side of a line a point is, exactly.
#pragma once

namespace dcmturbo {

struct Point {
    double x = 0;
    double y = 0;
};

// The sign of (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x), without rounding. The coordinates must be 0, or
// between 2^-300 and 2^300 in magnitude, so that no product overflows or loses bits by underflow.
int orientation(Point a, Point b, Point p);

}  // namespace dcmturbo
