// A regular file that is read at given positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace dcmturbo::os {

// Reading does not use or change the file position, so several threads and other users of the file do not disturb each
// other. If the file shrinks, reads return fewer bytes. A memory map would end the process instead.
class File {
  public:
    File() = default;
    File(File&& other) noexcept : handle_(std::exchange(other.handle_, none)), size_(other.size_) {}
    File& operator=(File&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~File() { close(); }

    // Opens a file. `path` is given in bytes: on Windows they are UTF-8, and the path may be longer than 260
    // characters. If opening fails, the result is not open and `problem` says why.
    static File open(const std::string& path, std::string& problem);

    // Opens the file of an open descriptor once more. The owner may then close its descriptor.
    static File of_descriptor(int descriptor, std::string& problem);

    [[nodiscard]] bool is_open() const { return handle_ != none; }
    [[nodiscard]] std::uint64_t size() const { return size_; }  // at the time of opening

    // Reads up to `size` bytes. It returns fewer at the end of the file or if reading fails; in the second case
    // `problem` says why. Several threads may call it at the same time.
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size, std::string& problem) const;

    // Nobody may read meanwhile or afterwards.
    void close() noexcept;

  private:
    static constexpr std::intptr_t none = -1;  // on Windows INVALID_HANDLE_VALUE

    explicit File(std::intptr_t handle) : handle_(handle) {}
    void take_size(std::string& problem);

    std::intptr_t handle_ = none;  // a descriptor; on Windows a HANDLE
    std::uint64_t size_ = 0;
};

}  // namespace dcmturbo::os
