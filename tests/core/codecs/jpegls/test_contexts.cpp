#include "codecs/jpegls/contexts.h"

#include <doctest/doctest.h>

#include "codecs/jpegls/kernels.h"

#include <cstdlib>
#include <cstring>

#include <memory>
#include <vector>

using namespace dcmturbo;
using namespace dcmturbo::jpegls;

TEST_CASE("jpegls: contexts begin as A.2.1 and A.5.1 say") {
    struct Expected {
        unsigned precision;
        std::uint32_t a, k;
    };
    for (const Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512, Isa::neon}) {
        if (!isa_available(isa)) continue;
        for (const Expected& e : {Expected{2, 2, 1}, Expected{8, 4, 2}, Expected{12, 64, 6}, Expected{16, 1024, 10}}) {
            CAPTURE(e.precision);
            const auto contexts = std::make_unique<Contexts>();
            std::memset(static_cast<void*>(contexts.get()), 0x5A, sizeof *contexts);
            contexts->reset(resolve({}, e.precision, 0), line_kernels(isa));
            for (int q = -static_cast<int>(most_context); q <= static_cast<int>(most_context); ++q) {
                const ContextView& view = contexts->view(q * context_scale);
                REQUIRE(view.correction == 0);
                REQUIRE(view.k == e.k);
                REQUIRE(view.shift == 63 - e.k);
                const RegularContext& context = contexts->context(std::abs(q) * context_scale);
                REQUIRE(context.a == e.a);
                REQUIRE(context.b == 0);
                REQUIRE(context.n == 1);
                REQUIRE(context.flip == 0);
            }
            for (const RunContext& run : contexts->run) {
                REQUIRE(run.a == e.a);
                REQUIRE(run.n == 1);
                REQUIRE(run.nn == 0);
            }
        }
    }
}

TEST_CASE("jpegls: a short code is no escape, fits what a reader knows, and has a number that RANGE allows") {
    for (unsigned precision = 2; precision <= 16; ++precision) {
        const Parameters p = resolve({}, precision, 0);
        const auto contexts = std::make_unique<Contexts>();
        contexts->reset(p, line_kernels(Isa::scalar));
        for (unsigned k = 0; k <= most_k; ++k) {
            const unsigned most = contexts->short_zeros[k];
            REQUIRE(most <= p.limit - p.qbpp - 1);
            REQUIRE(most + 1 + k <= 57);
            if (most != 0) REQUIRE(((most - 1) << k) + (1u << k) - 1 < 2u * static_cast<unsigned>(p.range));
        }
    }
}

TEST_CASE("jpegls: the table of gradients holds what A.3.3 says of each difference") {
    for (const unsigned near_lossless : {0u, 3u}) {
        const Parameters p = resolve({}, 9, near_lossless);
        std::vector<std::int8_t> table(GradientTable::size_for(p.maxval));
        GradientTable::fill(table.data(), p);
        for (int difference = -p.maxval; difference <= p.maxval; ++difference) {
            const int size = std::abs(difference);
            const int level = size <= p.near_lossless
                                  ? 0
                                  : 1 + (size >= p.t1 ? 1 : 0) + (size >= p.t2 ? 1 : 0) + (size >= p.t3 ? 1 : 0);
            // By Ra - Rc, of Rc - Ra.
            REQUIRE(table[static_cast<std::size_t>(p.maxval + difference)] ==
                    context_scale * (difference > 0 ? -level : level));
        }
    }
}

TEST_CASE("jpegls: the sums of run lengths are those of A.2.1") {
    std::uint32_t sum = 0;
    for (unsigned i = 0; i < run_indices; ++i) {
        REQUIRE(run_reach[i] == sum);
        sum += std::uint32_t{1} << run_order[i];
    }
    for (std::size_t i = run_indices; i < run_reach.size(); ++i) REQUIRE(run_reach[i] == 0xFFFFFFFFu);
}
