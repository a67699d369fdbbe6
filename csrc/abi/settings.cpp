// The C ABI of the settings of the process.
#include "process/settings.h"

#include <atomic>

#include "abi/convert.h"
#include "base/interruption.h"
#include "process/cpu_quota.h"
#include "process/memory_limit.h"
#include "process/output_memory.h"
#include "sched/thread_pool.h"

using namespace dcmturbo;

uint32_t dcmturbo_abi_version(void) { return DCMTURBO_ABI_VERSION; }

void dcmturbo_get_settings(dcmturbo_settings* to) {
    Settings current;
    try {
        current = settings();
    } catch (...) {
        // An environment variable is invalid. dcmturbo_set_settings and every decoding call report it.
        current.isa = best_isa();
    }
    to->threads = current.threads;
    to->isa = static_cast<uint8_t>(current.isa);
    to->max_pixels = current.limits.max_pixels;
    to->max_output = current.limits.max_output;
    to->max_scratch = current.limits.max_scratch;
    to->prefer_library = current.prefer_library ? 1 : 0;
}

int32_t dcmturbo_set_settings(const dcmturbo_settings* from, dcmturbo_error* error) {
    return abi::guarded(error, [&] {
        Settings wanted = settings();
        if (from->isa >= isa_count)
            fail(ErrorCode::argument, no_offset, "there is no instruction set with the number %u", unsigned{from->isa});
        wanted.threads = from->threads;
        wanted.isa = static_cast<Isa>(from->isa);
        wanted.limits.max_pixels = from->max_pixels;
        wanted.limits.max_output = from->max_output;
        wanted.limits.max_scratch = from->max_scratch;
        wanted.prefer_library = from->prefer_library != 0;
        set_settings(wanted);
    });
}

const char* dcmturbo_isa_name(uint8_t isa) { return isa < isa_count ? isa_name(static_cast<Isa>(isa)) : nullptr; }

int32_t dcmturbo_isa_available(uint8_t isa) { return isa < isa_count && isa_available(static_cast<Isa>(isa)) ? 1 : 0; }

uint32_t dcmturbo_default_threads(void) { return default_threads(); }

uint64_t dcmturbo_memory_limit(void) {
    try {
        return memory_limit();
    } catch (...) {
        return 0;
    }
}

void dcmturbo_parallel_for(size_t count, uint32_t threads, void (*body)(void* context, size_t i), void* context) {
    ThreadPool::instance().run(count, threads, body, context);
}

namespace {

std::atomic<int32_t (*)(void)> interrupt{nullptr};

bool ask_interrupt() {
    const auto ask = interrupt.load(std::memory_order_acquire);
    return ask != nullptr && ask() != 0;
}

}  // namespace

void dcmturbo_set_interrupt(int32_t (*ask)(void)) {
    interrupt.store(ask, std::memory_order_release);
    Interruption::set_ask(ask == nullptr ? nullptr : ask_interrupt);
}

void* dcmturbo_output_allocate(size_t size) { return allocate_output(size); }

void dcmturbo_output_free(void* block, size_t size) { free_output(block, size); }

void dcmturbo_set_output_cache(uint64_t bytes) { set_output_cache(bytes); }

uint64_t dcmturbo_output_cache(void) { return output_cache(); }
