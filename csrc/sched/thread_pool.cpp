// Runs work on a pool of threads that all calls share.
#include "sched/thread_pool.h"

#include <algorithm>
#include <system_error>
#include <thread>

namespace dcmturbo {

namespace {

// True while a thread runs a body. A nested call then uses only this thread.
thread_local bool inside_body = false;

constexpr unsigned most_workers = 1024;

}  // namespace

ThreadPool& ThreadPool::instance() {
    // The pool is never destroyed. At exit, its destructor would wait for threads that the shutdown of the interpreter
    // may have frozen. A child of fork() abandons the pool of its parent, including the mutex.
    static std::atomic<ThreadPool*> pool{nullptr};
    const os::ProcessId self = os::process_id();
    ThreadPool* current = pool.load(std::memory_order_acquire);
    if (current != nullptr && current->owner_ == self) return *current;
    auto* fresh = new ThreadPool(self);
    if (pool.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) return *fresh;
    // Another thread has made a pool first. This one has no workers yet, so it can be deleted.
    delete fresh;
    return *current;
}

void ThreadPool::Task::work() {
    inside_body = true;
    for (;;) {
        const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (i >= count) break;
        body(context, i);
    }
    inside_body = false;
}

void ThreadPool::run(std::size_t count, unsigned threads, Body body, void* context, Interruption* interruption) {
    if (count == 0) return;
    if (threads <= 1 || count == 1 || inside_body) {
        const bool outer = inside_body;
        inside_body = true;
        for (std::size_t i = 0; i < count; ++i) body(context, i);
        inside_body = outer;
        return;
    }
    Task task{.body = body, .context = context, .count = count};
    Work work;
    work.context = &task;
    work.body = [](void* self) { static_cast<Task*>(self)->work(); };
    call(work, static_cast<unsigned>(std::min<std::size_t>(threads - 1, count - 1)));
    task.work();
    std::unique_lock lock(mutex_);
    wait(lock, work, interruption);
}

void ThreadPool::call(Work& work, unsigned helpers) {
    helpers = std::min(helpers, most_workers);
    {
        const std::lock_guard lock(mutex_);
        const unsigned here = work.helpers_active + work.helpers_wanted;
        if (helpers <= here) return;
        start_workers(helpers);
        if (work.helpers_wanted == 0) works_.push_back(&work);
        work.helpers_wanted += helpers - here;
        helpers -= here;
    }
    for (unsigned i = 0; i < helpers; ++i) wake_.notify_one();
}

void ThreadPool::dismiss(Work& work) {
    std::unique_lock lock(mutex_);
    wait(lock, work, nullptr);
}

void ThreadPool::wait(std::unique_lock<std::mutex>& lock, Work& work, Interruption* interruption) {
    std::erase(works_, &work);
    work.helpers_wanted = 0;
    const auto is_done = [&work] { return work.helpers_active == 0; };
    if (interruption == nullptr) return work.done.wait(lock, is_done);
    while (!work.done.wait_for(lock, Interruption::period, is_done)) {
        // Asking may take the GIL. A helper may hold the GIL and wait for this mutex, so the mutex is released first.
        lock.unlock();
        (void)interruption->is_due_to_end();
        lock.lock();
    }
}

// The caller holds the mutex. If the system gives no more threads, fewer workers do the work.
void ThreadPool::start_workers(unsigned wanted) {
    while (workers_ < wanted) {
        try {
            std::thread([this] { worker_loop(); }).detach();
        } catch (const std::system_error&) {
            return;
        }
        ++workers_;
    }
}

void ThreadPool::worker_loop() {
    std::unique_lock lock(mutex_);
    for (;;) {
        wake_.wait(lock, [this] { return !works_.empty(); });
        Work& work = *works_.front();
        ++work.helpers_active;
        if (--work.helpers_wanted == 0) works_.pop_front();
        lock.unlock();
        inside_body = true;
        work.body(work.context);
        inside_body = false;
        lock.lock();
        if (--work.helpers_active == 0) work.done.notify_one();
    }
}

}  // namespace dcmturbo
