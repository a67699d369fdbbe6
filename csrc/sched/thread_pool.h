// The core's one pool: made at first use, never destroyed, replaced after a fork.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>

#include "base/interruption.h"
#include "os/process.h"

namespace dcmturbo {

class ThreadPool {
  public:
    using Body = void (*)(void* context, std::size_t i);

    // The pool of this process. A child of fork() gets a new one: the parent's threads do not exist there.
    static ThreadPool& instance();

    // Runs body(context, i) once for every i below count, on the caller and up to threads - 1 workers.
    // Returns when all are done. The body must not throw. May be called from several threads at once;
    // a body that calls it again runs on its own thread alone. While the caller waits, it looks whether the work is to
    // be interrupted; it waits for the bodies that run even so.
    void run(std::size_t count, unsigned threads, Body body, void* context, Interruption* interruption = nullptr);

    // Work that goes on while its owner does something else: each helper runs body(context) once, and leaves when that
    // finds nothing to do. The body must not throw.
    struct Work {
        void (*body)(void* context) = nullptr;
        void* context = nullptr;

      private:
        friend class ThreadPool;
        unsigned helpers_wanted = 0;
        unsigned helpers_active = 0;
        std::condition_variable done{};
    };
    // Lets up to `helpers` workers help; those that help already count. Where the system gives no thread, none does.
    void call(Work& work, unsigned helpers);
    // Returns when no worker helps any more. The owner calls it before the work ends.
    void dismiss(Work& work);

  private:
    struct Task {
        Body body;
        void* context;
        std::size_t count;
        std::atomic<std::size_t> next{0};

        void work();
    };

    explicit ThreadPool(os::ProcessId owner) : owner_(owner) {}
    void start_workers(unsigned wanted);
    void worker_loop();
    void wait(std::unique_lock<std::mutex>& lock, Work& work, Interruption* interruption);

    const os::ProcessId owner_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Work*> works_;
    unsigned workers_ = 0;
};

}  // namespace dcmturbo
