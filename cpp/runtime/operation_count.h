#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace frankentorch {

// Counts the operations that this thread dispatches, by name: what a caller asks for, not what that is made of, and
// neither views nor allocations, which compute nothing. Costs nothing while it is off.
class OperationCount {
 public:
  // Begins at none.
  static void start();
  // What was counted since; none when it was not on.
  static std::map<std::string, int64_t> stop();
};

}  // namespace frankentorch
