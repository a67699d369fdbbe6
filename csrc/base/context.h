// What a codec may use while it works on one frame: scratch, kernels, limits, and the team if it has one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/arena.h"
#include "base/limits.h"

namespace dcmturbo {

struct Kernels;  // kernels/kernels.h

struct Context {
    Arena& arena;
    const Kernels& kernels;
    const Limits& limits;

    // Runs body(i) for every i below count: on the team that the plan gave to this frame, else here.
    template <typename Body>
    void parallel_for(std::size_t count, Body&& body) const {
        if (team_run == nullptr || count < 2) {
            for (std::size_t i = 0; i < count; ++i) body(i);
            return;
        }
        team_run(
            team, count,
            [](void* context, std::size_t i) { (*static_cast<std::remove_reference_t<Body>*>(context))(i); }, &body);
    }
    [[nodiscard]] bool has_team() const { return team_run != nullptr; }

    using TeamBody = void (*)(void* context, std::size_t i);
    void* team = nullptr;
    void (*team_run)(void* team, std::size_t count, TeamBody body, void* context) = nullptr;
};

}  // namespace dcmturbo
