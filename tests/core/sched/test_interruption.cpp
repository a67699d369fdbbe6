#include "base/interruption.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/error.h"
#include "sched/batch.h"
#include "sched/thread_pool.h"

using namespace dcmturbo;

namespace {

std::atomic<int> asked{0};
std::thread::id asker;

bool end_at_once() {
    ++asked;
    asker = std::this_thread::get_id();
    return true;
}

// Asks nobody again when it ends.
struct Asking {
    explicit Asking(Interruption::Ask ask) {
        asked = 0;
        Interruption::set_ask(ask);
    }
    ~Asking() { Interruption::set_ask(nullptr); }
};

// Jobs that take a while each.
class SlowBatch final : public Batch {
  public:
    SlowBatch(std::size_t jobs, unsigned threads, const Settings& settings) : Batch(jobs, threads, true, settings) {}
    std::atomic<std::size_t> done{0};
    std::atomic<std::size_t> failed{0};

  private:
    FrameFailure work(std::size_t, Scratch&, Context& context) override {
        context.parallel_for(1000, [](std::size_t) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); });
        ++done;
        return no_failure();
    }
    void conclude(std::size_t, const FrameFailure& outcome) noexcept override {
        if (outcome.status != FrameStatus::ok) ++failed;
    }
};

}  // namespace

TEST_CASE("interruption: a batch ends early, with any number of threads, and the pool is there for the next") {
    const Settings current = settings();
    for (const std::size_t jobs : {1, 20}) {
        for (const unsigned threads : {1u, 2u, 4u}) {
            SlowBatch batch(jobs, threads, current);
            const Asking asking(end_at_once);
            try {
                batch.run();
                FAIL("nothing was thrown");
            } catch (const DecodeError& error) {
                REQUIRE(error.code == ErrorCode::interrupted);
            }
            REQUIRE(asked == 1);
            REQUIRE(asker == std::this_thread::get_id());
            REQUIRE(batch.done == 0);
            REQUIRE(batch.failed <= threads);
        }
    }
    std::atomic<int> run{0};
    ThreadPool::instance().run(
        100, 4, [](void* context, std::size_t) { ++*static_cast<std::atomic<int>*>(context); }, &run);
    REQUIRE(run == 100);
}

TEST_CASE("interruption: the caller asks while it waits for others") {
    const Asking asking(end_at_once);
    Interruption interruption;
    struct State {
        std::thread::id caller;
        Interruption& interruption;
        std::atomic<bool> helped{false};
    } state{std::this_thread::get_id(), interruption};
    ThreadPool::instance().run(
        2, 2,
        [](void* context, std::size_t) {
            auto& inner = *static_cast<State*>(context);
            if (std::this_thread::get_id() == inner.caller) {
                while (!inner.helped) std::this_thread::yield();
                return;
            }
            inner.helped = true;
            while (!inner.interruption.is_due_to_end()) std::this_thread::yield();
        },
        &state, &interruption);
    REQUIRE(interruption.is_stopped());
}

TEST_CASE("interruption: nobody to ask, or nobody who wants to end") {
    for (const Interruption::Ask ask : {Interruption::Ask{nullptr}, Interruption::Ask{[] { return false; }}}) {
        const Asking asking(ask);
        Interruption interruption;
        std::this_thread::sleep_for(2 * Interruption::period);
        REQUIRE(!interruption.is_due_to_end());
        interruption.stop();
        REQUIRE(interruption.is_due_to_end());
    }
}
