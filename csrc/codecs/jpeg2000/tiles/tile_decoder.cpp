#include "codecs/jpeg2000/tiles/tile_decoder.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/checked.h"
#include "base/team.h"
#include "codecs/jpeg2000/tiles/window.h"

namespace dcmturbo::jpeg2000 {

namespace {

// What is wanted of a sub-band, as a part of the image takes it.
template <typename T>
Plane<T> plane_of(const Band& band, std::size_t part) {
    Plane<T> plane{reinterpret_cast<T*>(band.coefficients), band.stride, band.sparse};
    if (plane.base == nullptr || band.stride == 0) return plane;
    plane.base += band.wanted.x0 - band.held.x0;
    if (band.streams != nullptr) {
        plane.stream = band.streams[part];
        plane.base += part * band.rows_of_ring() * band.stride;
        plane.ring_mask = band.ring_rows - 1;
        plane.ring_offset = band.wanted.y0;
    } else {
        plane.base += (band.wanted.y0 - band.held.y0) * band.stride;
    }
    return plane;
}

// Of all resolutions up to the last that is kept, whose rows those of the others are needed for.
template <typename T>
class SynthesisRows final : public RowSource {
  public:
    explicit SynthesisRows(std::vector<Synthesis<T>> chain) : chain_(std::move(chain)) {}
    void start(std::uint32_t first, std::uint32_t end) override { chain_.back().start(first, end); }
    void* next() override { return chain_.back().next(); }

  private:
    std::vector<Synthesis<T>> chain_;
};

// Without a wavelet, the sub-band is the image. A row may be changed by whoever takes it: it is a copy where other rows
// are the same memory.
template <typename T>
class PlaneRows final : public RowSource {
  public:
    PlaneRows(Plane<T> plane, std::uint32_t width, Arena& arena) : plane_(plane), width_(width) {
        if (plane.is_zero() || plane.sparse != nullptr) copy_ = arena.allocate_array<T>(width);
    }
    void start(std::uint32_t first, std::uint32_t) override { next_ = first; }
    void* next() override {
        if (copy_ == nullptr) return plane_.row(next_++);
        if (plane_.is_zero()) std::memset(copy_, 0, width_ * sizeof(T));
        else plane_.row(next_++, copy_);
        return copy_;
    }

  private:
    Plane<T> plane_;
    std::uint32_t width_;
    T* copy_ = nullptr;
    std::size_t next_ = 0;
};

// Of an image: so many are decoded at once.
constexpr std::uint64_t small_samples = 1U << 16;

// Of a sub-band: so many are always held as a plane.
constexpr std::uint64_t dense_samples = 1U << 18;

bool has_data(const Resolution& resolution) {
    return std::any_of(
        resolution.bands.begin(), resolution.bands.begin() + resolution.band_count,
        [](const Band& band) { return !band.wanted.is_empty() && (band.stride != 0 || band.sparse != nullptr); });
}

// So many rows pay for taking part of an image on its own.
constexpr std::uint32_t rows_per_part = 32;

// Rows around a row that the wavelets need, of the resolution.
constexpr std::uint32_t wavelet_reach = 4;

}  // namespace

// --- code-blocks
// ----------------------------------------------------------------------------

// As wide as any resolution of the components.
std::byte* TileDecoder::zero_row() {
    if (zeroes_ == nullptr) {
        std::size_t widest = 0;
        for (const TileComponent& other : components_) widest = std::max(widest, padded(other.area.width()));
        const std::size_t size = widest * sizeof(std::int64_t) + 256;
        zeroes_ = context_.arena.allocate(size);
        std::memset(zeroes_, 0, size);
    }
    return zeroes_;
}

void TileDecoder::list_block(const TileComponent& component, const Band& band, const BlockState& block,
                             const Rectangle& area) {
    if (block.first == nullptr) {
        holes_.push_back(area);
    } else {
        jobs_.push_back({&component, &band, &block, area, nullptr, 0});
        covered_ += std::uint64_t{area.width()} * area.height();
    }
}

void TileDecoder::list_blocks_of(const TileComponent& component, const Resolution& resolution, std::size_t b) {
    const Band& band = resolution.bands[b];
    const Rectangle wanted = block_grid(component, resolution, band.wanted);
    for (std::size_t p = 0; p < resolution.precinct_count(); ++p) {
        const Rectangle area = precinct_area(resolution, band, p);
        const Rectangle held = intersection(area, band.held);
        if (held.is_empty()) continue;
        if (resolution.precincts[p].bands == nullptr) {
            holes_.push_back(held);
            continue;
        }
        const PrecinctBand& blocks = resolution.precincts[p].bands[b];
        const Rectangle grid = intersection(blocks.grid, wanted);
        for (std::uint32_t y = grid.y0; y < grid.y1; ++y) {
            const BlockState* row = blocks.blocks + std::size_t{y - blocks.grid.y0} * blocks.grid.width();
            for (std::uint32_t x = grid.x0; x < grid.x1; ++x) {
                const BlockState& block = row[x - blocks.grid.x0];
                list_block(component, band, block, block_area(component, resolution, area, x, y));
            }
        }
    }
}

void TileDecoder::list_blocks(const TileComponent& component, Resolution& resolution) {
    for (std::size_t b = 0; b < resolution.band_count; ++b) {
        Band& band = resolution.bands[b];
        if (band.wanted.is_empty()) continue;
        const std::size_t first = jobs_.size();
        holes_.clear();
        covered_ = 0;
        if (resolution.precincts != nullptr) list_blocks_of(component, resolution, b);
        allocate(component, resolution, band, first);
    }
}

// Of the band that is listed: of rows [first, end), which are at `rows`, what no code-block gives.
void TileDecoder::zero_holes(const Band& band, std::byte* rows, std::uint64_t first, std::uint64_t end,
                             std::size_t element) const {
    for (const Rectangle& hole : holes_) {
        const std::uint64_t bottom = std::min<std::uint64_t>(hole.y1, end);
        for (std::uint64_t y = std::max<std::uint64_t>(hole.y0, first); y < bottom; ++y) {
            const auto at = static_cast<std::size_t>((y - first) * band.stride + (hole.x0 - band.held.x0));
            std::memset(rows + at * element, 0, hole.width() * element);
        }
    }
}

// A header of a few bytes may ask for any area: without a block that has data, a row of zeroes stands for all of it,
// and where few blocks have data, each has memory of its own.
void TileDecoder::allocate(const TileComponent& component, const Resolution& resolution, Band& band,
                           std::size_t first_job) {
    const std::span<Job> jobs = std::span(jobs_).subspan(first_job);
    const std::size_t element = element_size(component.arithmetic);
    if (jobs.empty()) {
        band.coefficients = zero_row();
        band.stride = 0;
        return;
    }
    band.stride = padded(band.held.width());
    const std::uint64_t size = std::uint64_t{band.stride} * band.held.height();
    if (size > dense_samples && 4 * covered_ < size) return allocate_sparse(component, band, jobs);
    if (streams_last_ && &resolution == &component.resolutions[last_resolution(component)])
        return allocate_streams(component, resolution, band, first_job);
    band.coefficients =
        element == sizeof(std::int64_t)
            ? reinterpret_cast<std::byte*>(context_.arena.allocate_array<std::int64_t>(static_cast<std::size_t>(size)))
            : reinterpret_cast<std::byte*>(context_.arena.allocate_array<std::int32_t>(static_cast<std::size_t>(size)));
    const auto at = [&](const Rectangle& area, std::uint32_t y) {
        return band.coefficients + ((y - band.held.y0) * band.stride + (area.x0 - band.held.x0)) * element;
    };
    zero_holes(band, band.coefficients, band.held.y0, band.held.y1, element);
    for (Job& job : jobs) {
        job.to = at(job.area, job.area.y0);
        job.stride = band.stride;
    }
}

void TileDecoder::allocate_sparse(const TileComponent& component, Band& band, std::span<Job> jobs) {
    auto* blocks = context_.arena.allocate_array<SparseBlock>(jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        Job& job = jobs[i];
        job.stride = padded(job.area.width());
        job.to = context_.arena.allocate(job.stride * job.area.height() * element_size(component.arithmetic));
        const Rectangle part = intersection(job.area, band.wanted);
        const std::size_t first = (part.y0 - job.area.y0) * job.stride + (part.x0 - job.area.x0);
        const Rectangle area{part.x0 - band.wanted.x0, part.y0 - band.wanted.y0, part.x1 - band.wanted.x0,
                             part.y1 - band.wanted.y0};
        new (blocks + i) SparseBlock{area, job.to + first * element_size(component.arithmetic), job.stride};
    }
    std::sort(blocks, blocks + jobs.size(),
              [](const SparseBlock& a, const SparseBlock& b) { return a.area.y0 < b.area.y0; });
    auto* sparse = reinterpret_cast<SparseBand*>(context_.arena.allocate(sizeof(SparseBand)));
    band.sparse = new (sparse) SparseBand{{blocks, jobs.size()}, band.wanted.width()};
}

// A small image stays in the cache. Its blocks are all decoded first: more of them are at work at the same time then.
// With a team, streams pay where decoding blocks is as fast as memory. Otherwise the blocks of all resolutions are one
// list, which a team shares most evenly.
void TileDecoder::choose_parts() {
    const TileComponent& component = components_.front();
    const std::size_t last = last_resolution(component);
    const Resolution& resolution = component.resolutions[last];
    const std::uint32_t height = resolution.wanted.height();
    const std::uint64_t area = std::uint64_t{resolution.reach.width()} * resolution.reach.height();
    parts_ = {{0, height}};
    streams_last_ = !keeps_coefficients_ && last > 0 && area > small_samples;
    if (!context_.has_team()) return;
    const bool is_fast = (component.parameters->coding.block_style & style_high_throughput) != 0;
    streams_last_ = streams_last_ && is_fast && choose_streamed_parts();
    if (streams_last_) return;
    const std::uint32_t parts = std::clamp<std::uint32_t>(height / rows_per_part, 1, most_parts);
    parts_.clear();
    for (std::uint64_t i = 0; i < parts; ++i) {
        parts_.push_back(
            {static_cast<std::uint32_t>(height * i / parts), static_cast<std::uint32_t>(height * (i + 1) / parts)});
    }
}

// Parts that cost about the same, one for each thread: its blocks stay in its own cache. A part ends just before a row
// of code-blocks begins to count, so that it has one row of blocks in common with the next. Returns whether there are
// as many parts as threads.
bool TileDecoder::choose_streamed_parts() {
    const TileComponent& component = components_.front();
    const Resolution& resolution = component.resolutions[last_resolution(component)];
    const unsigned exponent = component.block_height_exponent(resolution);
    const Rectangle grid = block_grid(component, resolution, resolution.bands[0].wanted);
    // What a row of blocks costs: the samples that come of it, and its bytes.
    std::vector<std::uint64_t> costs(grid.height(), std::uint64_t{resolution.wanted.width()} << (exponent + 1));
    for (std::size_t p = 0; resolution.precincts != nullptr && p < resolution.precinct_count(); ++p) {
        for (std::size_t b = 0; resolution.precincts[p].bands != nullptr && b < resolution.band_count; ++b) {
            const PrecinctBand& blocks = resolution.precincts[p].bands[b];
            const Rectangle rows = intersection(blocks.grid, {0, grid.y0, ~std::uint32_t{0}, grid.y1});
            for (std::uint32_t y = rows.y0; y < rows.y1; ++y) {
                const BlockState* row = blocks.blocks + std::size_t{y - blocks.grid.y0} * blocks.grid.width();
                for (std::uint32_t x = 0; x < blocks.grid.width(); ++x) {
                    for (const Contribution* c = row[x].first; c != nullptr; c = c->next) costs[y - grid.y0] += c->size;
                }
            }
        }
    }
    const std::uint64_t total = std::accumulate(costs.begin(), costs.end(), std::uint64_t{0});
    const std::size_t count = std::min({std::size_t{context_.team_threads}, costs.size() / 2, std::size_t{most_parts}});
    if (count < context_.team_threads) return false;
    std::vector<Part> parts;
    std::uint64_t done = 0;
    std::uint32_t begin = 0;
    const std::uint32_t height = resolution.wanted.height();
    for (std::size_t k = 0; k + 1 < costs.size() && parts.size() + 1 < count; ++k) {
        done += costs[k];
        if (done * count < total * (parts.size() + 1)) continue;
        const std::uint64_t end = (std::uint64_t{grid.y0 + k + 1} << (exponent + 1)) - wavelet_reach;
        if (end <= resolution.wanted.y0 + std::uint64_t{begin} || end >= resolution.wanted.y1) continue;
        parts.push_back({begin, static_cast<std::uint32_t>(end - resolution.wanted.y0)});
        begin = parts.back().end;
    }
    parts.push_back({begin, height});
    if (parts.size() < context_.team_threads) return false;
    parts_ = std::move(parts);
    return true;
}

// What the streams of all parts know of a sub-band.
struct TileDecoder::StreamedBand {
    std::vector<Job> jobs;  // from top to bottom
    // A row of blocks that several parts need is decoded beforehand. Blocks lie on a grid of ring_rows.
    struct SharedRows {
        std::uint64_t first = 0;
        std::byte* coefficients = nullptr;
    };
    std::vector<SharedRows> shared;
    std::vector<std::unique_ptr<Stream>> streams;  // for each part
};

class TileDecoder::Stream final : public BandStream {
  public:
    Stream(TileDecoder& decoder, const Band& band, std::size_t element, bool has_holes, const StreamedBand& all,
           std::size_t part)
        : decoder_(decoder),
          band_(band),
          row_size_(band.stride * element),
          element_(element),
          has_holes_(has_holes),
          all_(all),
          part_(part),
          ring_(band.coefficients + part * band.rows_of_ring() * row_size_) {}

    void require(std::size_t row) override {
        if (row < decoded_) return;
        const std::uint64_t wanted = std::uint64_t{band_.wanted.y0} + row;
        const std::uint64_t first = wanted & ~std::uint64_t{band_.ring_rows - 1};
        const std::uint64_t end = first + band_.ring_rows;
        decoded_ = static_cast<std::size_t>(end - band_.wanted.y0);
        for (const StreamedBand::SharedRows& shared : all_.shared) {
            if (shared.first != first) continue;
            const auto offset = static_cast<std::size_t>(wanted - first) * row_size_;
            std::memcpy(ring_ + offset, shared.coefficients + offset, band_.ring_rows * row_size_ - offset);
            return;
        }
        if (has_holes_) std::memset(ring_, 0, band_.ring_rows * row_size_);
        const auto before = [](const Job& job, std::uint64_t y) { return job.area.y0 < y; };
        auto job = std::lower_bound(all_.jobs.begin(), all_.jobs.end(), first, before);
        now_.clear();
        for (; job != all_.jobs.end() && job->area.y0 < end; ++job) {
            now_.push_back(*job);
            now_.back().to = ring_ + (job->area.y0 - first) * row_size_ + (job->area.x0 - band_.held.x0) * element_;
        }
        Arena& arena = decoder_.part_arenas_.empty() ? decoder_.context_.arena : *decoder_.part_arenas_[part_];
        if (decoder_.decode_jobs(now_, arena)) decoder_.part_damaged_[part_] = 1;
    }

  private:
    TileDecoder& decoder_;
    const Band& band_;
    std::size_t row_size_, element_;  // bytes
    bool has_holes_;
    const StreamedBand& all_;
    std::size_t part_;
    std::byte* ring_;
    std::size_t decoded_ = 0;  // rows from the top
    std::vector<Job> now_;     // those of a row of blocks
};

// Whether several parts take rows [first, end) of a sub-band. Row y of it is row 2y or 2y + 1 of the resolution.
bool TileDecoder::is_shared(const Resolution& resolution, std::uint64_t first, std::uint64_t end) const {
    std::size_t count = 0;
    for (const Part& part : parts_) {
        const std::uint64_t top = std::uint64_t{resolution.wanted.y0} + part.first;
        const std::uint64_t bottom = std::uint64_t{resolution.wanted.y0} + part.end;
        count += 2 * first < bottom + wavelet_reach && top < 2 * end + wavelet_reach ? 1 : 0;
    }
    return count > 1;
}

void TileDecoder::allocate_streams(const TileComponent& component, const Resolution& resolution, Band& band,
                                   std::size_t first_job) {
    const std::size_t element = element_size(component.arithmetic);
    band.ring_rows = std::uint32_t{1} << component.block_height_exponent(resolution);
    const std::size_t row_size = band.stride * element;
    const auto allocate_rows = [&](std::uint64_t count) {
        return reinterpret_cast<std::byte*>(
            context_.arena.allocate_array<std::uint64_t>(checked_multiply(count, row_size) / sizeof(std::uint64_t)));
    };
    band.coefficients = allocate_rows(std::uint64_t{band.rows_of_ring()} * parts_.size());
    StreamedBand& all = *streamed_.emplace_back(std::make_unique<StreamedBand>());
    std::vector<Job>& jobs = all.jobs;
    jobs.assign(jobs_.begin() + static_cast<std::ptrdiff_t>(first_job), jobs_.end());
    jobs_.resize(first_job);
    std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) {
        return a.area.y0 != b.area.y0 ? a.area.y0 < b.area.y0 : a.area.x0 < b.area.x0;
    });
    const std::uint64_t mask = ~std::uint64_t{band.ring_rows - 1};
    for (Job& job : jobs) {
        job.stride = band.stride;
        const std::uint64_t first = job.area.y0 & mask;
        if (!is_shared(resolution, first, first + band.ring_rows)) continue;
        if (all.shared.empty() || all.shared.back().first != first) {
            std::byte* rows = allocate_rows(band.ring_rows);
            zero_holes(band, rows, first, first + band.ring_rows, element);
            all.shared.push_back({first, rows});
        }
        jobs_.push_back(job);
        jobs_.back().to =
            all.shared.back().coefficients + (job.area.y0 - first) * row_size + (job.area.x0 - band.held.x0) * element;
    }
    auto** streams = context_.arena.allocate_array<BandStream*>(parts_.size());
    for (std::size_t part = 0; part < parts_.size(); ++part) {
        all.streams.push_back(std::make_unique<Stream>(*this, band, element, !holes_.empty(), all, part));
        streams[part] = all.streams.back().get();
    }
    band.streams = streams;
}

void TileDecoder::decode_blocks() {
    choose_parts();
    part_damaged_.assign(parts_.size(), 0);
    if (streams_last_ && context_.has_team()) {
        for (std::size_t part = 0; part < parts_.size(); ++part)
            part_arenas_.push_back(std::make_unique<Arena>(memory_));
    }
    jobs_.clear();
    for (const TileComponent& component : components_) {
        if (component.resolutions.empty()) continue;
        // The largest blocks first, which matters to how evenly a team ends.
        for (std::size_t r = last_resolution(component) + 1; r-- > 0;) list_blocks(component, component.resolutions[r]);
    }
    if (!context_.has_team() || jobs_.size() < 4) {
        is_damaged_ = decode_jobs(jobs_, context_.arena);
        return;
    }
    const std::size_t runs = std::min<std::size_t>(jobs_.size(), 48);
    std::vector<std::uint8_t> damaged(runs);
    run_on_team(context_, runs, [&](std::size_t i) {
        Arena arena(memory_);
        const std::size_t first = jobs_.size() * i / runs;
        const std::size_t end = jobs_.size() * (i + 1) / runs;
        damaged[i] = decode_jobs(std::span(jobs_).subspan(first, end - first), arena) ? 1 : 0;
    });
    is_damaged_ = std::find(damaged.begin(), damaged.end(), 1) != damaged.end();
}

TileDecoder::TileDecoder(std::span<TileComponent> components, unsigned reduce, const std::uint8_t* end,
                         Context& context)
    : components_(components), reduce_(reduce), end_(end), context_(context), memory_(context.arena) {}

TileDecoder::~TileDecoder() = default;

bool TileDecoder::is_damaged() const {
    return is_damaged_ || std::find(part_damaged_.begin(), part_damaged_.end(), 1) != part_damaged_.end();
}

// The codeword segments of a block, each in one piece with 16 readable bytes behind it.
std::span<const CodewordSegment> TileDecoder::join_segments(const BlockState& block, Arena& arena) const {
    std::size_t count = 0;
    for (const Contribution* c = block.first; c != nullptr; c = c->next) count += c->starts_segment ? 1 : 0;
    auto* segments = arena.allocate_array<CodewordSegment>(count);
    std::size_t filled = 0;
    for (const Contribution* c = block.first; c != nullptr;) {
        const Contribution* last = c;
        CodewordSegment segment{c->data, c->size, c->passes};
        while (last->next != nullptr && !last->next->starts_segment) {
            last = last->next;
            segment.size += last->size;
            segment.passes += last->passes;
        }
        if (last != c || static_cast<std::size_t>(end_ - c->data) < std::size_t{c->size} + 16) {
            auto* joined = arena.allocate_array<std::uint8_t>(std::size_t{segment.size} + 16);
            segment.data = joined;
            for (const Contribution* part = c;; part = part->next) {
                if (part->size != 0) std::memcpy(joined, part->data, part->size);
                joined += part->size;
                if (part == last) break;
            }
            std::memset(joined, 0xFF, 16);
        }
        segments[filled++] = segment;
        c = last->next;
    }
    return {segments, filled};
}

CodeBlock TileDecoder::block_of(const Job& job, Arena& arena) const {
    CodeBlock block;
    block.width = job.area.width();
    block.height = job.area.height();
    block.orientation = job.band->orientation;
    block.style = job.component->parameters->coding.block_style;
    block.bit_planes = static_cast<std::uint8_t>(job.band->bit_planes - job.block->missing_planes);
    block.band_planes = job.band->bit_planes;
    block.coder = job.block->coder;
    block.segments = join_segments(*job.block, arena);
    return block;
}

// Two at a time. Returns whether some are damaged.
bool TileDecoder::decode_jobs(std::span<const Job> jobs, Arena& arena) const {
    const auto output_of = [](const Job& job) {
        return BlockOutput{.to = job.to,
                           .stride = job.stride,
                           .arithmetic = job.component->arithmetic,
                           .step = job.band->step,
                           .roi_shift = job.component->parameters->roi_shift};
    };
    bool is_damaged = false;
    for (std::size_t j = 0; j < jobs.size(); j += 2) {
        context_.check_interruption();
        const Arena::Mark mark = arena.mark();
        const Job& job = jobs[j];
        if (j + 1 < jobs.size()) {
            const Job& other = jobs[j + 1];
            BlockOutcome outcomes[2];
            decode_two_blocks({block_of(job, arena), block_of(other, arena)}, {output_of(job), output_of(other)},
                              context_.isa, arena, outcomes);
            is_damaged = is_damaged || outcomes[0].is_damaged || outcomes[1].is_damaged;
        } else {
            is_damaged =
                decode_block(block_of(job, arena), output_of(job), context_.isa, arena).is_damaged || is_damaged;
        }
        arena.rewind(mark);
    }
    return is_damaged;
}

// --- wavelets
// -------------------------------------------------------------------------------

template <typename T>
Synthesis<T> TileDecoder::synthesis(const Resolution& resolution, Synthesis<T>* lower, Plane<T> below,
                                    std::size_t part) {
    return {resolution.reach,
            resolution.wanted,
            lower,
            below,
            plane_of<T>(resolution.bands[0], part),
            plane_of<T>(resolution.bands[1], part),
            plane_of<T>(resolution.bands[2], part),
            context_.isa,
            context_.arena};
}

template <typename T>
std::unique_ptr<RowSource> TileDecoder::rows_of(std::size_t index, std::size_t part) {
    const TileComponent& component = components_[index];
    const std::size_t last = last_resolution(component);
    Plane<T> below = plane_of<T>(component.resolutions[0].bands[0], part);
    // An empty sub-band has no row; the resolution above it may go without, or not.
    if (below.is_zero()) below.base = reinterpret_cast<T*>(zero_row());
    std::vector<Synthesis<T>> chain;
    chain.reserve(last);  // they point to each other
    for (std::size_t r = 1; r <= last; ++r) {
        const Resolution& resolution = component.resolutions[r];
        if (resolution.wanted.is_empty()) continue;
        if (chain.empty() && below.is_zero() && !has_data(resolution)) continue;  // of zeroes come zeroes
        chain.push_back(synthesis<T>(resolution, chain.empty() ? nullptr : &chain.back(), below, part));
    }
    if (chain.empty())
        return std::make_unique<PlaneRows<T>>(below, component.resolutions[last].wanted.width(), context_.arena);
    return std::make_unique<SynthesisRows<T>>(std::move(chain));
}

std::unique_ptr<RowSource> TileDecoder::rows(std::size_t component, std::size_t part) {
    switch (components_[component].arithmetic) {
        case Arithmetic::integer: return rows_of<std::int32_t>(component, part);
        case Arithmetic::wide: return rows_of<std::int64_t>(component, part);
        case Arithmetic::wide_real: return rows_of<double>(component, part);
        default: return rows_of<float>(component, part);
    }
}

}  // namespace dcmturbo::jpeg2000
