// Work on one frame that a team shares and that may throw.
#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "base/context.h"

namespace dcmturbo {

// Runs body(i) for every i below count, as Context::parallel_for does. No exception may pass through the thread pool,
// so exceptions of body are kept. When all calls are done, the one with the lowest i is thrown here.
template <typename Body>
void run_on_team(const Context& context, std::size_t count, Body&& body) {
    std::vector<std::exception_ptr> errors(count);
    context.parallel_for(count, [&](std::size_t i) {
        try {
            body(i);
        } catch (...) {
            errors[i] = std::current_exception();
        }
    });
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
}

}  // namespace dcmturbo
