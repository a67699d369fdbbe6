// The control groups of this process (cgroups(7)). They limit the CPUs and the memory that it may use.
#pragma once

#include <functional>
#include <string>

namespace dcmturbo {

// Calls `visit` for each folder that may limit `controller` ("cpu" or "memory") for this process, and says whether the
// folder is of version 2, whose files have other names than those of version 1. The folders are those of the process's
// group, of its parent groups, and the roots. The roots are included because a container may see a path that exists
// only outside of it.
void visit_control_groups(const std::string& controller,
                          const std::function<void(const std::string& folder, bool is_v2)>& visit);

}  // namespace dcmturbo
