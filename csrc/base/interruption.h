// Whether the caller still waits for a call: a long one ends early if a user presses Ctrl-C.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "os/process.h"

namespace dcmturbo {

// Made on the thread that makes the call; every thread that works for the call asks it.
class Interruption {
  public:
    // Whether the call is to end. The calling thread evaluates it, at most once per `period`.
    using Ask = bool (*)();
    static constexpr std::chrono::milliseconds period{50};

    // The function to ask, for the whole process; null for none.
    static void set_ask(Ask ask);

    Interruption() : caller_(std::this_thread::get_id()), due_(os::coarse_time() + period) {}
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    // This is cheap: call it between blocks of some thousand pixels. It asks if this is the calling thread and the
    // period is over.
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
    std::chrono::nanoseconds due_;  // the caller's alone
    std::atomic<bool> stopped_{false};
};

}  // namespace dcmturbo
