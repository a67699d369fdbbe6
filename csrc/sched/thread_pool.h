// The pool of threads of the core. It is made at first use, never destroyed, and replaced after a fork.
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

    // The pool of this process. A child of fork() gets a new pool, because the threads of its parent do not exist
    // there.
    static ThreadPool& instance();

    // Runs body(context, i) once for every i below count, on the calling thread and up to threads - 1 workers. Returns
    // when all are done. The body must not throw. Several threads may call run at the same time. If a body calls it,
    // only the thread of that body is used. While the caller waits, it checks whether the work is to be interrupted;
    // even then it waits for the bodies that are running.
    void run(std::size_t count, unsigned threads, Body body, void* context, Interruption* interruption = nullptr);

    // Work that helpers do while its owner does something else. Each helper runs body(context) once and leaves when the
    // body returns, because there is nothing more to do. The body must not throw.
    struct Work {
        void (*body)(void* context) = nullptr;
        void* context = nullptr;

      private:
        friend class ThreadPool;
        unsigned helpers_wanted = 0;
        unsigned helpers_active = 0;
        std::condition_variable done{};
    };
    // Lets up to `helpers` workers help, including those that help already. If the system gives no thread, there are no
    // helpers.
    void call(Work& work, unsigned helpers);
    // Returns when no worker helps any more. The owner must call it before the work is destroyed.
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
