// Decodes many frames on many workers.
#include "sched/decode_frames.h"

#include <algorithm>
#include <atomic>
#include <optional>

#include "base/checked.h"
#include "image/pixel_writer.h"
#include "sched/decode_one.h"
#include "sched/frame_parts.h"
#include "sched/scratch.h"

namespace dcmturbo {

namespace {

// Decodes single frames of a batch.
class FrameDecoder {
  public:
    FrameDecoder(std::span<const FrameStream> streams, const DecodePolicy& policy, const Settings& settings)
        : streams_(streams), policy_(policy), settings_(settings) {}

    [[nodiscard]] const FrameStream& stream_of(const FrameJob& job) const { return streams_[job.stream]; }

    FrameFailure decode(const FrameJob& job, const FrameStream& stream, Scratch& scratch, Context& context) const {
        check_limits(stream.format, 1, settings_.limits, stream.request.region);
        if (job.source->span().empty()) {
            const Arena::Mark mark = scratch.arena.mark();
            if (std::optional<FrameFailure> done =
                    decode_part_of_frame(job, stream, policy_, settings_, scratch, context))
                return *done;
            scratch.arena.rewind(mark);
        }
        const Fragments fragments = load_frame(*job.source, *job.index, job.frame, scratch);
        return decode_one(fragments, stream, job.base, job.index->first_bit(job.frame), stream.syntax->encapsulated,
                          policy_, settings_, scratch, context);
    }

    // The samples of a frame with a step stay in scratch memory.
    FrameFailure decode_and_apply(FrameJob job, const FrameStep& step, Scratch& scratch, Context& context) const {
        std::byte* const to = job.base;
        const FrameStream& stream = stream_of(job);
        const FrameStream decoded = stream.contiguous();
        const Region& region = stream.request.region;
        const std::uint32_t rows = region.is_whole() ? stream.format.rows : region.height;
        const std::uint32_t columns = region.is_whole() ? stream.format.columns : region.width;
        const std::size_t count = std::size_t{columns} * stream.format.samples_per_pixel;
        const SampleType type = stream.format.type;
        job.base = context.arena.allocate(checked_multiply(checked_multiply(count, rows), sample_size(type)));
        const auto decode_job = [&] { return decode(job, decoded, scratch, context); };
        FrameFailure outcome = policy_.salvage ? guarded(decode_job) : decode_job();
        if (!has_pixels(outcome)) PixelWriter::fill(decoded.out(job.base), 0, policy_.fill_value);
        if (step.kind == FrameStep::Kind::function) {
            step.function(job.base, to, rows, columns, stream.format.samples_per_pixel);
            return outcome;
        }
        const std::uint64_t overlaps =
            apply_step(step, job.base, type, rows, count, to, stream.row_stride, context.isa);
        if (overlaps != 0 && stream.overlaps != nullptr)
            std::atomic_ref(*stream.overlaps).fetch_add(overlaps, std::memory_order_relaxed);
        return outcome;
    }

    static bool has_pixels(const FrameFailure& outcome) {
        return outcome.status == FrameStatus::ok || outcome.status == FrameStatus::partial;
    }

  private:
    std::span<const FrameStream> streams_;
    const DecodePolicy& policy_;
    const Settings& settings_;
};

class DecodeBatch final : public Batch {
  public:
    DecodeBatch(std::span<const FrameJob> jobs, const FrameDecoder& decoder, const DecodePolicy& policy,
                const Settings& settings, std::uint8_t* status)
        : Batch(jobs.size(), policy.threads, policy.salvage, settings),
          jobs_(jobs),
          decoder_(decoder),
          policy_(policy),
          status_(status) {}

  private:
    FrameFailure work(std::size_t i, Scratch& scratch, Context& context) override {
        const FrameJob& job = jobs_[i];
        const FrameStream& stream = decoder_.stream_of(job);
        if (stream.step.kind == FrameStep::Kind::none) return decoder_.decode(job, stream, scratch, context);
        return decoder_.decode_and_apply(job, stream.step, scratch, context);
    }

    void conclude(std::size_t i, const FrameFailure& outcome) noexcept override {
        if (status_ != nullptr) status_[i] = static_cast<std::uint8_t>(outcome.status);
        if (!policy_.salvage || FrameDecoder::has_pixels(outcome)) return;
        const FrameJob& job = jobs_[i];
        const FrameStream& stream = decoder_.stream_of(job);
        if (stream.step.kind == FrameStep::Kind::none) PixelWriter::fill(stream.out(job.base), 0, policy_.fill_value);
    }

    std::span<const FrameJob> jobs_;
    const FrameDecoder& decoder_;
    const DecodePolicy& policy_;
    std::uint8_t* status_;
};

// The first job of each place, and at last the number of jobs.
std::vector<std::size_t> places_of(std::span<const FrameJob> jobs) {
    std::vector<std::size_t> begins;
    for (std::size_t i = 0; i < jobs.size(); ++i)
        if (i == 0 || jobs[i].base != jobs[i - 1].base) begins.push_back(i);
    begins.push_back(jobs.size());
    return begins;
}

// Draws the frames of one place after the other, each place on one worker, while it is in the cache.
class LabelBatch final : public Batch {
  public:
    LabelBatch(std::span<const FrameJob> jobs, std::vector<std::size_t> begins, const FrameDecoder& decoder,
               const DecodePolicy& policy, const Settings& settings, std::uint8_t* status)
        : Batch(begins.size() - 1, policy.threads, false, settings),
          jobs_(jobs),
          begins_(std::move(begins)),
          current_(begins_),
          decoder_(decoder),
          status_(status) {}

    std::vector<FrameFailure> run_jobs() {
        std::vector<FrameFailure> failures = run();
        for (FrameFailure& failure : failures) failure.job = current_[failure.job];
        return failures;
    }

  private:
    FrameFailure work(std::size_t place, Scratch& scratch, Context& context) override {
        for (std::size_t& i = current_[place]; i < begins_[place + 1]; ++i) {
            scratch.arena.reset();
            FrameStep step = decoder_.stream_of(jobs_[i]).step;
            if (i == begins_[place]) step.over = FrameStep::Over::replace_all;
            FrameFailure outcome = decoder_.decode_and_apply(jobs_[i], step, scratch, context);
            if (outcome.status != FrameStatus::ok) return outcome;
        }
        return no_failure();
    }

    void conclude(std::size_t place, const FrameFailure& outcome) noexcept override {
        if (status_ != nullptr && outcome.status == FrameStatus::ok)
            std::fill(status_ + begins_[place], status_ + begins_[place + 1],
                      static_cast<std::uint8_t>(outcome.status));
    }

    std::span<const FrameJob> jobs_;
    const std::vector<std::size_t> begins_;
    std::vector<std::size_t> current_;  // the job of each place that is being done, or has failed
    const FrameDecoder& decoder_;
    std::uint8_t* status_;
};

}  // namespace

FrameStream FrameStream::contiguous() const {
    FrameStream stream = *this;
    stream.step = {};
    const std::uint32_t columns = request.region.is_whole() ? format.columns : request.region.width;
    stream.sample_stride = static_cast<std::ptrdiff_t>(sample_size(format.type));
    stream.pixel_stride = stream.sample_stride * static_cast<std::ptrdiff_t>(format.samples_per_pixel);
    stream.row_stride = stream.pixel_stride * static_cast<std::ptrdiff_t>(columns);
    return stream;
}

Fragments load_frame(const Source& source, const FrameIndex& index, std::uint64_t frame, Scratch& scratch) {
    index.frame(frame, scratch.ranges);
    scratch.spans.clear();
    if (const Bytes all = source.span(); !all.empty()) {
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
        const std::size_t read = source.read_at(range.offset, to + filled, static_cast<std::size_t>(range.size));
        filled += read;
        if (read < range.size) break;  // the source has become shorter, so the codec gets a truncated frame
    }
    scratch.spans.push_back({to, filled});
    return Fragments(scratch.spans);
}

void check_limits(const FrameFormat& format, std::uint64_t frames, const Limits& limits, const Region& region) {
    if (format.pixels() > limits.max_pixels) {
        fail(ErrorCode::limit, no_offset,
             "a frame has %u x %u pixels, but dt.config.limits.max_pixels (DCMTURBO_MAX_PIXELS) allows "
             "%llu",
             format.rows, format.columns, static_cast<unsigned long long>(limits.max_pixels));
    }
    FrameFormat result = format;
    if (!region.is_whole()) {
        result.rows = region.height;
        result.columns = region.width;
    }
    if (checked_multiply(result.frame_bytes(), frames) > limits.max_output) {
        fail(ErrorCode::limit, no_offset, "%llu frames need %llu bytes, but dt.config.limits.max_output allows %llu",
             static_cast<unsigned long long>(frames), static_cast<unsigned long long>(result.frame_bytes() * frames),
             static_cast<unsigned long long>(limits.max_output));
    }
}

void check_held(const FrameFormat& format, const TransferSyntax& syntax, std::uint64_t frames, std::uint64_t held) {
    constexpr std::uint64_t missing = 64;  // at least one of this many frames is assumed to be in the data
    const std::uint64_t bytes = checked_multiply(format.frame_bytes(), frames);
    if (bytes <= harmless_bytes) return;
    const std::uint64_t most = row_of(syntax.format).most_bytes_per_byte;
    if (most == 0 || held > bytes / (missing * most)) return;
    fail(ErrorCode::truncated, no_offset,
         "%llu frames of %u x %u pixels need %llu bytes, but the encoded data have only %llu: nothing "
         "was allocated",
         static_cast<unsigned long long>(frames), format.rows, format.columns, static_cast<unsigned long long>(bytes),
         static_cast<unsigned long long>(held));
}

std::vector<FrameFailure> decode_frames(std::span<const FrameJob> jobs, std::span<const FrameStream> streams,
                                        const DecodePolicy& policy, const Settings& settings, std::uint8_t* status) {
    const FrameDecoder decoder(streams, policy, settings);
    const bool draws = !streams.empty() && streams[0].step.kind == FrameStep::Kind::label;
    if (!draws) return DecodeBatch(jobs, decoder, policy, settings, status).run();
    return LabelBatch(jobs, places_of(jobs), decoder, policy, settings, status).run_jobs();
}

FrameFailure decode_fragments(const Fragments& fragments, const FrameStream& stream, std::byte* base,
                              const DecodePolicy& policy, const Settings& settings) {
    check_limits(stream.format, 1, settings.limits, stream.request.region);
    const ScratchLoan scratch(settings.limits.max_scratch);
    scratch->arena.reset();
    Context context{scratch->arena, settings.isa, settings.limits};
    Call call{.threads = policy.threads};
    attach(context, call, true);
    if (!policy.salvage) return decode_one(fragments, stream, base, 0, true, policy, settings, *scratch, context);
    FrameFailure failure =
        guarded([&] { return decode_one(fragments, stream, base, 0, true, policy, settings, *scratch, context); });
    if (failure.code == ErrorCode::interrupted || call.interruption.is_stopped()) Interruption::fail_interrupted();
    if (failure.status != FrameStatus::ok && failure.status != FrameStatus::partial)
        PixelWriter::fill(stream.out(base), 0, policy.fill_value);
    return failure;
}

}  // namespace dcmturbo
