// How many CPUs this process may use at a time.
#pragma once

namespace dcmturbo {

// The smaller of CPU affinity and control group quota, at least 1: how many threads a call uses that is not told.
unsigned default_threads();

}  // namespace dcmturbo
