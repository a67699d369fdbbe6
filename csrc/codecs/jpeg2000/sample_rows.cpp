#include "codecs/jpeg2000/sample_rows.h"

namespace dcmturbo::jpeg2000 {

void inverse_component_transform(Arithmetic arithmetic, std::span<void* const> rows, std::size_t count,
                                 const WaveletKernels& kernels) {
    switch (arithmetic) {
        case Arithmetic::integer:
            kernels.inverse_rct(static_cast<std::int32_t*>(rows[0]), static_cast<std::int32_t*>(rows[1]),
                                static_cast<std::int32_t*>(rows[2]), count);
            break;
        case Arithmetic::real:
            kernels.inverse_ict(static_cast<float*>(rows[0]), static_cast<float*>(rows[1]),
                                static_cast<float*>(rows[2]), count);
            break;
        case Arithmetic::wide_real: {
            auto* y = static_cast<double*>(rows[0]);
            auto* cb = static_cast<double*>(rows[1]);
            auto* cr = static_cast<double*>(rows[2]);
            for (std::size_t i = 0; i < count; ++i) {  // G.3.2
                const double luminance = y[i], blue = cb[i], red = cr[i];
                y[i] = luminance + 1.402 * red;
                cb[i] = luminance - 0.344136 * blue - 0.714136 * red;
                cr[i] = luminance + 1.772 * blue;
            }
            break;
        }
        case Arithmetic::wide: {
            auto* y = static_cast<std::uint64_t*>(rows[0]);
            auto* cb = static_cast<std::uint64_t*>(rows[1]);
            auto* cr = static_cast<std::uint64_t*>(rows[2]);
            for (std::size_t i = 0; i < count; ++i) {  // G.2.2
                const std::uint64_t blue = cb[i], red = cr[i];
                const std::uint64_t green =
                    y[i] - static_cast<std::uint64_t>(static_cast<std::int64_t>(blue + red) >> 2);
                y[i] = red + green;
                cb[i] = green;
                cr[i] = blue + green;
            }
            break;
        }
    }
}

SampleRow sample_row(Arithmetic arithmetic, void* row, std::uint32_t count, const ComponentSize& component) {
    const SampleRange range(component.precision, component.is_signed);
    switch (arithmetic) {
        case Arithmetic::wide: return {static_cast<const std::int64_t*>(row), count, range};
        case Arithmetic::real: return {static_cast<float*>(row), count, range};
        case Arithmetic::wide_real: return {static_cast<const double*>(row), count, range};
        default: return {static_cast<const std::int32_t*>(row), count, range};
    }
}

}  // namespace dcmturbo::jpeg2000
