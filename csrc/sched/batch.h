// The frames of one call as jobs that several workers share, and the failure of each job.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "process/settings.h"
#include "sched/scratch.h"

namespace dcmturbo {

enum class FrameStatus : std::uint8_t { ok = 0, partial = 1, missing = 2, failed = 3 };

struct FrameFailure {
    std::size_t job = 0;
    FrameStatus status = FrameStatus::failed;
    ErrorCode code = ErrorCode::internal;
    std::uint64_t offset = no_offset;
    std::string message;
    Whole whole{};
};

inline FrameFailure no_failure() { return {.job = 0, .status = FrameStatus::ok, .code = ErrorCode::ok, .message = {}}; }

// Converts the current exception into a failure. Call it only in a catch clause.
FrameFailure caught_failure() noexcept;

// Only this function catches exceptions of a worker.
template <typename Work>
FrameFailure guarded(const Work& work) noexcept {
    try {
        return work();
    } catch (...) {
        return caught_failure();
    }
}

// The state of one call: how many threads it may use, and whether it is to end early.
struct Call {
    unsigned threads = 1;
    Interruption interruption{};
};

// Lets a codec check whether the call is to end. With `shares`, it may also use the threads of the call if there are
// several. The call must outlive the context.
void attach(Context& context, Call& call, bool shares);

class Batch {
  public:
    // With `continues`, all jobs run even if some fail. Otherwise no job above the lowest failed one is started.
    Batch(std::size_t jobs, unsigned threads, bool continues, const Settings& settings)
        : jobs_(jobs), call_{.threads = threads}, continues_(continues), settings_(settings) {}
    virtual ~Batch() = default;

    // Runs all jobs and returns the failures in the order of the jobs. Throws DecodeError(interrupted) if the call is
    // interrupted. Without `continues`, only the first failure is certain to be in the result. It belongs to the lowest
    // job that fails, whatever the number of threads.
    std::vector<FrameFailure> run();

  protected:
    // Runs one job. May throw.
    virtual FrameFailure work(std::size_t job, Scratch& scratch, Context& context) = 0;
    // Receives the outcome of each job.
    virtual void conclude(std::size_t job, const FrameFailure& outcome) noexcept = 0;

  private:
    void work_on() noexcept;
    void record(std::size_t job, FrameFailure failure) noexcept;

    const std::size_t jobs_;
    Call call_;
    const bool continues_;
    const Settings& settings_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> lowest_failure_{~std::size_t{0}};
    std::mutex mutex_;
    std::vector<FrameFailure> failures_;
};

}  // namespace dcmturbo
