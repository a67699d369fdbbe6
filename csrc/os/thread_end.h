// Handles threads that are ended inside a call (pthread_exit).
#pragma once

namespace dcmturbo::os {

// Calls function(context), which must not throw. If the thread is ended inside it, the thread calls ended() and waits
// here for ever instead. Between this call and the code that ends the thread, no C++ frame may have objects to destroy.
// The C library unwinds the stack with its own unwinder, which may not understand the frames of this library.
void hold_thread_that_ends(void (*function)(void* context), void* context, void (*ended)());

[[noreturn]] void wait_for_ever();

}  // namespace dcmturbo::os
