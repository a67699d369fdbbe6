#include "sched/thread_pool.h"

#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace dcmturbo {

namespace {

// Set while a thread runs a body, so that a nested call stays serial.
thread_local bool inside_body = false;

constexpr unsigned most_workers = 1024;

}  // namespace

ThreadPool& ThreadPool::instance() {
    // On the heap for ever: destroying a pool at exit would wait for threads that the interpreter's
    // shutdown may have frozen. In a child of fork() the old one is abandoned, its mutex with it.
    static std::atomic<ThreadPool*> pool{nullptr};
    const pid_t self = getpid();
    ThreadPool* current = pool.load(std::memory_order_acquire);
    if (current != nullptr && current->owner_ == self) return *current;
    auto* fresh = new ThreadPool(self);
    if (pool.compare_exchange_strong(current, fresh, std::memory_order_acq_rel)) return *fresh;
    // Another thread was faster; this pool has no workers yet.
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
    const auto helpers = static_cast<unsigned>(std::min<std::size_t>({threads - 1, count - 1, most_workers}));
    {
        const std::lock_guard lock(mutex_);
        start_workers(helpers);
        task.helpers_wanted = helpers;
        tasks_.push_back(&task);
    }
    for (unsigned i = 0; i < helpers; ++i) wake_.notify_one();
    task.work();
    std::unique_lock lock(mutex_);
    std::erase(tasks_, &task);
    const auto is_done = [&task] { return task.helpers_active == 0; };
    if (interruption == nullptr) return task.done.wait(lock, is_done);
    while (!task.done.wait_for(lock, Interruption::period, is_done)) {
        // Asking may take Python's lock, which a helper may hold that wants this one.
        lock.unlock();
        (void)interruption->is_due_to_end();
        lock.lock();
    }
}

// Called with the mutex held. Where the system gives no thread, fewer workers do the same work.
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
        wake_.wait(lock, [this] { return !tasks_.empty(); });
        Task& task = *tasks_.front();
        ++task.helpers_active;
        if (--task.helpers_wanted == 0) tasks_.pop_front();
        lock.unlock();
        task.work();
        lock.lock();
        if (--task.helpers_active == 0) task.done.notify_one();
    }
}

}  // namespace dcmturbo
