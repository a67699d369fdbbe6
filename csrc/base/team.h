// Work shared among the team of one frame, where the work may fail.
#pragma once

#include <cstddef>
#include <exception>
#include <vector>

#include "base/context.h"

namespace dcmturbo {

// Runs body(i) for every i below count, as Context::parallel_for does. The pool lets nothing be thrown: what a body
// throws is kept, and that of the lowest i is thrown here, once all are done.
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
