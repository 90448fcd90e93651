#include "shrink.h"

#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <utility>

#include "base/units.h"

namespace ft::differential {

namespace {

constexpr unsigned kMostRuns = 1200;

class Shrinker {
 public:
  Shrinker(Runner& runner, const Run& run) : runner_(runner), best_(run), kind_(kind_of(run)) {}

  Result<Run> shrink() {
    std::size_t size = 0;
    do {
      size = best_.program.instructions.size();
      FT_TRY_VOID(drop_instructions());
      FT_TRY_VOID(simplify_start());
      FT_TRY_VOID(simplify_arguments());
    } while (runs_ < kMostRuns && best_.program.instructions.size() < size);
    return best_;
  }

 private:
  // Keeps `candidate` if it still shows the mismatch.
  Result<bool> attempt(const Program& candidate) {
    if (runs_++ >= kMostRuns) return false;
    Run run = FT_TRY(runner_.run(candidate));
    if (!run.mismatch || !run.disturbed_by.empty() || kind_of(run) != kind_) return false;
    best_ = std::move(run);
    return true;
  }

  Result<void> drop_instructions() {
    for (std::size_t chunk = std::bit_ceil(best_.program.instructions.size()) / 2; chunk > 0;
         chunk /= 2) {
      // From the end: what comes last depends on what was before, seldom the other way round.
      for (std::size_t end = best_.program.instructions.size(); end > 0;) {
        const std::size_t begin = end > chunk ? end - chunk : 0;
        Program candidate = best_.program;
        candidate.instructions.erase(
            candidate.instructions.begin() + static_cast<std::ptrdiff_t>(begin),
            candidate.instructions.begin() + static_cast<std::ptrdiff_t>(end));
        FT_TRY(attempt(candidate));
        end = std::min(begin, best_.program.instructions.size());
      }
    }
    return {};
  }

  Result<void> simplify_start() {
    const auto change = [&](auto member, auto value) -> Result<void> {
      Program candidate = best_.program;
      if (candidate.start.*member == value) return {};
      candidate.start.*member = value;
      FT_TRY(attempt(candidate));
      return {};
    };
    const Start usual;
    FT_TRY_VOID(change(&Start::address_space_limit, usual.address_space_limit));
    FT_TRY_VOID(change(&Start::data_limit, usual.data_limit));
    FT_TRY_VOID(change(&Start::stack_limit, usual.stack_limit));
    FT_TRY_VOID(change(&Start::memlock_limit, usual.memlock_limit));
    FT_TRY_VOID(change(&Start::privileged, usual.privileged));
    while (!best_.program.files.empty()) {
      Program candidate = best_.program;
      candidate.files.pop_back();
      const bool dropped = FT_TRY(attempt(candidate));
      if (!dropped) break;
    }
    for (std::size_t i = 0; i < best_.program.files.size(); ++i) {
      for (const File simple : {File{.size = kPageSize}, File{.size = 64 * kKiB}}) {
        Program candidate = best_.program;
        candidate.files[i] = simple;
        const bool changed = FT_TRY(attempt(candidate));
        if (changed) break;
      }
    }
    return {};
  }

  Result<void> simplify_arguments() {
    for (std::size_t i = 0; i < best_.program.instructions.size(); ++i) {
      // Runs leave out instructions that have become harmful, so the program may have got shorter.
      const Instruction instruction = best_.program.instructions[i];
      FT_TRY_VOID(std::visit([&](const auto& any) { return simplify(i, any); }, instruction));
    }
    return {};
  }

  // Tries one member of instruction `i` with each of `values`, simplest first.
  template <typename Call, typename Member>
  Result<void> change(std::size_t i, Member Call::* member, std::initializer_list<Member> values) {
    for (const Member value : values) {
      if (i >= best_.program.instructions.size()) return {};
      Program candidate = best_.program;
      auto* call = std::get_if<Call>(&candidate.instructions[i]);
      if (!call || call->*member == value) return {};
      call->*member = value;
      const bool changed = FT_TRY(attempt(candidate));
      if (changed) return {};
    }
    return {};
  }

  // Leaves out one bit after the other.
  template <typename Call>
  Result<void> clear_bits(std::size_t i, std::uint64_t Call::* member) {
    for (unsigned bit = 0; bit < 64; ++bit) {
      if (i >= best_.program.instructions.size()) return {};
      Program candidate = best_.program;
      auto* call = std::get_if<Call>(&candidate.instructions[i]);
      const std::uint64_t mask = std::uint64_t{1} << bit;
      if (!call || (call->*member & mask) == 0) continue;
      call->*member &= ~mask;
      FT_TRY(attempt(candidate));
    }
    return {};
  }

  template <typename Call>
  Result<void> simplify(std::size_t i, const Call& call) {
    if constexpr (requires { call.process; })
      FT_TRY_VOID((change<Call, unsigned>(i, &Call::process, {0U})));
    if constexpr (requires { call.length; })
      FT_TRY_VOID((change<Call, std::uint64_t>(
          i, &Call::length, {kPageSize, 2 * kPageSize, kHugePageSize, page_floor(call.length)})));
    if constexpr (requires { call.prot; })
      FT_TRY_VOID((change<Call, std::uint64_t>(i, &Call::prot,
                                               {PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE})));
    if constexpr (requires { call.flags; }) FT_TRY_VOID(clear_bits(i, &Call::flags));
    if constexpr (requires { call.offset; })
      FT_TRY_VOID((change<Call, std::uint64_t>(i, &Call::offset, {0U})));
    if constexpr (requires { call.file; })
      FT_TRY_VOID((change<Call, int>(i, &Call::file, {kNoFile, 0})));
    if constexpr (requires { call.pages; })
      FT_TRY_VOID((change<Call, unsigned>(i, &Call::pages, {1U, 2U, call.pages / 2})));
    if constexpr (requires { call.access; })
      FT_TRY_VOID((change<Call, Access>(i, &Call::access, {Access::Read, Access::Write})));
    if constexpr (requires { call.addr; })
      FT_TRY_VOID((change<Call, std::uint64_t>(i, &Call::addr, {page_floor(call.addr)})));
    return {};
  }

  Runner& runner_;
  Run best_;
  std::string kind_;
  unsigned runs_ = 0;
};

}  // namespace

Result<Run> shrink(Runner& runner, const Run& run) {
  return Shrinker(runner, run).shrink();
}

}  // namespace ft::differential
