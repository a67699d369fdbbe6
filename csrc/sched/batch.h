// The frames of one call as jobs, which several workers share; and what went wrong with each.
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
};

inline FrameFailure no_failure() { return {.job = 0, .status = FrameStatus::ok, .code = ErrorCode::ok, .message = {}}; }

// What is being thrown, as a failure. Within a catch clause.
FrameFailure caught_failure() noexcept;

// The only place that catches exceptions of a worker.
template <typename Work>
FrameFailure guarded(const Work& work) noexcept {
    try {
        return work();
    } catch (...) {
        return caught_failure();
    }
}

// Of one call: how many threads it may use, and whether it is to end early.
struct Call {
    unsigned threads = 1;
    Interruption interruption{};
};

// Lets a codec ask whether the call is to end; and, with `shares`, use its threads if they are more than one. The call
// outlives the context.
void attach(Context& context, Call& call, bool shares);

class Batch {
  public:
    // `continues`: also after a failure. Otherwise no job above the lowest that has failed is begun.
    Batch(std::size_t jobs, unsigned threads, bool continues, const Settings& settings)
        : jobs_(jobs), call_{.threads = threads}, continues_(continues), settings_(settings) {}
    virtual ~Batch() = default;

    // Does all jobs, unless it is interrupted: then it throws DecodeError(interrupted). Returns what went wrong, in the
    // order of the jobs. Unless it continues only the first entry is certain to be there, and it is the lowest job that
    // fails, whatever the number of threads.
    std::vector<FrameFailure> run();

  protected:
    // Does one job. May throw.
    virtual FrameFailure work(std::size_t job, Scratch& scratch, Context& context) = 0;
    // Hears how each job went.
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
