// The control groups of this process (cgroups(7)), which limit what it may use.
#pragma once

#include <functional>
#include <string>

namespace dcmturbo {

// Calls `visit` with every folder that may limit `controller` ("cpu", "memory") for this process, and whether it is of
// version 2, whose files have other names than version 1's: those of its group, of all that are above it, and the
// roots, since a container may see a path that is true outside of it.
void visit_control_groups(const std::string& controller,
                          const std::function<void(const std::string& folder, bool is_v2)>& visit);

}  // namespace dcmturbo
