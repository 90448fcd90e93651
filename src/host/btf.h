// The tracepoints that the kernel's type information (BTF) describes: the ones a tp_btf program can
// attach to (Documentation/bpf/btf.rst).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ft::host {

class BtfTracepoints {
 public:
  // `btf` is /sys/kernel/btf/vmlinux. Fails with the byte offset where it is not BTF, or of a kind
  // this walk does not know.
  static Result<BtfTracepoints> make(std::string_view btf);

  // The id of the typedef btf_trace_<name>, which a program names when it is loaded.
  std::optional<std::uint32_t> type_id(std::string_view name) const {
    const auto it = type_ids_.find(name);
    return it == type_ids_.end() ? std::nullopt : std::optional(it->second);
  }
  bool has(std::string_view name) const { return type_id(name).has_value(); }
  std::size_t size() const { return type_ids_.size(); }

 private:
  std::map<std::string, std::uint32_t, std::less<>> type_ids_;
};

}  // namespace ft::host
