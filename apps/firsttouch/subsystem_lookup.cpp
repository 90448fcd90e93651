#include "subsystem_lookup.h"

#include "attribution/owner_history.h"
#include "jvm/subsystem.h"

namespace ft::app {

namespace {

class OwnerLookup : public recording::SubsystemLookup {
 public:
  explicit OwnerLookup(const event::Trace& trace)
      : history_(attribution::OwnerHistory::build(trace)) {}

  std::string_view subsystem_at(event::Pid pid, std::uint64_t address,
                                Nanoseconds ts) const override {
    return name_of(history_.owner_at(pid, address, ts));
  }
  std::string_view subsystem_of_syscall(std::size_t index) const override {
    return name_of(history_.owner_of_syscall(index));
  }

  std::size_t region_count() const override { return history_.regions().size(); }
  recording::RegionRow region(std::size_t index) const override {
    const attribution::Region& region = history_.regions()[index];
    const attribution::Owner& owner = history_.owners()[region.owner];
    return {.pid = region.pid,
            .range = region.range,
            .from_ts = region.from_ts,
            .to_ts = region.to_ts,
            .prot = region.prot,
            .committed = region.committed,
            .file = region.file,
            .subsystem = jvm::name_of(owner.subsystem),
            .evidence = attribution::name_of(owner.evidence),
            .detail = owner.detail};
  }

 private:
  std::string_view name_of(attribution::OwnerId owner) const {
    return jvm::name_of(history_.owners()[owner].subsystem);
  }

  attribution::OwnerHistory history_;
};

}  // namespace

std::unique_ptr<recording::SubsystemLookup> make_subsystem_lookup(const event::Trace& trace) {
  return std::make_unique<OwnerLookup>(trace);
}

}  // namespace ft::app
