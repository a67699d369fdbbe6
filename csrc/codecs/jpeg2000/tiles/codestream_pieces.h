// A codestream, or some packets of one, before it is put together.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/context.h"

namespace dcmturbo::jpeg2000 {

// Headers, and between them the bytes of code-blocks. These stay where the encoder has left them, so that they are
// copied once, when all lengths are known.
class CodestreamPieces {
  public:
    // What comes next is appended here, or given to add().
    [[nodiscard]] std::vector<std::uint8_t>& headers() { return headers_; }

    // Bytes that stay where they are until the pieces are put together.
    void add(const std::uint8_t* data, std::size_t size) {
        end_header();
        pieces_.push_back({data, size});
        block_bytes_ += size;
    }

    void append(const CodestreamPieces& others) {
        end_header();
        headers_.insert(headers_.end(), others.headers_.begin(), others.headers_.end());
        pieces_.insert(pieces_.end(), others.pieces_.begin(), others.pieces_.end());
        listed_headers_ += others.listed_headers_;
        block_bytes_ += others.block_bytes_;
    }

    [[nodiscard]] std::size_t size() const { return headers_.size() + block_bytes_; }

    // `to` has room for size() bytes. A team shares the work.
    void copy_to(std::uint8_t* to, const Context& context) {
        end_header();
        const std::size_t count =
            context.has_team() ? std::clamp<std::size_t>(size() / bytes_per_run, 1, context.team_threads) : 1;
        std::vector<Run> runs(count);
        const std::uint8_t* header = headers_.data();
        std::size_t at = 0, run = 0;
        for (std::size_t i = 0; i < pieces_.size(); ++i) {
            for (; run < count && at >= size() * run / count; ++run) runs[run] = {i, header, to + at};
            at += pieces_[i].size;
            if (pieces_[i].data == nullptr) header += pieces_[i].size;
        }
        for (; run < count; ++run) runs[run] = {pieces_.size(), nullptr, nullptr};
        context.parallel_for(
            count, [&](std::size_t i) { copy_pieces(runs[i], i + 1 < count ? runs[i + 1].first : pieces_.size()); });
    }

    void append_to(std::vector<std::uint8_t>& to, const Context& context) {
        const std::size_t begin = to.size();
        to.resize(begin + size());
        copy_to(to.data() + begin, context);
    }

  private:
    struct Piece {
        const std::uint8_t* data;  // null: the next bytes of the headers
        std::size_t size;
    };

    // Pieces from `first` on: where their headers are, and where they go.
    struct Run {
        std::size_t first;
        const std::uint8_t* header;
        std::uint8_t* to;
    };
    static constexpr std::size_t bytes_per_run = std::size_t{1} << 18;

    void copy_pieces(Run run, std::size_t end) const {
        for (; run.first < end; ++run.first) {
            const Piece& piece = pieces_[run.first];
            std::memcpy(run.to, piece.data == nullptr ? run.header : piece.data, piece.size);
            run.to += piece.size;
            if (piece.data == nullptr) run.header += piece.size;
        }
    }

    void end_header() {
        if (headers_.size() == listed_headers_) return;
        pieces_.push_back({nullptr, headers_.size() - listed_headers_});
        listed_headers_ = headers_.size();
    }

    std::vector<std::uint8_t> headers_;
    std::vector<Piece> pieces_;
    std::size_t listed_headers_ = 0;  // bytes of the headers that pieces stand for
    std::size_t block_bytes_ = 0;
};

}  // namespace dcmturbo::jpeg2000
