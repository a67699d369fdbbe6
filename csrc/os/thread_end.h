// Threads that are ended within a call (pthread_exit).
#pragma once

namespace dcmturbo::os {

// Calls function(context), which must not throw. If the thread is ended within it, the thread waits here for ever
// instead. Between here and what ends the thread there must be no C++ frame that has something to clean up: the C
// library unwinds such a thread with an unwinder of its own, which need not understand the frames of this library.
void hold_thread_that_ends(void (*function)(void* context), void* context);

}  // namespace dcmturbo::os
