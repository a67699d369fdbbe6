// Releases and acquires the GIL. It also works while the interpreter is shutting down.
#pragma once

#include <pybind11/pybind11.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "os/thread_end.h"

namespace dcmturbo::bindings {

// Before Python 3.14, a thread that asks for the GIL during shutdown is ended (pthread_exit). That unwinds its stack.
// The unwinding cannot pass the C++ frames above this one, so the process would abort. Such a thread, which can only be
// a daemon, stops here for ever instead; the process ends soon. `take` may call only C functions of Python. `ended` is
// called by a thread that stops.
template <typename Take>
void take_gil(
    Take take, void (*ended)() = [] {}) {
    os::hold_thread_that_ends([](void* self) { (*static_cast<Take*>(self))(); }, &take, ended);
}

// The end of the interpreter. PyGILState_Ensure reads what the interpreter then frees, so no thread may be inside it
// or begin it later. Threads that the interpreter does not know can still run while the process exits.
class InterpreterEnd {
  public:
    // Of the module: it is destroyed while the interpreter ends, by the only thread that still runs Python code.
    static pybind11::capsule watch() {
        return pybind11::capsule(&over_, [](void*) { await_threads(); });
    }
    static void enter() {
        entering_.fetch_add(1);
        if (!over_.load()) return;
        leave();
        os::wait_for_ever();
    }
    static void leave() { entering_.fetch_sub(1); }
    // A child of fork() has none of the threads that were entering.
    static void forget_threads() { entering_.store(0); }

  private:
    static void await_threads() {
        if (!is_finalizing()) return;  // only the module's attribute was deleted
        over_.store(true);
        // A thread that waits for the GIL now is ended within its switch interval of a few milliseconds, but on a busy
        // machine it may take long until it runs. Python 3.14 stops such a thread itself and need not be awaited.
        constexpr auto step = std::chrono::milliseconds(1);
        constexpr int limit = PY_VERSION_HEX >= 0x030E0000 ? 50 : 5000;
        for (int i = 0; i < limit && entering_.load() != 0; ++i) std::this_thread::sleep_for(step);
    }
    static bool is_finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
        return Py_IsFinalizing() != 0;
#else
        return _Py_IsFinalizing() != 0;
#endif
    }

    static inline std::atomic<bool> over_{false};
    static inline std::atomic<unsigned> entering_{0};
};

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
        InterpreterEnd::enter();
        take_gil([this] { state_ = PyGILState_Ensure(); }, InterpreterEnd::leave);
        InterpreterEnd::leave();
    }
    GilAcquire(const GilAcquire&) = delete;
    GilAcquire& operator=(const GilAcquire&) = delete;
    ~GilAcquire() { PyGILState_Release(state_); }

  private:
    PyGILState_STATE state_{};
};

}  // namespace dcmturbo::bindings
