// What the process may use: CPUs, memory, and the control groups that say so.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "process/control_groups.h"
#include "process/cpu_quota.h"
#include "process/memory_limit.h"

using namespace dcmturbo;

TEST_CASE("default threads: at least one") { CHECK(default_threads() >= 1); }

TEST_CASE("the memory limit is that of some machine") {
    CHECK(memory_limit() > std::uint64_t{1} << 20);
    CHECK(memory_limit() < std::uint64_t{1} << 60);
}

TEST_CASE("control groups: the roots of both versions are visited, and no folder twice") {
    std::vector<std::string> v1;
    std::vector<std::string> v2;
    visit_control_groups("memory", [&](const std::string& folder, bool is_v2) {
        (is_v2 ? v2 : v1).push_back(folder);
        CHECK(folder.back() != '/');
    });
    REQUIRE(!v1.empty());
    REQUIRE(!v2.empty());
    CHECK(v2.front() == "/sys/fs/cgroup");
    CHECK(v1.front() == "/sys/fs/cgroup/memory");
    for (std::vector<std::string>* folders : {&v1, &v2}) {
        for (const std::string& folder : *folders) CHECK(folder.find(folders->front()) == 0);
        std::sort(folders->begin(), folders->end());
        CHECK(std::adjacent_find(folders->begin(), folders->end()) == folders->end());
    }
}
