// Transcodes the frames of one object: decodes, encodes, decodes again and compares.
#include "sched/transcode_frames.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "codecs/formats.h"
#include "codecs/library.h"
#include "image/pixel_writer.h"
#include "sched/decode_one.h"

namespace dcmturbo {

namespace {

// Calls work(cell), where cell is a null pointer to the type of a cell.
template <typename Work>
auto with_cells(SampleType type, const Work& work) {
    switch (type) {
        case SampleType::u8: return work(static_cast<const std::uint8_t*>(nullptr));
        case SampleType::i8: return work(static_cast<const std::int8_t*>(nullptr));
        case SampleType::u16: return work(static_cast<const std::uint16_t*>(nullptr));
        case SampleType::i16: return work(static_cast<const std::int16_t*>(nullptr));
        case SampleType::u32: return work(static_cast<const std::uint32_t*>(nullptr));
        case SampleType::i32: return work(static_cast<const std::int32_t*>(nullptr));
        case SampleType::u64: return work(static_cast<const std::uint64_t*>(nullptr));
        case SampleType::i64: return work(static_cast<const std::int64_t*>(nullptr));
        case SampleType::f32: return work(static_cast<const float*>(nullptr));
        default: return work(static_cast<const double*>(nullptr));
    }
}

FrameDifference difference(const std::byte* before, const std::byte* after, const FrameFormat& format) {
    return with_cells(format.type, [&](auto* cell) {
        using Cell = std::remove_const_t<std::remove_pointer_t<decltype(cell)>>;
        const auto* a = reinterpret_cast<const Cell*>(before);
        const auto* b = reinterpret_cast<const Cell*>(after);
        FrameDifference sum;
        sum.samples = format.pixels() * format.samples_per_pixel;
        const std::uint64_t row = std::uint64_t{format.columns} * format.samples_per_pixel;
        for (std::uint64_t begin = 0; begin < sum.samples; begin += row) {
            // Each row has its own sum, which is added to the total. Sums of fewer numbers have smaller rounding
            // errors.
            double total = 0;
            double squares = 0;
            double maximum = 0;
            for (std::uint64_t i = begin; i < begin + row; ++i) {
                const double delta = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
                maximum = std::max(maximum, delta);
                total += delta;
                squares += delta * delta;
            }
            sum.maximum = std::max(sum.maximum, maximum);
            sum.total += total;
            sum.squares += squares;
        }
        return sum;
    });
}

// The number of bits that the samples need. For a signed type this is their length in two's complement.
unsigned bits_of(const std::byte* cells, const FrameFormat& format) {
    const std::uint64_t count = format.pixels() * format.samples_per_pixel;
    return with_cells(format.type, [&](auto* cell) -> unsigned {
        using Cell = std::remove_const_t<std::remove_pointer_t<decltype(cell)>>;
        if constexpr (std::is_integral_v<Cell>) {
            const auto* values = reinterpret_cast<const Cell*>(cells);
            std::make_unsigned_t<Cell> used = 0;
            // The complement of a negative number needs the same number of bits, without the sign.
            for (std::uint64_t i = 0; i < count; ++i)
                used |= static_cast<std::make_unsigned_t<Cell>>(values[i] < Cell{0} ? ~values[i] : values[i]);
            const auto bits = static_cast<unsigned>(std::bit_width(used)) + (std::is_signed_v<Cell> ? 1u : 0u);
            return std::max(1u, bits);
        } else {
            return 8 * sizeof(Cell);
        }
    });
}

void mask(std::byte* cells, const FrameFormat& format, unsigned bits_stored) {
    const std::uint64_t count = format.pixels() * format.samples_per_pixel;
    with_cells(format.type, [&](auto* cell) {
        using Cell = std::remove_const_t<std::remove_pointer_t<decltype(cell)>>;
        if constexpr (std::is_integral_v<Cell>) {
            if (bits_stored >= 8 * sizeof(Cell)) return;
            const auto spare = static_cast<unsigned>(8 * sizeof(Cell) - bits_stored);
            auto* const values = reinterpret_cast<Cell*>(cells);
            for (std::uint64_t i = 0; i < count; ++i) {
                const auto raised = static_cast<std::make_unsigned_t<Cell>>(values[i]) << spare;
                values[i] = static_cast<Cell>(static_cast<Cell>(raised) >> spare);
            }
        }
    });
}

// Treats YBR_FULL_422 as YBR_FULL, because subsampling does not change the meaning of the colours.
Photometric colours(Photometric photometric) {
    return photometric == Photometric::ybr_full_422 ? Photometric::ybr_full : photometric;
}

// The format that a reader gets for a frame by default.
struct Reading {
    FrameFormat format;
    bool is_raw = false;
};

// Transcodes one frame. If an exception is thrown, stage_ says at which stage.
class Passage {
  public:
    Passage(const TranscodePlan& plan, const Settings& settings, std::uint64_t number, TranscodedFrame& frame,
            Scratch& scratch, Context& context)
        : plan_(plan), settings_(settings), number_(number), frame_(frame), scratch_(scratch), context_(context) {
        policy_.threads = plan.threads;
    }

    TranscodeStage run() {
        if (plan_.action == TranscodePlan::Action::copy) return copy();
        if (plan_.action == TranscodePlan::Action::encode && !plan_.masks && !plan_.loses) {
            recoding_.codec = plan_.target.codec;
            recoding_.options = &plan_.target.options;
            recoding_.attributes = plan_.result.attributes;
            policy_.recoding = &recoding_;
        }
        decode();
        policy_.recoding = nullptr;
        if (plan_.photometric != Photometric::unknown && number_ > 0 &&
            colours(frame_.photometric) != plan_.photometric)
            return TranscodeStage::photometric;
        const FrameFormat& format = plan_.stream.format;
        if (plan_.masks) mask(frame_.cells.data(), format, plan_.stream.attributes.bits_stored);
        if (plan_.measures_bits || (plan_.most_bits != 0 && !plan_.masks)) {
            frame_.bits = bits_of(frame_.cells.data(), format);
            if (plan_.most_bits != 0 && frame_.bits > plan_.most_bits) return TranscodeStage::bits;
        }
        if (plan_.action == TranscodePlan::Action::decode) {
            const bool compares = plan_.verifies && plan_.result.syntax != nullptr;
            return !compares || is_read_alike(frame_.cells.data()) ? TranscodeStage::done : TranscodeStage::reading;
        }
        stage_ = TranscodeStage::encoding;
        frame_.is_recoded = recoding_.is_done;
        if (recoding_.is_done) {
            frame_.encoded = FrameBlock(
                Bytes(reinterpret_cast<const std::byte*>(recoding_.codestream.data()), recoding_.codestream.size()));
        } else {
            frame_.asked = frame_.cells.data();
            const FrameOut cells = plan_.stream.out(frame_.cells.data());
            frame_.encoded = FrameBlock(encode_one(
                {cells.base, cells.row_stride, cells.pixel_stride, cells.sample_stride, plan_.result.attributes},
                plan_.target, context_));
        }
        context_.arena.reset();
        if (!plan_.verifies) return TranscodeStage::done;
        return verify();
    }
    [[nodiscard]] TranscodeStage stage() const { return stage_; }

  private:
    void decode() {
        stage_ = TranscodeStage::source;
        const FrameStream& stream = plan_.stream;
        check_limits(stream.format, 1, settings_.limits);
        const Fragments fragments = load_frame(*plan_.source, *plan_.index, number_, scratch_);
        decode_cells(fragments);
        context_.arena.reset();
    }

    void decode_cells(const Fragments& fragments) {
        const FrameStream& stream = plan_.stream;
        frame_.cells = FrameBlock(static_cast<std::size_t>(stream.format.frame_bytes()));
        FrameFormat settled = stream.format;
        decode_one(fragments, stream, frame_.cells.data(), plan_.index->first_bit(number_), stream.syntax->encapsulated,
                   policy_, settings_, scratch_, context_, &settled);
        frame_.photometric =
            settled.photometric == Photometric::unknown ? stream.attributes.photometric : settled.photometric;
        if (plan_.compares_readings) before_ = reading_of(stream, false);
    }

    // Call it right after the frame was decoded, because it uses the header that is then in the scratch memory. YBR
    // with more than 8 bits can be read only raw.
    Reading reading_of(const FrameStream& stream, bool is_raw) const {
        const bool has_header = row_of(stream.syntax->format).has_header;
        const Header* const header = has_header ? &scratch_.header : nullptr;
        if (is_raw) return {frame_format(stream.attributes, header, *stream.syntax, {.raw = true}).format, true};
        try {
            return {frame_format(stream.attributes, header, *stream.syntax, {}).format, false};
        } catch (const DecodeError&) {
            return reading_of(stream, true);
        }
    }

    TranscodeStage copy() {
        stage_ = TranscodeStage::source;
        const Fragments fragments = load_frame(*plan_.source, *plan_.index, number_, scratch_);
        const Bytes data = fragments.contiguous(context_.arena);
        stage_ = TranscodeStage::encoding;
        FrameIn bytes;
        bytes.base = data.data();
        frame_.asked = data.data();
        bytes.row_stride = static_cast<std::ptrdiff_t>(data.size());
        bytes.pixel_stride = 1;
        bytes.attributes.rows = 1;
        bytes.attributes.columns = static_cast<std::uint32_t>(data.size());
        bytes.attributes.bits_allocated = bytes.attributes.bits_stored = 8;
        if (data.size() > 0xffffffff) fail(ErrorCode::limit, no_offset, "a frame of more than 4 GiB cannot be copied");
        frame_.encoded = FrameBlock(library_codec.encode_unbounded(bytes, plan_.target.options, context_));
        if (!plan_.decodes) return TranscodeStage::done;
        stage_ = TranscodeStage::source;
        check_limits(plan_.stream.format, 1, settings_.limits);
        decode_cells(Fragments(data));
        context_.arena.reset();
        return verify();
    }

    TranscodeStage verify() {
        stage_ = TranscodeStage::result;
        const FrameStream& result = plan_.result;
        const Bytes data{frame_.encoded.data(), frame_.encoded.size()};
        std::byte* const after = context_.arena.allocate(static_cast<std::size_t>(result.format.frame_bytes()));
        decode_one(Fragments(data), result, after, 0, true, policy_, settings_, scratch_, context_);
        if (plan_.loses) {
            frame_.difference = difference(frame_.cells.data(), after, result.format);
            return TranscodeStage::done;
        }
        const bool is_same = result.format.type == plan_.stream.format.type &&
                             result.format.frame_bytes() == frame_.cells.size() &&
                             std::memcmp(frame_.cells.data(), after, frame_.cells.size()) == 0;
        if (!is_same) return TranscodeStage::cells;
        return is_read_alike(after) ? TranscodeStage::done : TranscodeStage::reading;
    }

    // Whether a reader gets the same pixels from the result. Its cells are known to be the same.
    bool is_read_alike(std::byte* after) {
        if (!plan_.compares_readings) return true;
        const FrameFormat& from = before_.format;
        const FrameFormat to = reading_of(plan_.result, before_.is_raw).format;
        if (from.significant_bits == to.significant_bits && from.colour == to.colour && from.type == to.type)
            return true;
        const std::byte* const before_finished = finished(frame_.cells.data(), from);
        const std::byte* const after_finished = finished(after, to);
        return from.type == to.type && std::memcmp(before_finished, after_finished, frame_.cells.size()) == 0;
    }

    const std::byte* finished(std::byte* cells, const FrameFormat& format) {
        FrameOut from = plan_.stream.out(cells);
        from.format = format;
        FrameOut to = from;
        to.base = context_.arena.allocate(frame_.cells.size());
        PixelWriter(to, context_.isa).convert(from, format.pixels(), false, context_.arena);
        return to.base;
    }

    const TranscodePlan& plan_;
    const Settings& settings_;
    const std::uint64_t number_;
    TranscodedFrame& frame_;
    Scratch& scratch_;
    Context& context_;
    DecodePolicy policy_;
    Recoding recoding_;
    TranscodeStage stage_ = TranscodeStage::source;
    Reading before_;
};

}  // namespace

TranscodeFrames::TranscodeFrames(TranscodePlan plan, const Settings& settings)
    : plan_(std::move(plan)), settings_(settings), call_{.threads = plan_.threads} {
    plan_.stream.notes = &source_notes_;
    plan_.result.notes = &result_notes_;
    // Each thread has a slot to work on while the caller takes a finished one.
    slots_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(plan_.frames, std::uint64_t{plan_.threads} + 1)));
    helpers_.context = this;
    helpers_.body = [](void* self) {
        auto& all = *static_cast<TranscodeFrames*>(self);
        for (std::uint64_t frame = 0; all.take(frame);) all.work_on(frame);
    };
}

TranscodeFrames::~TranscodeFrames() {
    call_.interruption.stop();
    ThreadPool::instance().dismiss(helpers_);
}

bool TranscodeFrames::take(std::uint64_t& frame) {
    const std::lock_guard lock(mutex_);
    if (call_.interruption.is_stopped() || taken_ >= plan_.frames || taken_ >= given_ + slots_.size()) return false;
    frame = taken_++;
    return true;
}

void TranscodeFrames::work_on(std::uint64_t number) noexcept {
    TranscodedFrame frame;
    frame.failure = guarded([&]() -> FrameFailure {
        const ScratchLoan loan(settings_.limits.max_scratch);
        loan->arena.reset();
        Context context{loan->arena, settings_.isa, settings_.limits};
        attach(context, call_, plan_.frames == 1);
        Passage passage(plan_, settings_, number, frame, *loan, context);
        try {
            frame.stage = passage.run();
        } catch (...) {
            frame.stage = passage.stage();
            return caught_failure();
        }
        return no_failure();
    });
    // The frame has not been started, because there is no scratch memory.
    if (frame.stage == TranscodeStage::done && frame.failure.status != FrameStatus::ok)
        frame.stage = TranscodeStage::source;
    if (frame.failure.code == ErrorCode::interrupted) call_.interruption.stop();
    {
        const std::lock_guard lock(mutex_);
        Slot& slot = slots_[static_cast<std::size_t>(number % slots_.size())];
        slot.frame = std::move(frame);
        slot.is_done = true;
    }
    done_.notify_one();
}

// Calls as many helpers as there are frames to take.
void TranscodeFrames::call_helpers() {
    if (plan_.threads < 2 || plan_.frames < 2) return;
    std::uint64_t left = 0;
    {
        const std::lock_guard lock(mutex_);
        left = std::min(plan_.frames, given_ + slots_.size()) - taken_;
    }
    if (left > 0)
        ThreadPool::instance().call(helpers_, static_cast<unsigned>(std::min<std::uint64_t>(plan_.threads - 1, left)));
}

bool TranscodeFrames::next(TranscodedFrame& frame) {
    if (given_ >= plan_.frames) return false;
    call_helpers();
    std::unique_lock lock(mutex_);
    Slot& slot = slots_[static_cast<std::size_t>(given_ % slots_.size())];
    while (!slot.is_done) {
        lock.unlock();
        std::uint64_t mine = 0;
        if (call_.interruption.is_due_to_end()) Interruption::fail_interrupted();
        if (take(mine)) work_on(mine);
        lock.lock();
        if (!slot.is_done) done_.wait_for(lock, Interruption::period);
    }
    if (call_.interruption.is_stopped()) Interruption::fail_interrupted();
    frame = std::move(slot.frame);
    slot.frame = {};
    slot.is_done = false;
    ++given_;
    lock.unlock();
    call_helpers();
    return true;
}

}  // namespace dcmturbo
