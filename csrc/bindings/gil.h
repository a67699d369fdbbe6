// Releases the GIL and acquires it again, including while the interpreter ends.
#pragma once

#include <pybind11/pybind11.h>

#include "os/thread_end.h"

namespace dcmturbo::bindings {

// Before Python 3.14, asking for the lock of an interpreter that ends unwinds the thread (pthread_exit), and an
// unwinding does not pass the frames of C++ between here and the thread's start: the process would abort. Such a
// thread, a daemon by necessity, stops here instead; the process is about to end. `take` calls Python's C functions
// alone.
template <typename Take>
void take_gil(Take take) {
    os::hold_thread_that_ends([](void* self) { (*static_cast<Take*>(self))(); }, &take);
}

// Calls a Python function. While the interpreter ends, code below may end this thread in the same way; the frames of
// C++ above must not unwind then, so the objects that they own are made before and outlive the call.
inline pybind11::object call_python(const pybind11::object& function, const pybind11::tuple& arguments) {
    PyObject* result = nullptr;
    take_gil([&] { result = PyObject_CallObject(function.ptr(), arguments.ptr()); });
    if (result == nullptr) throw pybind11::error_already_set();
    return pybind11::reinterpret_steal<pybind11::object>(result);
}

class GilRelease {
  public:
    GilRelease() : state_(PyEval_SaveThread()) {}
    GilRelease(const GilRelease&) = delete;
    GilRelease& operator=(const GilRelease&) = delete;
    ~GilRelease() {
        take_gil([this] { PyEval_RestoreThread(state_); });
    }

  private:
    PyThreadState* state_;
};

// For a thread of any origin.
class GilAcquire {
  public:
    GilAcquire() {
        take_gil([this] { state_ = PyGILState_Ensure(); });
    }
    GilAcquire(const GilAcquire&) = delete;
    GilAcquire& operator=(const GilAcquire&) = delete;
    ~GilAcquire() { PyGILState_Release(state_); }

  private:
    PyGILState_STATE state_{};
};

}  // namespace dcmturbo::bindings
