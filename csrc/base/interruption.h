// Tells long calls whether the caller still waits for them. A call ends early if a user presses Ctrl-C.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "os/process.h"

namespace dcmturbo {

// The calling thread makes this object. Every thread that works for the call checks it.
class Interruption {
  public:
    // Returns whether the call is to end. Only the calling thread runs it, at most once per `period`.
    using Ask = bool (*)();
    static constexpr std::chrono::milliseconds period{50};

    // Sets the function for the whole process; null removes it.
    static void set_ask(Ask ask);

    Interruption() : caller_(std::this_thread::get_id()), due_(os::coarse_time() + period) {}
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    // This check is cheap: call it between blocks of some thousand pixels. It runs the function only on the calling
    // thread, and only if the period is over.
    [[nodiscard]] bool is_due_to_end() {
        if (stopped_.load(std::memory_order_relaxed)) return true;
        if (std::this_thread::get_id() != caller_ || os::coarse_time() < due_) return false;
        return ask();
    }
    void stop() { stopped_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool is_stopped() const { return stopped_.load(std::memory_order_relaxed); }

    // Throws DecodeError(interrupted).
    [[noreturn, gnu::cold]] static void fail_interrupted();

  private:
    [[gnu::cold]] bool ask();

    const std::thread::id caller_;
    std::chrono::nanoseconds due_;  // only the calling thread uses it
    std::atomic<bool> stopped_{false};
};

}  // namespace dcmturbo
