// Finds the control groups of this process: cgroups(7).
#include "process/control_groups.h"

#include <fstream>

namespace dcmturbo {

void visit_control_groups(const std::string& controller,
                          const std::function<void(const std::string& folder, bool is_v2)>& visit) {
    const std::string root_v2 = "/sys/fs/cgroup";
    const std::string root_v1 = root_v2 + "/" + controller;
    visit(root_v2, true);
    visit(root_v1, false);
    // Lines have the form id:controllers:path. In version 2 the id is 0, and there are no controllers.
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const std::size_t first = line.find(':');
        const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
        if (second == std::string::npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const bool is_v2 = controllers.empty();
        if (!is_v2 && ("," + controllers + ",").find("," + controller + ",") == std::string::npos) continue;
        std::string path = line.substr(second + 1);
        while (path.size() > 1 && path[0] == '/') {
            visit((is_v2 ? root_v2 : root_v1) + path, is_v2);
            path.erase(path.rfind('/'));
        }
    }
}

}  // namespace dcmturbo
