#include "sched/thread_pool.h"

#include <doctest/doctest.h>
#if !defined(_WIN32)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

using namespace dcmturbo;

namespace {

// Runs body(i) for every i below count; what pool.run() takes, from a callable.
template <typename Body>
void run(std::size_t count, unsigned threads, Body body) {
    ThreadPool::instance().run(
        count, threads, [](void* context, std::size_t i) { (*static_cast<Body*>(context))(i); }, &body);
}

}  // namespace

TEST_CASE("thread pool: every index once, whatever the numbers") {
    for (const unsigned threads : {1u, 2u, 3u, 8u}) {
        for (const std::size_t count : {0, 1, 2, 7, 1000}) {
            std::vector<std::atomic<int>> seen(count);
            run(count, threads, [&](std::size_t i) { ++seen[i]; });
            for (const auto& times : seen) REQUIRE(times == 1);
        }
    }
}

TEST_CASE("thread pool: one thread is the caller") {
    const auto caller = std::this_thread::get_id();
    run(100, 1, [&](std::size_t) { REQUIRE(std::this_thread::get_id() == caller); });
}

TEST_CASE("thread pool: a body that calls it again runs there alone") {
    std::atomic<int> sum{0};
    run(8, 4, [&](std::size_t) {
        const auto here = std::this_thread::get_id();
        run(5, 4, [&](std::size_t) {
            if (std::this_thread::get_id() == here) ++sum;
        });
    });
    CHECK(sum == 40);
}

TEST_CASE("thread pool: several callers at once, each gets all of its own") {
    std::vector<std::thread> callers;
    std::vector<std::size_t> sums(6);
    for (std::size_t c = 0; c < sums.size(); ++c) {
        callers.emplace_back([&, c] {
            std::vector<std::size_t> parts(500);
            run(parts.size(), 3, [&](std::size_t i) { parts[i] = i * (c + 1); });
            sums[c] = std::accumulate(parts.begin(), parts.end(), std::size_t{0});
        });
    }
    for (std::thread& caller : callers) caller.join();
    for (std::size_t c = 0; c < sums.size(); ++c) CHECK(sums[c] == (c + 1) * 500 * 499 / 2);
}

// Windows has no fork. ThreadSanitizer does not support threads in a forked child.
#if !defined(_WIN32) && !defined(__SANITIZE_THREAD__)
TEST_CASE("thread pool: a forked child has one of its own") {
    run(4, 2, [](std::size_t) {});  // the parent's threads are there
    const pid_t child = fork();
    if (child == 0) {
        std::atomic<int> count{0};
        run(100, 2, [&](std::size_t) { ++count; });
        _exit(count == 100 ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
#endif
