// How many CPUs this process may use at a time.
#pragma once

namespace dcmturbo {

// The smaller of CPU affinity and control group quota, at least 1: the number of threads of a call that names none.
unsigned default_threads();

}  // namespace dcmturbo
