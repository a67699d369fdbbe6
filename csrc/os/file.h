// A regular file that is read at positions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dcmturbo::os {

// Reads do not share a position, with each other or with anybody who has the same file open. A file that shrinks gives
// fewer bytes, and never ends the process, as a memory map would.
class File {
  public:
    File() = default;
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;
    ~File();

    // Opens a file. `path` is what the system takes, bytes, and on Windows UTF-8; it may be long there. If this fails,
    // the result is not open and `problem` says why.
    static File open(const std::string& path, std::string& problem);

    // Opens once more the file of an open descriptor, whose owner may then close it.
    static File of_descriptor(int descriptor, std::string& problem);

    [[nodiscard]] bool is_open() const { return handle_ != none; }
    [[nodiscard]] std::uint64_t size() const { return size_; }  // when it was opened

    // Reads up to `size` bytes, fewer at the end of the file, or if reading fails: then `problem` says why. Safe from
    // several threads at once.
    std::size_t read_at(std::uint64_t offset, std::byte* to, std::size_t size, std::string& problem) const;

  private:
    static constexpr std::intptr_t none = -1;

    explicit File(std::intptr_t handle) : handle_(handle) {}
    void take_size(std::string& problem);
    void close() noexcept;

    std::intptr_t handle_ = none;  // a descriptor, on Windows a HANDLE
    std::uint64_t size_ = 0;
};

}  // namespace dcmturbo::os
