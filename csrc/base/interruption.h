// Whether the caller still waits for a call: a long one ends early if a user presses Ctrl-C.
#pragma once

#include <atomic>
#include <chrono>
#include <ctime>
#include <thread>

namespace dcmturbo {

// Made on the thread that makes the call; every thread that works for the call asks it.
class Interruption {
  public:
    // Whether the call is to end. The calling thread evaluates it, at most once per `period`.
    using Ask = bool (*)();
    static constexpr std::chrono::milliseconds period{50};

    // The function to ask, for the whole process; null for none.
    static void set_ask(Ask ask);

    Interruption() : caller_(std::this_thread::get_id()), due_(now() + period) {}
    Interruption(const Interruption&) = delete;
    Interruption& operator=(const Interruption&) = delete;

    // This is cheap: call it between blocks of some thousand pixels. It asks if this is the calling thread and the
    // period is over.
    [[nodiscard]] bool is_due_to_end() {
        if (stopped_.load(std::memory_order_relaxed)) return true;
        if (std::this_thread::get_id() != caller_ || now() < due_) return false;
        return ask();
    }
    void stop() { stopped_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool is_stopped() const { return stopped_.load(std::memory_order_relaxed); }

    // Throws DecodeError(interrupted).
    [[noreturn, gnu::cold]] static void fail_interrupted();

  private:
    // A few milliseconds exact, and a few nanoseconds long.
    static std::chrono::nanoseconds now() {
        timespec time{};
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
        return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }
    [[gnu::cold]] bool ask();

    const std::thread::id caller_;
    std::chrono::nanoseconds due_;  // the caller's alone
    std::atomic<bool> stopped_{false};
};

}  // namespace dcmturbo
