// Handles threads that are ended inside a call (pthread_exit).
#pragma once

namespace dcmturbo::os {

// Calls function(context), which must not throw. If the thread is ended inside it, the thread waits here for ever
// instead. Between this call and the code that ends the thread, no C++ frame may have objects to destroy. The C library
// unwinds the stack with its own unwinder, which may not understand the frames of this library.
void hold_thread_that_ends(void (*function)(void* context), void* context);

}  // namespace dcmturbo::os
