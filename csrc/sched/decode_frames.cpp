#include "sched/decode_frames.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <optional>

#include "base/checked.h"
#include "image/pixel_writer.h"
#include "kernels/kernels.h"
#include "sched/decode_one.h"
#include "sched/scratch.h"
#include "sched/thread_pool.h"

namespace dcmturbo {

namespace {

void run_team(void* team, std::size_t count, Context::TeamBody body, void* context) {
    ThreadPool::instance().run(count, *static_cast<unsigned*>(team), body, context);
}

// The frame's bytes: in place where the source is in memory, else read into scratch in one piece.
Fragments load(const FrameJob& job, Scratch& scratch) {
    job.index->frame(job.frame, scratch.ranges);
    scratch.spans.clear();
    if (const Bytes all = job.source->span(); !all.empty()) {
        for (const FragmentRange& range : scratch.ranges)
            scratch.spans.push_back(
                all.subspan(static_cast<std::size_t>(range.offset), static_cast<std::size_t>(range.size)));
        return Fragments(scratch.spans);
    }
    std::uint64_t total = 0;
    for (const FragmentRange& range : scratch.ranges) total = checked_add(total, range.size);
    std::byte* to = scratch.arena.allocate(static_cast<std::size_t>(total));
    std::size_t filled = 0;
    for (const FragmentRange& range : scratch.ranges) {
        const std::size_t read = job.source->read_at(range.offset, to + filled, static_cast<std::size_t>(range.size));
        filled += read;
        if (read < range.size) break;  // the source has become shorter: the codec sees a truncated frame
    }
    scratch.spans.push_back({to, filled});
    return Fragments(scratch.spans);
}

FrameFailure failure_of(const DecodeError& error) {
    return {.job = 0,
            .status = error.code == ErrorCode::missing_frame ? FrameStatus::missing : FrameStatus::failed,
            .code = error.code,
            .offset = error.offset,
            .message = error.message};
}

// The one place that catches: a worker lets nothing out.
template <typename Work>
FrameFailure guarded(const Work& work) noexcept {
    try {
        return work();
    } catch (const DecodeError& error) {
        return failure_of(error);
    } catch (const std::bad_alloc&) {
        return {.job = 0, .status = FrameStatus::failed, .code = ErrorCode::out_of_memory, .message = "out of memory"};
    } catch (const std::exception& error) {
        return {.job = 0, .status = FrameStatus::failed, .code = ErrorCode::internal, .message = error.what()};
    } catch (...) {
        return {
            .job = 0, .status = FrameStatus::failed, .code = ErrorCode::internal, .message = "an unknown exception"};
    }
}

class Batch {
  public:
    Batch(std::span<const FrameJob> jobs, std::span<const FrameStream> streams, const DecodePolicy& policy,
          const Settings& settings, std::uint8_t* status)
        : jobs_(jobs),
          streams_(streams),
          policy_(policy),
          settings_(settings),
          kernels_(kernels_for(settings.isa)),
          status_(status) {}

    std::vector<FrameFailure> run() {
        const auto workers = static_cast<unsigned>(std::min<std::size_t>(policy_.threads, jobs_.size()));
        // A single frame runs outside the pool, so that its codec may use the pool as its team.
        // Otherwise each worker takes job after job: a frame is small against how far threads drift apart.
        if (workers <= 1) work();
        else
            ThreadPool::instance().run(
                workers, workers, [](void* self, std::size_t) { static_cast<Batch*>(self)->work(); }, this);
        std::sort(failures_.begin(), failures_.end(),
                  [](const FrameFailure& a, const FrameFailure& b) { return a.job < b.job; });
        return std::move(failures_);
    }

  private:
    void work() noexcept {
        std::optional<ScratchLoan> loan;
        for (;;) {
            const std::size_t job = next_.fetch_add(1, std::memory_order_relaxed);
            if (job >= jobs_.size()) return;
            // Jobs below the lowest failure still run: one of them may be lower yet.
            if (!policy_.salvage && job > lowest_failure_.load(std::memory_order_relaxed)) return;
            decode(job, loan);
        }
    }

    void decode(std::size_t i, std::optional<ScratchLoan>& loan) noexcept {
        const FrameJob& job = jobs_[i];
        const FrameStream& stream = streams_[job.stream];
        FrameFailure failure = guarded([&]() -> FrameFailure {
            // Here, so that a worker for which there is no memory fails job by job, as any other failure is told.
            if (!loan) loan.emplace(settings_.limits.max_scratch);
            Scratch& scratch = **loan;
            scratch.arena.reset();
            Context context{scratch.arena, kernels_, settings_.limits};
            unsigned team = policy_.threads;
            if (jobs_.size() == 1) give_team(context, team);
            check_limits(stream.format, 1, settings_.limits);
            const Fragments fragments = load(job, scratch);
            return decode_one(fragments, stream, job.base, job.index->first_bit(job.frame), stream.syntax->encapsulated,
                              policy_, settings_, scratch, context);
        });
        if (status_ != nullptr) status_[i] = static_cast<std::uint8_t>(failure.status);
        if (failure.status == FrameStatus::ok) return;
        if (policy_.salvage && failure.status != FrameStatus::partial)
            PixelWriter::fill(stream.out(job.base), 0, policy_.fill_value);
        record(i, std::move(failure));
    }

    void record(std::size_t job, FrameFailure failure) noexcept {
        failure.job = job;
        const std::lock_guard lock(mutex_);
        failures_.push_back(std::move(failure));
        if (job < lowest_failure_.load(std::memory_order_relaxed))
            lowest_failure_.store(job, std::memory_order_relaxed);
    }

    std::span<const FrameJob> jobs_;
    std::span<const FrameStream> streams_;
    const DecodePolicy& policy_;
    const Settings& settings_;
    const Kernels& kernels_;
    std::uint8_t* status_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::size_t> lowest_failure_{~std::size_t{0}};
    std::mutex mutex_;
    std::vector<FrameFailure> failures_;
};

}  // namespace

void give_team(Context& context, unsigned& threads) {
    if (threads < 2) return;
    context.team = &threads;
    context.team_run = run_team;
}

void check_limits(const FrameFormat& format, std::uint64_t frames, const Limits& limits) {
    if (format.pixels() > limits.max_pixels) {
        fail(ErrorCode::limit, no_offset,
             "a frame of %u x %u pixels; dt.config.limits.max_pixels (DCMTURBO_MAX_PIXELS) allows %llu", format.rows,
             format.columns, static_cast<unsigned long long>(limits.max_pixels));
    }
    if (checked_multiply(format.frame_bytes(), frames) > limits.max_output) {
        fail(ErrorCode::limit, no_offset, "%llu frames need %llu bytes; dt.config.limits.max_output allows %llu",
             static_cast<unsigned long long>(frames), static_cast<unsigned long long>(format.frame_bytes() * frames),
             static_cast<unsigned long long>(limits.max_output));
    }
}

void check_held(const FrameFormat& format, const TransferSyntax& syntax, std::uint64_t frames, std::uint64_t held) {
    constexpr std::uint64_t missing = 64;  // of so many frames, one at least is there
    const std::uint64_t bytes = checked_multiply(format.frame_bytes(), frames);
    if (bytes <= harmless_bytes) return;
    // How many bytes one encoded byte gives at most, where that is known: single bits come out as bytes, two bytes of
    // PackBits give 128 (PS3.5 G.3.1), a block of 64 samples of JPEG takes a bit at least (T.81), and deflate's longest
    // match of 258 bytes two (RFC 1951).
    std::uint64_t most = 0;
    if (syntax.family == Family::native) most = 8;
    if (syntax.family == Family::rle) most = 64 * 8;
    if (syntax.family == Family::jpeg) most = 64 * 8 * 2;
    if (syntax.family == Family::deflated_frame) most = 258 * 4 * 8;
    if (most == 0 || held > bytes / (missing * most)) return;
    fail(ErrorCode::truncated, no_offset,
         "%llu frames of %u x %u pixels need %llu bytes, but there are only %llu encoded ones: nothing was allocated",
         static_cast<unsigned long long>(frames), format.rows, format.columns, static_cast<unsigned long long>(bytes),
         static_cast<unsigned long long>(held));
}

std::vector<FrameFailure> decode_frames(std::span<const FrameJob> jobs, std::span<const FrameStream> streams,
                                        const DecodePolicy& policy, const Settings& settings, std::uint8_t* status) {
    return Batch(jobs, streams, policy, settings, status).run();
}

FrameFailure decode_fragments(const Fragments& fragments, const FrameStream& stream, std::byte* base,
                              const DecodePolicy& policy, const Settings& settings) {
    check_limits(stream.format, 1, settings.limits);
    const ScratchLoan scratch(settings.limits.max_scratch);
    scratch->arena.reset();
    Context context{scratch->arena, kernels_for(settings.isa), settings.limits};
    unsigned team = policy.threads;
    give_team(context, team);
    if (!policy.salvage) return decode_one(fragments, stream, base, 0, true, policy, settings, *scratch, context);
    FrameFailure failure =
        guarded([&] { return decode_one(fragments, stream, base, 0, true, policy, settings, *scratch, context); });
    if (failure.status != FrameStatus::ok && failure.status != FrameStatus::partial)
        PixelWriter::fill(stream.out(base), 0, policy.fill_value);
    return failure;
}

}  // namespace dcmturbo
