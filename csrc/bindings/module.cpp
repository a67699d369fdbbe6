// dcmturbo._core: thin classes over the C ABI. Shapes and defaults are decided in Python, in src/dcmturbo.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/error.h"
#include "bindings/common.h"
#include "dcmturbo_capsule.h"

namespace dcmturbo::bindings {

namespace {

// The exception of a signal handler that ran while the core worked for this thread.
thread_local py::error_already_set* raised_by_signal = nullptr;

// Only the main thread of Python handles signals. Another one would wait for the GIL in vain, up to the switch interval
// of Python each time.
std::atomic<unsigned long> main_thread{0};

std::int32_t ask_for_signals() {
    if (PyThread_get_thread_ident() != main_thread.load(std::memory_order_relaxed)) return 0;
    const GilAcquire acquire;
    if (PyErr_CheckSignals() == 0) return 0;
    delete raised_by_signal;
    raised_by_signal = new py::error_already_set();
    return 1;
}

// In a child of fork(), the main thread is the one that forked.
void know_main_thread() {
    main_thread.store(py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>());
    const py::module_ os = py::module_::import("os");
    if (!py::hasattr(os, "register_at_fork")) return;
    const auto become_main = [] {
        main_thread.store(PyThread_get_thread_ident());
        InterpreterEnd::forget_threads();
    };
    os.attr("register_at_fork")(py::arg("after_in_child") = py::cpp_function(become_main));
}

[[noreturn]] void raise_interruption() {
    if (raised_by_signal != nullptr) {
        const std::unique_ptr<py::error_already_set> raised(std::exchange(raised_by_signal, nullptr));
        throw py::error_already_set(*raised);
    }
    // A function of a library was interrupted. Its signal has not been handled yet.
    if (PyErr_CheckSignals() == 0) PyErr_SetNone(PyExc_KeyboardInterrupt);
    throw py::error_already_set();
}

}  // namespace

void raise(const dcmturbo_error& error) {
    if (error.code == DCMTURBO_INTERRUPTED) raise_interruption();
    // Raises TypeError, as Python does if a function has no such argument.
    if (error.code == static_cast<std::int32_t>(ErrorCode::option)) {
        PyErr_SetObject(PyExc_TypeError, text_of(error.message).ptr());
        throw py::error_already_set();
    }
    const py::object make = py::module_::import("dcmturbo.errors").attr("make_error");
    const py::object exception =
        make(error.code, text_of(error.message),
             py::arg("frame") = error.frame < 0 ? py::object(py::none()) : py::object(py::int_(error.frame)),
             py::arg("offset") = offset_or_none(error.offset));
    PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(exception.ptr())), exception.ptr());
    throw py::error_already_set();
}

namespace {

py::dict get_settings() {
    dcmturbo_settings settings{};
    settings.size = sizeof settings;
    dcmturbo_get_settings(&settings);
    py::dict result;
    result["threads"] = settings.threads;
    result["isa"] = dcmturbo_isa_name(settings.isa);
    result["max_pixels"] = settings.max_pixels;
    result["max_output"] = settings.max_output;
    result["max_scratch"] = settings.max_scratch;
    result["prefer_library"] = settings.prefer_library != 0;
    return result;
}

void set_settings(std::optional<std::uint32_t> threads, const std::optional<std::string>& isa,
                  std::optional<std::uint64_t> max_pixels, std::optional<std::uint64_t> max_output,
                  std::optional<std::uint64_t> max_scratch, std::optional<bool> prefer_library) {
    dcmturbo_settings settings{};
    settings.size = sizeof settings;
    dcmturbo_get_settings(&settings);
    settings.threads = threads.value_or(settings.threads);
    settings.max_pixels = max_pixels.value_or(settings.max_pixels);
    settings.max_output = max_output.value_or(settings.max_output);
    settings.max_scratch = max_scratch.value_or(settings.max_scratch);
    if (prefer_library) settings.prefer_library = *prefer_library ? 1 : 0;
    if (isa) {
        std::uint8_t i = 0;
        while (dcmturbo_isa_name(i) != nullptr && *isa != dcmturbo_isa_name(i)) ++i;
        settings.isa = i;
    }
    dcmturbo_error error = new_error();
    check(dcmturbo_set_settings(&settings, &error), error);
}

py::list available_isas() {
    py::list result;
    for (std::uint8_t i = 0; dcmturbo_isa_name(i) != nullptr; ++i) {
        if (dcmturbo_isa_available(i) != 0) result.append(dcmturbo_isa_name(i));
    }
    return result;
}

// Tells Python that many threads use an object that lives as long as the process. Without a GIL, threads that count
// references to one object wait for one another. With one, it does nothing.
void share([[maybe_unused]] py::handle object) {
#ifdef Py_GIL_DISABLED
#if PY_VERSION_HEX >= 0x030E0000
    PyUnstable_Object_EnableDeferredRefcount(object.ptr());
#else
    Py_SET_REFCNT(object.ptr(), _Py_IMMORTAL_REFCNT);
#endif
#endif
}

// Calls body(i) for every i, to test the thread pool. An exception does not stop the other calls; one of them is
// raised.
void parallel_for(std::size_t count, std::uint32_t threads, const py::function& body) {
    struct State {
        const py::function& body;
        std::mutex mutex{};
        py::object raised{};
    } state{body};
    {
        const GilRelease release;
        dcmturbo_parallel_for(
            count, threads,
            [](void* context, std::size_t i) {
                const GilAcquire acquire;
                auto& inner = *static_cast<State*>(context);
                try {
                    inner.body(i);
                } catch (py::error_already_set& error) {
                    py::object value = error.value();
                    const std::lock_guard lock(inner.mutex);
                    if (!inner.raised) inner.raised = std::move(value);
                }
            },
            &state);
    }
    if (state.raised) {
        PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(state.raised.ptr())), state.raised.ptr());
        throw py::error_already_set();
    }
}

}  // namespace

}  // namespace dcmturbo::bindings

// Without the GIL: what these files keep for the process is set while the package is imported, of the calling thread,
// atomic, or behind a mutex; so is the core's own state. With it, nothing is made at its first use by a static
// variable: the thread that makes it may have to give the GIL to one that waits for the same variable.
PYBIND11_MODULE(_core, m, pybind11::mod_gil_not_used()) {
    using namespace dcmturbo::bindings;
    m.doc() = "The compiled core of dcmturbo.";
    m.def("get_settings", get_settings);
    m.def("set_settings", set_settings, py::kw_only(), py::arg("threads") = py::none(), py::arg("isa") = py::none(),
          py::arg("max_pixels") = py::none(), py::arg("max_output") = py::none(), py::arg("max_scratch") = py::none(),
          py::arg("prefer_library") = py::none());
    m.def("available_isas", available_isas);
    m.def("default_threads", dcmturbo_default_threads);
    m.def("memory_limit", dcmturbo_memory_limit);
    m.def("parallel_for", parallel_for);
    m.def("share", share, py::arg("object"));
    know_main_thread();
    dcmturbo_set_interrupt(ask_for_signals);
    m.attr("_end") = InterpreterEnd::watch();
    m.attr("_C_API") = py::capsule(dcmturbo_get_api(), DCMTURBO_CAPSULE);
    bind_arrays();
    bind_formats(m);
    bind_images(m);
    bind_datasets(m);
    bind_frames(m);
    bind_encoding(m);
    bind_blanking(m);
    bind_transcoding(m);
    bind_library(m);
    bind_options(m);
    bind_raster(m);
}
