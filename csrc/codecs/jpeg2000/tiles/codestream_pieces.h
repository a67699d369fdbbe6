// A codestream, or some packets of one, before it is put together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

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

    // `to` has room for size() bytes.
    void copy_to(std::uint8_t* to) const {
        const std::uint8_t* header = headers_.data();
        for (const Piece& piece : pieces_) {
            const std::uint8_t* const from = piece.data == nullptr ? header : piece.data;
            if (piece.data == nullptr) header += piece.size;
            std::memcpy(to, from, piece.size);
            to += piece.size;
        }
        const std::size_t left = headers_.size() - listed_headers_;
        if (left > 0) std::memcpy(to, header, left);
    }

    void append_to(std::vector<std::uint8_t>& to) const {
        const std::size_t begin = to.size();
        to.resize(begin + size());
        copy_to(to.data() + begin);
    }

  private:
    struct Piece {
        const std::uint8_t* data;  // null: the next bytes of the headers
        std::size_t size;
    };

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
