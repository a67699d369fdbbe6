// Memory that a worker keeps from frame to frame. What is kept is limited, in number and in bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/arena.h"
#include "base/fragments.h"
#include "dicom/fragment_grouping.h"
#include "image/component.h"

namespace dcmturbo {

struct Scratch {
    Arena arena;
    Header header;
    std::vector<FragmentRange> ranges;
    std::vector<Bytes> spans;
};

// Borrows a Scratch and returns it when this object is destroyed.
class ScratchLoan {
  public:
    explicit ScratchLoan(std::uint64_t cap);
    ~ScratchLoan();
    ScratchLoan(const ScratchLoan&) = delete;
    ScratchLoan& operator=(const ScratchLoan&) = delete;
    Scratch& operator*() const { return *scratch_; }
    Scratch* operator->() const { return scratch_.get(); }

  private:
    std::unique_ptr<Scratch> scratch_;
};

}  // namespace dcmturbo
