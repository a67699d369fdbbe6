// A source that says that it is far, so that it is read in windows and frames are found one after the other.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dicom/source.h"

namespace dcmturbo::fuzz {

class FarSource final : public Source {
  public:
    explicit FarSource(const Source& inner) : inner_(inner) {}
    [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size) const override {
        return inner_.read_at(offset, to, size);
    }
    [[nodiscard]] bool is_far() const override { return true; }

  private:
    const Source& inner_;
};

}  // namespace dcmturbo::fuzz
