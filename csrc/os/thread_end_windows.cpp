#if defined(_WIN32)

#include "os/thread_end.h"

namespace dcmturbo::os {

// A thread that ends (_endthreadex) unwinds nothing on Windows, and nothing can hold it. Its stack goes with it: what
// other threads use must not be on it while function(context) runs.
void hold_thread_that_ends(void (*function)(void* context), void* context) { function(context); }

}  // namespace dcmturbo::os

#endif
