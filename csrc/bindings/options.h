// Converts a Python dict to option values.
#pragma once

#include <deque>
#include <vector>

#include "bindings/common.h"

namespace dcmturbo::bindings {

class OptionArray {
  public:
    explicit OptionArray(const py::dict& options);
    OptionArray(const OptionArray&) = delete;
    OptionArray& operator=(const OptionArray&) = delete;

    [[nodiscard]] const dcmturbo_option_value* data() const { return values_.data(); }
    [[nodiscard]] std::size_t size() const { return values_.size(); }

  private:
    std::vector<dcmturbo_option_value> values_;
    std::deque<std::string> texts_;  // owns the names and texts of the values; a deque does not move them
};

}  // namespace dcmturbo::bindings
