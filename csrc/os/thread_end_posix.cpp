#if !defined(_WIN32)

// For C++, glibc makes pthread_cleanup_push an object with a destructor, which runs only if the unwinder that ends a
// thread understands this library's frames. Its form for C saves where to jump to instead.
#undef __EXCEPTIONS
#include <pthread.h>
#include <unistd.h>

#include "os/thread_end.h"

namespace dcmturbo::os {

namespace {

void wait_for_ever(void*) {
    for (;;) pause();
}

}  // namespace

void hold_thread_that_ends(void (*function)(void* context), void* context) {
    pthread_cleanup_push(wait_for_ever, nullptr);
    function(context);
    pthread_cleanup_pop(0);
}

}  // namespace dcmturbo::os

#endif
