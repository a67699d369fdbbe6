#include "sched/frame_parts.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "sched/decode_one.h"

namespace dcmturbo {

namespace {

// What is read first of a frame.
constexpr std::size_t first_read = std::size_t{48} << 10;
// Frames of a file up to this size are read whole: that costs no more than to find what is needed.
constexpr std::uint64_t small_frame = std::uint64_t{256} << 10;
// Pieces that are nearer to each other are one request: more bytes cost less than more requests.
constexpr std::uint64_t least_gap = std::uint64_t{32} << 10;

class PartlyReadFrame final : public FrameReader {
  public:
    PartlyReadFrame(const Source& source, const FragmentRange& range, Arena& arena, Context& context)
        : source_(source), range_(range), arena_(arena), context_(context) {}

    Bytes first(std::size_t size) override {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(std::max(size, first_read), range_.size));
        if (wanted > first_.size()) {
            std::byte* const to = arena_.allocate(wanted);
            if (!first_.empty()) std::memcpy(to, first_.data(), first_.size());
            const std::size_t held = first_.size();
            first_ = {to, held + source_.read_at(range_.offset + held, to + held, wanted - held)};
        }
        return first_;
    }

    bool read(std::span<const Piece> pieces) override {
        std::vector<const Piece*> far;
        for (const Piece& piece : pieces) {
            if (piece.offset > range_.size || piece.size > range_.size - piece.offset) return false;
            if (piece.offset + piece.size <= first_.size()) {
                if (piece.size > 0) std::memcpy(piece.to, first_.data() + piece.offset, piece.size);
            } else {
                far.push_back(&piece);
            }
        }
        std::sort(far.begin(), far.end(), [](const Piece* a, const Piece* b) { return a->offset < b->offset; });
        std::vector<Request> requests;
        for (const Piece* piece : far) {
            const std::uint64_t end = piece->offset + piece->size;
            if (requests.empty() || piece->offset > requests.back().end + least_gap)
                requests.push_back({piece->offset, end, nullptr, {}});
            requests.back().end = std::max(requests.back().end, end);
            requests.back().pieces.push_back(piece);
        }
        for (Request& request : requests) {
            if (request.pieces.size() > 1) request.joined = arena_.allocate(request.size());
        }
        std::atomic<bool> is_short{false};
        context_.parallel_for(requests.size(), [&](std::size_t i) {
            if (!send(requests[i])) is_short.store(true, std::memory_order_relaxed);
        });
        return !is_short.load(std::memory_order_relaxed);
    }

    [[nodiscard]] bool is_near() const override { return !source_.is_far(); }

  private:
    struct Request {
        std::uint64_t begin;
        std::uint64_t end;
        std::byte* joined;  // for several pieces
        std::vector<const Piece*> pieces;

        [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(end - begin); }
    };

    [[nodiscard]] bool send(const Request& request) const {
        std::byte* const to = request.joined != nullptr ? request.joined : request.pieces.front()->to;
        if (source_.read_at(range_.offset + request.begin, to, request.size()) < request.size()) return false;
        if (request.joined == nullptr) return true;
        for (const Piece* piece : request.pieces)
            std::memcpy(piece->to, to + (piece->offset - request.begin), piece->size);
        return true;
    }

    const Source& source_;
    FragmentRange range_;
    Arena& arena_;
    Context& context_;
    Bytes first_;
};

// How much to read where nothing states it: the share that a lower resolution has of the samples, and some more.
std::uint64_t likely_prefix(std::uint64_t held, std::uint64_t size, unsigned reduce) {
    const std::uint64_t share = reduce < 16 ? size >> (2 * reduce) : 0;
    return std::max(held + held / 2, share + share / 4);
}

// Decodes a lower resolution from as many bytes, from the first, as that needs.
std::optional<FrameFailure> decode_prefix(const Codec& codec, PartlyReadFrame& reader, const FragmentRange& range,
                                          const FrameJob& job, const FrameStream& stream, const DecodePolicy& policy,
                                          const Settings& settings, Scratch& scratch, Context& context) {
    for (std::uint64_t wanted = first_read; wanted < range.size;) {
        const Bytes prefix = reader.first(static_cast<std::size_t>(wanted));
        if (prefix.size() < wanted) break;
        const std::uint64_t held = prefix.size();
        const std::uint64_t stated = codec.prefix_size(prefix, range.size, stream.request.reduce);
        wanted = stated > held ? stated : likely_prefix(held, range.size, stream.request.reduce);
        if (stated > held) continue;
        const Arena::Mark before = scratch.arena.mark();
        try {
            return decode_one(Fragments(prefix), stream, job.base, 0, false, policy, settings, scratch, context);
        } catch (const DecodeError& error) {
            if (error.code != ErrorCode::truncated) break;  // if it is damaged, all of it shows how
        }
        scratch.arena.rewind(before);
    }
    return std::nullopt;
}

std::optional<FrameFailure> decode_excerpt(Bytes codestream, const FrameJob& job, const FrameStream& stream,
                                           const DecodePolicy& policy, const Settings& settings, Scratch& scratch,
                                           Context& context) {
    if (codestream.empty()) return std::nullopt;
    try {
        return decode_one(Fragments(codestream), stream, job.base, 0, false, policy, settings, scratch, context);
    } catch (const DecodeError& error) {
        if (error.code == ErrorCode::interrupted) throw;
        return std::nullopt;  // all of the frame shows what is wrong
    }
}

}  // namespace

std::optional<FrameFailure> decode_part_of_frame(const FrameJob& job, const FrameStream& stream,
                                                 const DecodePolicy& policy, const Settings& settings, Scratch& scratch,
                                                 Context& context) {
    const unsigned reduce = stream.request.reduce;
    const Region& region = stream.request.region;
    const Codec* const codec = row_of(stream.syntax->format).own;
    if ((reduce == 0 && region.is_whole()) || codec == nullptr || codec->excerpt == nullptr) return std::nullopt;
    job.index->frame(job.frame, scratch.ranges);
    if (scratch.ranges.size() != 1) return std::nullopt;
    const FragmentRange range = scratch.ranges[0];
    const bool is_far = job.source->is_far();
    if (range.size <= (is_far ? first_read : small_frame)) return std::nullopt;
    DecodePolicy cut = policy;
    cut.salvage = false;
    cut.is_prefix = true;
    PartlyReadFrame reader(*job.source, range, scratch.arena, context);
    std::optional<FrameFailure> done = decode_excerpt(codec->excerpt(reader, range.size, reduce, region, scratch.arena),
                                                      job, stream, cut, settings, scratch, context);
    if (!is_far) return done;
    if (!done && reduce > 0 && codec->prefix_size != nullptr)
        done = decode_prefix(*codec, reader, range, job, stream, cut, settings, scratch, context);
    if (done) return done;
    // What has been read is not read again. If the source has become shorter, the codec gets a truncated frame.
    const Bytes whole = reader.first(static_cast<std::size_t>(range.size));
    return decode_one(Fragments(whole), stream, job.base, 0, true, policy, settings, scratch, context);
}

}  // namespace dcmturbo
