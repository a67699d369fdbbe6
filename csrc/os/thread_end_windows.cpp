#if defined(_WIN32)

#include "os/thread_end.h"
#include "os/windows.h"

namespace dcmturbo::os {

// On Windows, ending a thread (_endthreadex) unwinds nothing, and nothing can stop it. Its stack disappears. So other
// threads must not use anything on this stack while function(context) runs.
void hold_thread_that_ends(void (*function)(void* context), void* context, void (*)()) { function(context); }

void wait_for_ever() {
    for (;;) Sleep(INFINITE);
}

}  // namespace dcmturbo::os

#endif
