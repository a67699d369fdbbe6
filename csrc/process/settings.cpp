// Reads settings from the environment and stores those of dt.config.
#include "process/settings.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <list>
#include <mutex>

#include "base/error.h"
#include "process/cpu_quota.h"
#include "process/memory_limit.h"

namespace dcmturbo {

namespace {

// Returns 0 if the variable is not set. Any text but a positive whole number is an error.
std::uint64_t positive_from_environment(const char* name) {
    const char* text = std::getenv(name);
    if (text == nullptr || *text == '\0') return 0;
    char* end = nullptr;
    errno = 0;
    const unsigned long long value = std::strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value == 0 || *text == '-') {
        fail(ErrorCode::argument, no_offset, "%s is '%s'; it must be a positive whole number", name, text);
    }
    return value;
}

Settings from_environment() {
    Settings result;
    result.threads =
        static_cast<unsigned>(std::min<std::uint64_t>(positive_from_environment("DCMTURBO_NUM_THREADS"), 1024));
    if (const std::uint64_t pixels = positive_from_environment("DCMTURBO_MAX_PIXELS"); pixels != 0)
        result.limits.max_pixels = pixels;
    const std::uint64_t memory = memory_limit();
    result.limits.max_output = std::min(result.limits.max_output, memory);
    result.limits.max_scratch = std::min(result.limits.max_scratch, memory / 2);
    result.isa = best_isa();
    if (const char* name = std::getenv("DCMTURBO_ISA"); name != nullptr && *name != '\0') {
        if (!isa_from_name(name, result.isa))
            fail(ErrorCode::argument, no_offset, "DCMTURBO_ISA is '%s'; expected scalar, avx2, avx512 or neon", name);
        if (!isa_available(result.isa))
            fail(ErrorCode::argument, no_offset, "DCMTURBO_ISA is '%s', but this CPU does not have that", name);
    }
    return result;
}

// It has no lock, because threads without a GIL read it for every frame. A call that reads while another thread sets
// may find some old and some new values.
class Store {
  public:
    explicit Store(const Settings& first) { set(first); }
    [[nodiscard]] Settings get() const {
        return {
            .threads = read(threads_),
            .isa = read(isa_),
            .limits = {.max_pixels = read(max_pixels_),
                       .max_output = read(max_output_),
                       .max_scratch = read(max_scratch_)},
            .prefer_library = read(prefer_library_),
            .decode_options = decode_options_.load(std::memory_order_acquire),
        };
    }
    void set(const Settings& wanted) {
        write(threads_, wanted.threads);
        write(isa_, wanted.isa);
        write(max_pixels_, wanted.limits.max_pixels);
        write(max_output_, wanted.limits.max_output);
        write(max_scratch_, wanted.limits.max_scratch);
        write(prefer_library_, wanted.prefer_library);
        decode_options_.store(wanted.decode_options, std::memory_order_release);
    }

  private:
    template <typename T>
    static T read(const std::atomic<T>& from) {
        return from.load(std::memory_order_relaxed);
    }
    template <typename T>
    static void write(std::atomic<T>& to, T value) {
        to.store(value, std::memory_order_relaxed);
    }

    std::atomic<unsigned> threads_;
    std::atomic<Isa> isa_;
    std::atomic<std::uint64_t> max_pixels_;
    std::atomic<std::uint64_t> max_output_;
    std::atomic<std::uint64_t> max_scratch_;
    std::atomic<bool> prefer_library_;
    std::atomic<const OptionValues*> decode_options_;
};

// It is never destroyed.
Store& store() {
    static auto* const result = new Store(from_environment());
    return *result;
}

}  // namespace

Settings settings() { return store().get(); }

void set_settings(const Settings& wanted) {
    if (!isa_available(wanted.isa))
        fail(ErrorCode::argument, no_offset, "this CPU does not have '%s'", isa_name(wanted.isa));
    store().set(wanted);
}

// There are few different values, because options of decoding are switches.
const OptionValues* kept_values(const OptionValues& values) {
    static auto* const mutex = new std::mutex();
    static auto* const kept = new std::list<OptionValues>();
    const std::lock_guard lock(*mutex);
    const auto found = std::find(kept->begin(), kept->end(), values);
    return found != kept->end() ? &*found : &kept->emplace_back(values);
}

unsigned resolve_threads(unsigned asked, const Settings& settings) {
    if (asked != 0) return asked;
    return settings.threads != 0 ? settings.threads : default_threads();
}

}  // namespace dcmturbo
