// The number of CPUs that this process may use at the same time.
#pragma once

namespace dcmturbo {

// The smaller of CPU affinity and control group quota, at least 1. A call that sets no number of threads uses this
// many.
unsigned default_threads();

}  // namespace dcmturbo
