// HostSettings is what the model must know of this host to answer as its kernel does.
#pragma once

#include <string_view>

#include "base/result.h"
#include "sim/machine/process.h"

namespace ft::differential {

// `kernel`: "auto" for the one that runs, or "6.1", "6.12", "6.18". Limits of a process and its
// layout are left as they are. An error where the host is set so that programs cannot be compared.
Result<sim::machine::Settings> host_settings(std::string_view kernel);

}  // namespace ft::differential
