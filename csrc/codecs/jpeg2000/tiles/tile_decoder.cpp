#include "codecs/jpeg2000/tiles/tile_decoder.h"

#include <algorithm>
#include <cstring>

#include "base/team.h"
#include "codecs/jpeg2000/tiles/window.h"

namespace dcmturbo::jpeg2000 {

namespace {

// What is wanted of a sub-band.
template <typename T>
Plane<T> plane_of(const Band& band) {
    Plane<T> plane{reinterpret_cast<T*>(band.coefficients), band.stride, band.sparse};
    if (plane.base == nullptr || band.stride == 0) return plane;
    plane.base += band.wanted.x0 - band.held.x0;
    if (band.stream != nullptr) {
        plane.stream = band.stream;
        plane.ring_mask = band.ring_rows - 1;
        plane.ring_offset = band.wanted.y0;
    } else {
        plane.base += (band.wanted.y0 - band.held.y0) * band.stride;
    }
    return plane;
}

template <typename T>
class SynthesisRows final : public RowSource {
  public:
    SynthesisRows(const Synthesis<T>& synthesis, const Resolution& of)
        : synthesis_(synthesis), right_(of.wanted.x0 - of.reach.x0), down_(of.wanted.y0 - of.reach.y0) {}
    void start(std::uint32_t first, std::uint32_t end) override { synthesis_.start(first + down_, end + down_); }
    void* next() override { return synthesis_.next() + right_; }

  private:
    Synthesis<T> synthesis_;
    std::uint32_t right_, down_;  // from what is restored to what is wanted
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

// Rows that pay for taking part of an image on its own.
constexpr std::uint32_t rows_per_part = 64;

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
        allocate(component, resolution, band, std::span(jobs_).subspan(first));
        if (band.stream != nullptr) jobs_.resize(first);
    }
}

// A header of a few bytes may ask for any area: without a block that has data, a row of zeroes stands for all of it,
// and where few blocks have data, each has memory of its own.
void TileDecoder::allocate(const TileComponent& component, const Resolution& resolution, Band& band,
                           std::span<Job> jobs) {
    const std::size_t element = element_size(component.arithmetic);
    if (jobs.empty()) {
        band.coefficients = zero_row();
        band.stride = 0;
        return;
    }
    band.stride = padded(band.held.width());
    const std::uint64_t size = std::uint64_t{band.stride} * band.held.height();
    if (size > dense_samples && 4 * covered_ < size) return allocate_sparse(component, band, jobs);
    if (may_stream(component, resolution)) return allocate_stream(component, resolution, band, jobs);
    band.coefficients =
        element == sizeof(std::int64_t)
            ? reinterpret_cast<std::byte*>(context_.arena.allocate_array<std::int64_t>(static_cast<std::size_t>(size)))
            : reinterpret_cast<std::byte*>(context_.arena.allocate_array<std::int32_t>(static_cast<std::size_t>(size)));
    const auto at = [&](const Rectangle& area, std::uint32_t y) {
        return band.coefficients + ((y - band.held.y0) * band.stride + (area.x0 - band.held.x0)) * element;
    };
    for (const Rectangle& hole : holes_) {
        for (std::uint32_t y = hole.y0; y < hole.y1; ++y) std::memset(at(hole, y), 0, hole.width() * element);
    }
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

// With a team, all blocks are decoded first; and so are those of a small image, which stay in the cache and among which
// there are more to decode at the same time.
bool TileDecoder::may_stream(const TileComponent& component, const Resolution& resolution) const {
    const std::size_t last = last_resolution(component);
    const std::uint64_t area = std::uint64_t{resolution.reach.width()} * resolution.reach.height();
    return !keeps_coefficients_ && !context_.has_team() && last > 0 && &resolution == &component.resolutions[last] &&
           area > small_samples;
}

class TileDecoder::Stream final : public BandStream {
  public:
    Stream(TileDecoder& decoder, const Band& band, std::size_t element, std::span<const Job> jobs, bool has_holes)
        : decoder_(decoder), band_(band), element_(element), jobs_(jobs.begin(), jobs.end()), has_holes_(has_holes) {
        for (Job& job : jobs_) {
            const std::size_t row = job.area.y0 & (band.ring_rows - 1);
            job.to = band.coefficients + (row * band.stride + (job.area.x0 - band.held.x0)) * element;
            job.stride = band.stride;
        }
        std::sort(jobs_.begin(), jobs_.end(), [](const Job& a, const Job& b) {
            return a.area.y0 != b.area.y0 ? a.area.y0 < b.area.y0 : a.area.x0 < b.area.x0;
        });
    }

    // Blocks lie on a grid of ring_rows.
    void require(std::size_t row) override {
        if (row < decoded_) return;
        const std::uint64_t first = std::uint64_t{band_.wanted.y0} + row;
        const std::uint64_t end = (first | (band_.ring_rows - 1)) + 1;
        decoded_ = static_cast<std::size_t>(end - band_.wanted.y0);
        if (has_holes_) std::memset(band_.coefficients, 0, band_.ring_rows * band_.stride * element_);
        std::size_t count = 0;
        while (next_ + count < jobs_.size() && jobs_[next_ + count].area.y0 < end) ++count;
        const std::span<const Job> now = std::span(jobs_).subspan(next_, count);
        next_ += count;
        if (decoder_.decode_jobs(now, 0, 1, decoder_.context_.arena)) decoder_.is_damaged_ = true;
    }

  private:
    TileDecoder& decoder_;
    const Band& band_;
    std::size_t element_;
    std::vector<Job> jobs_;
    bool has_holes_;
    std::size_t decoded_ = 0;  // rows from the top
    std::size_t next_ = 0;     // job
};

void TileDecoder::allocate_stream(const TileComponent& component, const Resolution& resolution, Band& band,
                                  std::span<const Job> jobs) {
    const std::size_t element = element_size(component.arithmetic);
    band.ring_rows = std::uint32_t{1} << component.block_height_exponent(resolution);
    const std::size_t size = band.ring_rows * band.stride;
    band.coefficients = element == sizeof(std::int64_t)
                            ? reinterpret_cast<std::byte*>(context_.arena.allocate_array<std::int64_t>(size))
                            : reinterpret_cast<std::byte*>(context_.arena.allocate_array<std::int32_t>(size));
    streams_.push_back(std::make_unique<Stream>(*this, band, element, jobs, !holes_.empty()));
    band.stream = streams_.back().get();
}

void TileDecoder::decode_blocks() {
    jobs_.clear();
    for (const TileComponent& component : components_) {
        if (component.resolutions.empty()) continue;
        // The largest blocks first, which matters to how evenly a team ends.
        for (std::size_t r = last_resolution(component) + 1; r-- > 0;) list_blocks(component, component.resolutions[r]);
    }
    if (!context_.has_team() || jobs_.size() < 4) {
        is_damaged_ = decode_jobs(jobs_, 0, 1, context_.arena);
        return;
    }
    const std::size_t runs = std::min<std::size_t>(jobs_.size(), 48);
    std::vector<Arena> arenas(runs);
    std::vector<std::uint8_t> damaged(runs);
    run_on_team(context_, runs, [&](std::size_t i) {
        arenas[i].set_cap(context_.limits.max_scratch);
        damaged[i] = decode_jobs(jobs_, i, runs, arenas[i]) ? 1 : 0;
    });
    is_damaged_ = std::find(damaged.begin(), damaged.end(), 1) != damaged.end();
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
bool TileDecoder::decode_jobs(std::span<const Job> jobs, std::size_t first, std::size_t step, Arena& arena) const {
    const auto output_of = [](const Job& job) {
        return BlockOutput{.to = job.to,
                           .stride = job.stride,
                           .arithmetic = job.component->arithmetic,
                           .step = job.band->step,
                           .roi_shift = job.component->parameters->roi_shift};
    };
    bool is_damaged = false;
    for (std::size_t j = first; j < jobs.size(); j += 2 * step) {
        context_.check_interruption();
        const Arena::Mark mark = arena.mark();
        const Job& job = jobs[j];
        if (j + step < jobs.size()) {
            const Job& other = jobs[j + step];
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
Synthesis<T> TileDecoder::synthesis(const Resolution& resolution, Plane<T> below) {
    return {resolution.reach,
            below,
            plane_of<T>(resolution.bands[0]),
            plane_of<T>(resolution.bands[1]),
            plane_of<T>(resolution.bands[2]),
            context_.isa,
            context_.arena};
}

template <typename T>
void TileDecoder::synthesise_lower_of(std::size_t index) {
    const TileComponent& component = components_[index];
    const std::size_t last = last_resolution(component);
    Plane<T> below = plane_of<T>(component.resolutions[0].bands[0]);
    // An empty sub-band has no row; the resolution above it may go without, or not.
    if (below.is_zero()) below.base = reinterpret_cast<T*>(zero_row());
    for (std::size_t r = 1; r < last; ++r) {
        const Resolution& resolution = component.resolutions[r];
        if (resolution.wanted.is_empty()) continue;
        if (below.is_zero() && !has_data(resolution)) continue;  // of zeroes come zeroes
        const std::uint32_t width = resolution.wanted.width();
        const std::uint32_t height = resolution.wanted.height();
        const std::uint32_t right = resolution.wanted.x0 - resolution.reach.x0;
        const std::uint32_t down = resolution.wanted.y0 - resolution.reach.y0;
        Plane<T> to{nullptr, padded(width), nullptr};
        to.base = context_.arena.allocate_array<T>(to.stride * height);
        const std::uint32_t parts = context_.has_team() ? std::clamp<std::uint32_t>(height / rows_per_part, 1, 8) : 1;
        std::vector<Synthesis<T>> parallel;
        parallel.reserve(parts);
        for (std::uint32_t i = 0; i < parts; ++i) parallel.push_back(synthesis<T>(resolution, below));
        context_.parallel_for(parts, [&](std::size_t i) {
            const auto first = static_cast<std::uint32_t>(std::uint64_t{height} * i / parts);
            const auto end = static_cast<std::uint32_t>(std::uint64_t{height} * (i + 1) / parts);
            parallel[i].start(first + down, end + down);
            for (std::uint32_t y = first; y < end && (y % 16 != 0 || !context_.is_due_to_end()); ++y)
                std::memcpy(to.row(y), parallel[i].next() + right, width * sizeof(T));
        });
        below = to;
    }
    lower_[index] = {reinterpret_cast<std::byte*>(below.base), below.stride, below.sparse};
}

void TileDecoder::synthesise_lower() {
    lower_.assign(components_.size(), {});
    for (std::size_t i = 0; i < components_.size(); ++i) {
        if (components_[i].resolutions.empty()) continue;
        switch (components_[i].arithmetic) {
            case Arithmetic::integer: synthesise_lower_of<std::int32_t>(i); break;
            case Arithmetic::wide: synthesise_lower_of<std::int64_t>(i); break;
            case Arithmetic::real: synthesise_lower_of<float>(i); break;
            case Arithmetic::wide_real: synthesise_lower_of<double>(i); break;
        }
    }
}

template <typename T>
std::unique_ptr<RowSource> TileDecoder::rows_of(std::size_t index) {
    const TileComponent& component = components_[index];
    const std::size_t last = last_resolution(component);
    const Resolution& resolution = component.resolutions[last];
    const Plane<T> below{reinterpret_cast<T*>(lower_[index].base), lower_[index].stride, lower_[index].sparse};
    if (last == 0 || (below.is_zero() && !has_data(resolution)))
        return std::make_unique<PlaneRows<T>>(below, resolution.wanted.width(), context_.arena);
    return std::make_unique<SynthesisRows<T>>(synthesis<T>(resolution, below), resolution);
}

std::unique_ptr<RowSource> TileDecoder::rows(std::size_t component) {
    switch (components_[component].arithmetic) {
        case Arithmetic::integer: return rows_of<std::int32_t>(component);
        case Arithmetic::wide: return rows_of<std::int64_t>(component);
        case Arithmetic::wide_real: return rows_of<double>(component);
        default: return rows_of<float>(component);
    }
}

}  // namespace dcmturbo::jpeg2000
