// What a codec may use while it works on one frame: scratch memory, instruction set, limits, and a team if it has one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/arena.h"
#include "base/interruption.h"
#include "base/limits.h"
#include "cpu/features.h"

namespace dcmturbo {

struct Context {
    Arena& arena;
    Isa isa;  // selects the kernel tables
    const Limits& limits;

    // Runs body(i) for every i below count. The team of this frame runs them if it has one; otherwise this thread does.
    // Throws DecodeError(interrupted) if the call is to end; some bodies have then not run.
    template <typename Body>
    void parallel_for(std::size_t count, Body&& body) const {
        auto run_one = [&](std::size_t i) {
            if (!is_due_to_end()) body(i);
        };
        if (team_run == nullptr || count < 2) {
            for (std::size_t i = 0; i < count; ++i) run_one(i);
        } else {
            team_run(
                team, count, [](void* one, std::size_t i) { (*static_cast<decltype(run_one)*>(one))(i); }, &run_one);
        }
        if (interruption != nullptr && interruption->is_stopped()) Interruption::fail_interrupted();
    }
    [[nodiscard]] bool has_team() const { return team_run != nullptr; }

    // Long loops call one of these. is_due_to_end() returns whether the call is to end; check_interruption() throws
    // DecodeError(interrupted) in that case.
    [[nodiscard]] bool is_due_to_end() const { return interruption != nullptr && interruption->is_due_to_end(); }
    void check_interruption() const {
        if (is_due_to_end()) Interruption::fail_interrupted();
    }

    using TeamBody = void (*)(void* context, std::size_t i);
    void* team = nullptr;
    unsigned team_threads = 1;
    void (*team_run)(void* team, std::size_t count, TeamBody body, void* context) = nullptr;
    Interruption* interruption = nullptr;
};

}  // namespace dcmturbo
