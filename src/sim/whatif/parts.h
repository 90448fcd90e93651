// Parts says to which part of the JVM an address or a call of a trace belongs. Attribution knows;
// the model is handed the answer, for it stands below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "event/trace.h"
#include "jvm/subsystem.h"

namespace ft::sim::whatif {

class Parts {
 public:
  virtual ~Parts() = default;
  virtual jvm::Subsystem at(event::Pid pid, std::uint64_t address, Nanoseconds ts) const = 0;
  virtual jvm::Subsystem of_call(std::size_t index) const = 0;  // into Trace::syscalls
};

// May be called from several threads at once.
using PartsOf = std::function<std::unique_ptr<Parts>(const event::Trace&)>;

}  // namespace ft::sim::whatif
