// Releases and acquires the GIL. It also works while the interpreter is shutting down.
#pragma once

#include <pybind11/pybind11.h>

#include "os/thread_end.h"

namespace dcmturbo::bindings {

// Before Python 3.14, a thread that asks for the GIL during shutdown is ended (pthread_exit). That unwinds its stack.
// The unwinding cannot pass the C++ frames above this one, so the process would abort. Such a thread, which can only be
// a daemon, stops here for ever instead; the process ends soon. `take` may call only C functions of Python.
template <typename Take>
void take_gil(Take take) {
    os::hold_thread_that_ends([](void* self) { (*static_cast<Take*>(self))(); }, &take);
}

// Calls a Python function. During shutdown, the code that it calls may end this thread in the same way. The C++ frames
// above must not unwind then. So the objects that they own are made before the call and live longer than it.
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

// Acquires the GIL on any thread, also on one that Python did not start.
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
