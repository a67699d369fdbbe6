// Work that a team shares on one frame, and that may fail.
#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "base/context.h"

namespace dcmturbo {

// Runs body(i) for every i below count, as Context::parallel_for does. Nothing may be thrown through the pool.
// Exceptions of body are kept, and the one with the lowest i is thrown here when all are done.
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
