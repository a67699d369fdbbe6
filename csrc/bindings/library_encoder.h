// A library's encoder: a Python function that the core can call.
#pragma once

#include <map>

#include "bindings/common.h"

namespace dcmturbo::bindings {

class LibraryEncoder {
  public:
    // A function that encodes a frame, array -> bytes-like; or None.
    explicit LibraryEncoder(py::object encode) : encode_(std::move(encode)) {}
    LibraryEncoder(const LibraryEncoder&) = delete;
    LibraryEncoder& operator=(const LibraryEncoder&) = delete;

    // As the core takes it; `encode` is null where there is no function.
    [[nodiscard]] dcmturbo_library_encoder plain() const { return {encode_.is_none() ? nullptr : call, this}; }
    // Raises what the function raised for the frame at `base`; returns where it did not.
    void raise_failure(const void* base);
    // Takes that, or None.
    py::object failure_of(const void* base);

  private:
    static std::int32_t call(const void* self, const dcmturbo_image* image, const dcmturbo_attributes* attributes,
                             void (*take)(void* taker, dcmturbo_bytes encoded), void* taker, dcmturbo_error* error);

    py::object encode_;
    // By frame. Touched with the interpreter's lock only.
    mutable std::map<const void*, py::object> failures_;
};

}  // namespace dcmturbo::bindings
