// Files, memory and the clock of every operating system that the core runs on.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "os/file.h"
#include "os/memory.h"
#include "os/process.h"

using namespace dcmturbo;

namespace {

// A folder that the test removes again.
class Folder {
  public:
    Folder() {
        const auto number = std::to_string(os::process_id()) + "-" + std::to_string(next_++);
        path_ = std::filesystem::temp_directory_path() / ("dcmturbo-core-" + number);
        std::filesystem::create_directories(path_);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    static inline std::atomic<int> next_{0};
    std::filesystem::path path_;
};

std::string utf8_of(const std::filesystem::path& path) {
    const std::u8string text = path.u8string();
    return {text.begin(), text.end()};
}

// Writes `size` bytes, byte i being i * 7 modulo 256, and returns the path as the core takes it.
std::string write(const std::filesystem::path& path, std::size_t size) {
    std::string content(size, '\0');
    for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 7);
    std::ofstream(path, std::ios::binary) << content;
    return utf8_of(path);
}

bool holds(const std::vector<std::byte>& read, std::size_t offset) {
    for (std::size_t i = 0; i < read.size(); ++i) {
        if (read[i] != static_cast<std::byte>((offset + i) * 7)) return false;
    }
    return true;
}

}  // namespace

TEST_CASE("file: reads at any position, and fewer bytes at the end") {
    const Folder folder;
    std::string problem;
    const os::File file = os::File::open(write(folder.path() / "a file.dcm", 100000), problem);
    REQUIRE_MESSAGE(file.is_open(), problem);
    CHECK(file.size() == 100000);
    for (const std::size_t offset : {99990u, 0u, 70000u, 1u}) {
        std::vector<std::byte> to(10);
        CHECK(file.read_at(offset, to.data(), to.size(), problem) == 10);
        CHECK(holds(to, offset));
    }
    std::vector<std::byte> to(10);
    CHECK(file.read_at(99995, to.data(), to.size(), problem) == 5);
    CHECK(file.read_at(100000, to.data(), to.size(), problem) == 0);
    CHECK(file.read_at(std::uint64_t{1} << 40, to.data(), to.size(), problem) == 0);
    CHECK(problem.empty());
    CHECK(file.read_at(~std::uint64_t{0}, to.data(), to.size(), problem) == 0);
}

TEST_CASE("file: several threads read one file") {
    const Folder folder;
    std::string problem;
    const os::File file = os::File::open(write(folder.path() / "file", 1 << 20), problem);
    REQUIRE_MESSAGE(file.is_open(), problem);
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            std::string problem_here;
            std::vector<std::byte> to(1000);
            for (std::size_t i = 0; i < 200; ++i) {
                const std::size_t offset = (i * 5003 + t * 101) % ((1 << 20) - 1000);
                if (file.read_at(offset, to.data(), to.size(), problem_here) == 1000 && holds(to, offset)) ++right;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(right == 800);
}

TEST_CASE("file: a name in any script") {
    const Folder folder;
    std::string problem;
    const std::u8string name = u8"\u00e9tude \u80f8\u90e8 \U0001f9e0.dcm";
    const os::File file = os::File::open(write(folder.path() / name, 10), problem);
    CHECK_MESSAGE(file.is_open(), problem);
    CHECK(file.size() == 10);
}

TEST_CASE("file: a path of more than 260 characters") {
    const Folder folder;
    std::filesystem::path path = folder.path();
    std::string name(60, 'x');
    for (int i = 0; i < 6; ++i) path /= name;
#if defined(_WIN32)
    // The prefix lifts the limit for the C++ library. The core adds it by itself.
    const std::filesystem::path made = L"\\\\?\\" + path.wstring();
#else
    const std::filesystem::path& made = path;
#endif
    std::filesystem::create_directories(made);
    write(made / "file", 10);
    std::string problem;
    const os::File file = os::File::open(utf8_of(path / "file"), problem);
    CHECK_MESSAGE(file.is_open(), problem);
    CHECK(file.size() == 10);
#if defined(_WIN32)
    std::error_code ignored;
    std::filesystem::remove_all(L"\\\\?\\" + folder.path().wstring(), ignored);
#endif
}

TEST_CASE("file: what cannot be opened says why") {
    const Folder folder;
    std::string problem;
    CHECK(!os::File::open(utf8_of(folder.path() / "missing"), problem).is_open());
    CHECK(!problem.empty());
    problem.clear();
    CHECK(!os::File::open(utf8_of(folder.path()), problem).is_open());
    CHECK(problem.find("directory") != std::string::npos);
    problem.clear();
    CHECK(!os::File::of_descriptor(-1, problem).is_open());
    CHECK(!problem.empty());
}

TEST_CASE("memory: pages read as zeros, are aligned, and can be written to after they were offered") {
    const std::size_t size = 2 * os::huge_page;
    auto* block = static_cast<unsigned char*>(os::map_pages(size));
    REQUIRE(block != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(block) % 4096 == 0);
    CHECK(std::all_of(block, block + size, [](unsigned char value) { return value == 0; }));
    std::fill(block, block + size, static_cast<unsigned char>(1));
    os::offer_pages(block, size);
    std::fill(block, block + size, static_cast<unsigned char>(2));
    CHECK(std::all_of(block, block + size, [](unsigned char value) { return value == 2; }));
    os::unmap_pages(block, size);
    CHECK(os::physical_memory() > std::uint64_t{1} << 26);
}

TEST_CASE("process: CPUs, and a clock that does not go back") {
    CHECK(os::process_id() != 0);
    CHECK(os::allowed_cpus() >= 1);
    const auto before = os::coarse_time();
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (os::coarse_time() == before && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    CHECK(os::coarse_time() > before);
}
