// Asks the registered function whether a call is to end.
#include "base/interruption.h"

#include "base/error.h"

namespace dcmturbo {

namespace {

std::atomic<Interruption::Ask> registered_ask{nullptr};

}  // namespace

void Interruption::set_ask(Ask ask) { registered_ask.store(ask, std::memory_order_release); }

bool Interruption::ask() {
    due_ = os::coarse_time() + period;
    const Ask to_ask = registered_ask.load(std::memory_order_acquire);
    if (to_ask == nullptr || !to_ask()) return false;
    stop();
    return true;
}

void Interruption::fail_interrupted() { fail(ErrorCode::interrupted, no_offset, "interrupted"); }

}  // namespace dcmturbo
