#if !defined(_WIN32)

// In C++, glibc defines pthread_cleanup_push with a destructor. It runs only if the unwinder that ends the thread
// understands the frames of this library. The variant for C uses a jump buffer instead, and is selected by this #undef.
#undef __EXCEPTIONS
#include <pthread.h>
#include <unistd.h>

#include "os/thread_end.h"

namespace dcmturbo::os {

void wait_for_ever() {
    for (;;) pause();
}

namespace {

void end(void* ended) {
    (*static_cast<void (**)()>(ended))();
    wait_for_ever();
}

}  // namespace

void hold_thread_that_ends(void (*function)(void* context), void* context, void (*ended)()) {
    pthread_cleanup_push(end, static_cast<void*>(&ended));
    function(context);
    pthread_cleanup_pop(0);
}

}  // namespace dcmturbo::os

#endif
