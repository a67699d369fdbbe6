// Lets the core call a Python function that encodes frames.
#pragma once

#include <map>
#include <mutex>

#include "bindings/common.h"

namespace dcmturbo::bindings {

class LibraryEncoder {
  public:
    // `encode` is None, or a function that takes an array and returns an object with the buffer protocol.
    explicit LibraryEncoder(py::object encode) : encode_(std::move(encode)) {}
    LibraryEncoder(const LibraryEncoder&) = delete;
    LibraryEncoder& operator=(const LibraryEncoder&) = delete;

    // The struct for the C ABI. Its `encode` is null if there is no function.
    [[nodiscard]] dcmturbo_library_encoder plain() const { return {encode_.is_none() ? nullptr : call, this}; }
    // Raises the exception that the function raised for the frame at `base`. Returns if there was none.
    void raise_failure(const void* base);
    // Returns and removes that exception, or None.
    py::object failure_of(const void* base);

  private:
    static std::int32_t call(const void* self, const dcmturbo_image* image, const dcmturbo_attributes* attributes,
                             void (*take)(void* taker, dcmturbo_bytes encoded), void* taker, dcmturbo_error* error);

    py::object encode_;
    // The key is the address of the frame. The mutex is for Pythons without a GIL. While it is held, Python does not
    // run.
    mutable std::mutex mutex_;
    mutable std::map<const void*, py::object> failures_;
};

}  // namespace dcmturbo::bindings
