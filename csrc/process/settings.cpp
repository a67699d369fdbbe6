// Reads settings from the environment and stores those of dt.config.
#include "process/settings.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
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

struct Store {
    std::mutex mutex;
    Settings settings = from_environment();
};

// This object is never destroyed. The lock is held only while the settings are copied. So a child of fork() inherits a
// locked mutex only if the fork happens during that copy.
Store& store() {
    static auto* const result = new Store();
    return *result;
}

}  // namespace

Settings settings() {
    Store& current = store();
    const std::lock_guard lock(current.mutex);
    return current.settings;
}

void set_settings(const Settings& wanted) {
    if (!isa_available(wanted.isa))
        fail(ErrorCode::argument, no_offset, "this CPU does not have '%s'", isa_name(wanted.isa));
    Store& current = store();
    const std::lock_guard lock(current.mutex);
    current.settings = wanted;
}

unsigned resolve_threads(unsigned asked, const Settings& settings) {
    if (asked != 0) return asked;
    return settings.threads != 0 ? settings.threads : default_threads();
}

}  // namespace dcmturbo
