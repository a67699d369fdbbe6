// A code-block coder as plain as the clauses of ISO/IEC 15444-1, Annexes C and D, allow: one coefficient, one bit, one
// neighbour at a time. The same passes decode and encode.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace reference {

struct Estimate {
    unsigned qe, nmps, nlps, switches;
};
// Table C.2.
inline constexpr Estimate estimates[47] = {
    {0x5601, 1, 1, 1},   {0x3401, 2, 6, 0},   {0x1801, 3, 9, 0},   {0x0ac1, 4, 12, 0},  {0x0521, 5, 29, 0},
    {0x0221, 38, 33, 0}, {0x5601, 7, 6, 1},   {0x5401, 8, 14, 0},  {0x4801, 9, 14, 0},  {0x3801, 10, 14, 0},
    {0x3001, 11, 17, 0}, {0x2401, 12, 18, 0}, {0x1c01, 13, 20, 0}, {0x1601, 29, 21, 0}, {0x5601, 15, 14, 1},
    {0x5401, 16, 14, 0}, {0x5101, 17, 15, 0}, {0x4801, 18, 16, 0}, {0x3801, 19, 17, 0}, {0x3401, 20, 18, 0},
    {0x3001, 21, 19, 0}, {0x2801, 22, 19, 0}, {0x2401, 23, 20, 0}, {0x2201, 24, 21, 0}, {0x1c01, 25, 22, 0},
    {0x1801, 26, 23, 0}, {0x1601, 27, 24, 0}, {0x1401, 28, 25, 0}, {0x1201, 29, 26, 0}, {0x1101, 30, 27, 0},
    {0x0ac1, 31, 28, 0}, {0x09c1, 32, 29, 0}, {0x08a1, 33, 30, 0}, {0x0521, 34, 31, 0}, {0x0441, 35, 32, 0},
    {0x02a1, 36, 33, 0}, {0x0221, 37, 34, 0}, {0x0141, 38, 35, 0}, {0x0111, 39, 36, 0}, {0x0085, 40, 37, 0},
    {0x0049, 41, 38, 0}, {0x0025, 42, 39, 0}, {0x0015, 43, 40, 0}, {0x0009, 44, 41, 0}, {0x0005, 45, 42, 0},
    {0x0001, 45, 43, 0}, {0x5601, 46, 46, 0},
};

struct Contexts {
    std::array<unsigned, 19> index{};
    std::array<unsigned, 19> mps{};
    void reset() {  // Table D.7
        index.fill(0);
        mps.fill(0);
        index[0] = 4;
        index[17] = 3;
        index[18] = 46;
    }
    void exchange_mps(unsigned context) { index[context] = estimates[index[context]].nmps; }
    void exchange_lps(unsigned context) {
        if (estimates[index[context]].switches != 0) mps[context] ^= 1;
        index[context] = estimates[index[context]].nlps;
    }
};

// The bits of a segment, ones past its end. In arithmetic coding the bit after an FF is added to those before.
class Bits {
  public:
    Bits(const std::uint8_t* data, std::size_t size, bool is_raw) {
        bits_.push_back(0);
        for (std::size_t i = 0; i < size; ++i) {
            const bool after_ff = i > 0 && data[i - 1] == 0xff;
            if (after_ff && data[i] > 0x8f) {
                has_marker_ = true;
                break;
            }
            if (after_ff && data[i] >= 0x80 && !is_raw) {
                std::size_t k = bits_.size();
                while (k > 0 && bits_[k - 1] == 1) bits_[--k] = 0;
                if (k > 0) bits_[k - 1] = 1;
            }
            for (int b = after_ff ? 6 : 7; b >= 0; --b) bits_.push_back(data[i] >> b & 1);
        }
        if (is_raw) next_ = 1;
    }
    unsigned get() { return next_ < bits_.size() ? bits_[next_++] : 1; }
    [[nodiscard]] bool has_marker() const { return has_marker_; }

  private:
    std::vector<std::uint8_t> bits_;
    std::size_t next_ = 0;
    bool has_marker_ = false;
};

class Decoder {
  public:
    // Of the segment that was started last: no coder leaves a marker in one.
    [[nodiscard]] bool has_marker() const { return bits_.has_marker(); }
    void start(const std::uint8_t* data, std::size_t size, bool is_raw) {
        bits_ = Bits(data, size, is_raw);
        if (is_raw) return;
        c_ = 0;
        for (int i = 0; i < 16; ++i) c_ = c_ << 1 | bits_.get();
        a_ = 0x8000;
    }
    unsigned code_raw(unsigned) { return bits_.get(); }
    unsigned code(Contexts& contexts, unsigned context, unsigned) {  // Figures C.15 to C.18
        ++symbols;
        const unsigned qe = estimates[contexts.index[context]].qe;
        unsigned bit = contexts.mps[context];
        a_ -= qe;
        if (c_ < qe) {
            if (a_ < qe) {
                contexts.exchange_mps(context);
            } else {
                bit ^= 1;
                contexts.exchange_lps(context);
            }
            a_ = qe;
            renormalise();
        } else {
            c_ -= qe;
            if ((a_ & 0x8000) == 0) {
                if (a_ < qe) {
                    bit ^= 1;
                    contexts.exchange_lps(context);
                } else {
                    contexts.exchange_mps(context);
                }
                renormalise();
            }
        }
        return bit;
    }
    std::uint64_t symbols = 0;

  private:
    void renormalise() {
        do {
            a_ <<= 1;
            c_ = (c_ << 1 | bits_.get()) & 0xffff;  // what the register holds, whatever the data
        } while ((a_ & 0x8000) == 0);
    }
    Bits bits_{nullptr, 0, false};
    unsigned a_ = 0;
    std::uint64_t c_ = 0;
};

// C.2: one segment at a time.
class Encoder {
  public:
    void start(bool is_raw) {
        bytes_.assign(1, 0);  // the byte before the first
        is_raw_ = is_raw;
        a_ = 0x8000;
        c_ = 0;
        count_ = is_raw ? 8 : 12;
        raw_ = 0;
    }
    unsigned code_raw(unsigned bit) {
        raw_ = raw_ << 1 | bit;
        if (--count_ == 0) {
            bytes_.push_back(static_cast<std::uint8_t>(raw_));
            count_ = raw_ == 0xff ? 7 : 8;
            raw_ = 0;
        }
        return bit;
    }
    unsigned code(Contexts& contexts, unsigned context, unsigned bit) {
        ++symbols;
        const unsigned qe = estimates[contexts.index[context]].qe;
        a_ -= qe;
        if (bit == contexts.mps[context]) {
            if ((a_ & 0x8000) != 0) {
                c_ += qe;
                return bit;
            }
            if (a_ < qe) a_ = qe;
            else c_ += qe;
            contexts.exchange_mps(context);
        } else {
            if (a_ < qe) c_ += qe;
            else a_ = qe;
            contexts.exchange_lps(context);
        }
        do {
            a_ <<= 1;
            c_ <<= 1;
            if (--count_ == 0) put_byte();
        } while ((a_ & 0x8000) == 0);
        return bit;
    }
    std::vector<std::uint8_t> finish() {
        if (is_raw_) {
            while (count_ != 8 && count_ != 0 && !(count_ == 7 && bytes_.back() == 0xff)) code_raw(count_ & 1);
        } else {  // Figure C.11
            const unsigned most = c_ + a_;
            c_ |= 0xffff;
            if (c_ >= most) c_ -= 0x8000;
            c_ <<= count_;
            put_byte();
            c_ <<= count_;
            put_byte();
        }
        if (bytes_.back() == 0xff) bytes_.pop_back();
        if (bytes_.empty()) return {};
        return {bytes_.begin() + 1, bytes_.end()};
    }
    std::uint64_t symbols = 0;

  private:
    void put_byte() {  // Figure C.8
        if (bytes_.back() != 0xff && c_ >= 0x8000000) {
            ++bytes_.back();
            if (bytes_.back() == 0xff) c_ &= 0x7ffffff;
        }
        if (bytes_.back() == 0xff) {
            bytes_.push_back(static_cast<std::uint8_t>(c_ >> 20));
            c_ &= 0xfffff;
            count_ = 7;
        } else {
            bytes_.push_back(static_cast<std::uint8_t>(c_ >> 19));
            c_ &= 0x7ffff;
            count_ = 8;
        }
    }
    std::vector<std::uint8_t> bytes_;
    unsigned a_ = 0, c_ = 0, count_ = 0, raw_ = 0;
    bool is_raw_ = false;
};

enum { bypass = 1, reset = 2, terminate = 4, causal = 8, predictable = 16, symbols = 32 };

// Values are magnitudes x 2 with the half of the last plane, and signs.
template <typename Coder>
class Block {
  public:
    Block(int width, int height, int orientation, unsigned style, unsigned planes)
        : coder(),
          magnitude(static_cast<std::size_t>(width * height)),
          negative(magnitude.size()),
          width_(width),
          height_(height),
          orientation_(orientation),
          style_(style),
          planes_(planes),
          significant_(magnitude.size()),
          visited_(magnitude.size()),
          refined_(magnitude.size()) {
        contexts_.reset();
    }
    static bool is_raw(unsigned style, unsigned pass) {
        return (style & bypass) != 0 && pass >= 10 && (pass + 2) % 3 != 2;
    }
    // Pass number `pass` of the block, 0 the first cleanup.
    void run(unsigned pass) {
        plane_ = planes_ - 1 - (pass + 2) / 3;
        is_raw_ = is_raw(style_, pass);
        const unsigned kind = (pass + 2) % 3;
        for (int stripe = 0; stripe < height_; stripe += 4) {
            for (int x = 0; x < width_; ++x) {
                if (kind == 2) {
                    clean_column(x, stripe);
                    continue;
                }
                for (int y = stripe; y < stripe + 4 && y < height_; ++y) {
                    const std::size_t at = index(x, y);
                    if (kind == 0 && significant_[at] == 0 && zero_context(x, y) != 0) {
                        code_zero(x, y);
                        visited_[at] = 1;
                    } else if (kind == 1 && significant_[at] != 0 && visited_[at] == 0) {
                        refine(x, y);
                    }
                }
            }
        }
        if (kind == 2) {
            visited_.assign(visited_.size(), 0);
            if ((style_ & symbols) != 0) {
                unsigned symbol = 0;
                for (int k = 3; k >= 0; --k) symbol = symbol << 1 | coder.code(contexts_, 18, 10u >> k & 1);
                is_damaged = is_damaged || symbol != 10;
            }
        }
        if ((style_ & reset) != 0) contexts_.reset();
    }

    Coder coder;
    std::vector<std::uint64_t> magnitude;  // of an encoder: the input, x 2
    std::vector<std::uint8_t> negative;
    bool is_damaged = false;

  private:
    [[nodiscard]] std::size_t index(int x, int y) const { return static_cast<std::size_t>(y * width_ + x); }
    [[nodiscard]] bool is_seen(int x, int y, int from_y) const {
        if (x < 0 || y < 0 || x >= width_ || y >= height_) return false;
        if ((style_ & causal) != 0 && y > from_y && y % 4 == 0) return false;
        return significant_[index(x, y)] != 0;
    }
    [[nodiscard]] unsigned count(int x, int y, int dx, int dy) const {
        return static_cast<unsigned>(is_seen(x + dx, y + dy, y)) + static_cast<unsigned>(is_seen(x - dx, y - dy, y));
    }
    [[nodiscard]] unsigned zero_context(int x, int y) const {  // Table D.1
        unsigned h = count(x, y, 1, 0);
        unsigned v = count(x, y, 0, 1);
        const unsigned d = count(x, y, 1, 1) + count(x, y, 1, -1);
        if (orientation_ == 3) {
            const unsigned hv = h + v;
            if (d >= 3) return 8;
            if (d == 2) return hv >= 1 ? 7 : 6;
            if (d == 1) return hv >= 2 ? 5 : 3 + hv;
            return hv >= 2 ? 2 : hv;
        }
        if (orientation_ == 1) std::swap(h, v);
        if (h == 2) return 8;
        if (h == 1) return v >= 1 ? 7 : d >= 1 ? 6 : 5;
        if (v == 2) return 4;
        if (v == 1) return 3;
        return d >= 2 ? 2 : d;
    }
    [[nodiscard]] int contribution(int x, int y, int dx, int dy) const {  // Table D.2
        int sum = 0;
        for (const int k : {1, -1})
            if (is_seen(x + k * dx, y + k * dy, y)) sum += negative[index(x + k * dx, y + k * dy)] != 0 ? -1 : 1;
        return sum > 0 ? 1 : sum < 0 ? -1 : 0;
    }
    unsigned decide(unsigned context, unsigned bit) { return coder.code(contexts_, context, bit); }
    [[nodiscard]] unsigned own_bit(std::size_t at) const {
        return static_cast<unsigned>(magnitude[at] >> (plane_ + 1) & 1);
    }
    void code_zero(int x, int y) {
        const unsigned bit = own_bit(index(x, y));
        if ((is_raw_ ? coder.code_raw(bit) : decide(zero_context(x, y), bit)) != 0) become_significant(x, y);
    }
    void become_significant(int x, int y) {
        const std::size_t at = index(x, y);
        if (is_raw_) {
            negative[at] = static_cast<std::uint8_t>(coder.code_raw(negative[at]));
        } else {  // Table D.3
            static constexpr unsigned context[3][3] = {{13, 12, 11}, {10, 9, 10}, {11, 12, 13}};
            static constexpr unsigned flip[3][3] = {{1, 1, 1}, {1, 0, 0}, {0, 0, 0}};
            const int h = contribution(x, y, 1, 0) + 1;
            const int v = contribution(x, y, 0, 1) + 1;
            negative[at] = static_cast<std::uint8_t>(decide(context[h][v], negative[at] ^ flip[h][v]) ^ flip[h][v]);
        }
        significant_[at] = 1;
        if constexpr (!Coder_encodes) magnitude[at] = std::uint64_t{3} << plane_;
    }
    void refine(int x, int y) {
        const std::size_t at = index(x, y);
        const bool has_neighbour = zero_context(x, y) != 0;
        const unsigned context = refined_[at] != 0 ? 16 : has_neighbour ? 15 : 14;  // Table D.4
        const unsigned bit = is_raw_ ? coder.code_raw(own_bit(at)) : decide(context, own_bit(at));
        refined_[at] = 1;
        if constexpr (!Coder_encodes) {
            magnitude[at] &= ~(std::uint64_t{1} << (plane_ + 1));
            magnitude[at] |= std::uint64_t{bit} << (plane_ + 1) | std::uint64_t{1} << plane_;
        }
    }
    void clean_column(int x, int stripe) {  // D.3.4
        int y = stripe;
        bool is_run = stripe + 4 <= height_;
        for (int k = stripe; is_run && k < stripe + 4; ++k)
            is_run = significant_[index(x, k)] == 0 && visited_[index(x, k)] == 0 && zero_context(x, k) == 0;
        if (is_run) {
            unsigned first = 0;
            while (first < 4 && own_bit(index(x, stripe + static_cast<int>(first))) == 0) ++first;
            if (decide(17, first < 4) == 0) return;
            unsigned position = decide(18, first >> 1 & 1);
            position = position * 2 + decide(18, first & 1);
            y += static_cast<int>(position);
            become_significant(x, y);
            ++y;
        }
        for (; y < stripe + 4 && y < height_; ++y)
            if (significant_[index(x, y)] == 0 && visited_[index(x, y)] == 0) code_zero(x, y);
    }

    static constexpr bool Coder_encodes = requires(Coder c) { c.finish(); };
    int width_, height_, orientation_;
    unsigned style_, planes_, plane_ = 0;
    bool is_raw_ = false;
    Contexts contexts_;
    std::vector<std::uint8_t> significant_, visited_, refined_;
};

}  // namespace reference
