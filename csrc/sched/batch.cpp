// Distributes the frames of one call among workers, and catches the errors of each frame.
#include "sched/batch.h"

#include <algorithm>

#include "sched/thread_pool.h"

namespace dcmturbo {

namespace {

void run_team(void* team, std::size_t count, Context::TeamBody body, void* context) {
    auto& call = *static_cast<Call*>(team);
    ThreadPool::instance().run(count, call.threads, body, context, &call.interruption);
}

FrameFailure failure(FrameStatus status, ErrorCode code, std::uint64_t offset, const char* message) {
    return {.job = 0, .status = status, .code = code, .offset = offset, .message = message};
}

}  // namespace

FrameFailure caught_failure() noexcept {
    try {
        throw;
    } catch (const DecodeError& error) {
        const FrameStatus status = error.code == ErrorCode::missing_frame ? FrameStatus::missing : FrameStatus::failed;
        return failure(status, error.code, error.offset, error.message.c_str());
    } catch (const std::bad_alloc&) {
        return failure(FrameStatus::failed, ErrorCode::out_of_memory, no_offset, "out of memory");
    } catch (const std::exception& error) {
        return failure(FrameStatus::failed, ErrorCode::internal, no_offset, error.what());
    } catch (...) {
        return failure(FrameStatus::failed, ErrorCode::internal, no_offset, "an unknown exception");
    }
}

void attach(Context& context, Call& call, bool shares) {
    context.interruption = &call.interruption;
    if (!shares || call.threads < 2) return;
    context.team = &call;
    context.team_threads = call.threads;
    context.team_run = run_team;
}

std::vector<FrameFailure> Batch::run() {
    const auto workers = static_cast<unsigned>(std::min<std::size_t>(call_.threads, jobs_));
    // A single frame does not run in the pool, so its codec may use the pool as its team. With several frames, each
    // worker takes one frame after the other. Workers progress at different speeds, so frames are not assigned to them
    // in advance.
    if (workers <= 1) work_on();
    else
        ThreadPool::instance().run(
            workers, workers, [](void* self, std::size_t) { static_cast<Batch*>(self)->work_on(); }, this,
            &call_.interruption);
    if (call_.interruption.is_stopped()) Interruption::fail_interrupted();
    std::sort(failures_.begin(), failures_.end(),
              [](const FrameFailure& a, const FrameFailure& b) { return a.job < b.job; });
    return std::move(failures_);
}

void Batch::work_on() noexcept {
    std::optional<ScratchLoan> loan;
    for (;;) {
        if (call_.interruption.is_due_to_end()) return;
        const std::size_t job = next_.fetch_add(1, std::memory_order_relaxed);
        if (job >= jobs_) return;
        // Jobs below the lowest failure still run, because one of them may fail too.
        if (!continues_ && job > lowest_failure_.load(std::memory_order_relaxed)) return;
        FrameFailure outcome = guarded([&] {
            // The scratch memory is allocated here. If there is none, each job of this worker fails as with any other
            // error.
            if (!loan) loan.emplace(settings_.limits.max_scratch);
            Scratch& scratch = **loan;
            scratch.arena.reset();
            Context context{scratch.arena, settings_.isa, settings_.limits};
            attach(context, call_, jobs_ == 1);
            return work(job, scratch, context);
        });
        if (outcome.code == ErrorCode::interrupted) call_.interruption.stop();
        conclude(job, outcome);
        if (outcome.status != FrameStatus::ok) record(job, std::move(outcome));
    }
}

void Batch::record(std::size_t job, FrameFailure failure) noexcept {
    failure.job = job;
    const std::lock_guard lock(mutex_);
    failures_.push_back(std::move(failure));
    if (job < lowest_failure_.load(std::memory_order_relaxed)) lowest_failure_.store(job, std::memory_order_relaxed);
}

}  // namespace dcmturbo
