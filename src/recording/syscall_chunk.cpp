// Chunks of system calls: in the order they were told, which is the order of their ids.
#include <fmt/format.h>

#include "base/check.h"
#include "recording/chunk_codec.h"
#include "recording/event_shape.h"

namespace ft::recording {

using event::Syscall;

namespace {

enum Place : std::uint8_t { kTs, kDur, kCaller, kSort, kStack, kFile, kArg0, kRet = kArg0 + 6 };
constexpr std::size_t kCallColumns = kRet + 1;
static_assert(kCallColumns <= kMostColumns);

std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
std::uint64_t id_code(std::int32_t id) {
  return static_cast<std::uint32_t>(id) + 1U;
}
std::int32_t id_of(std::uint64_t code) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(code - 1));
}

}  // namespace

std::string_view ChunkEncoder::encode(std::span<const Syscall> calls) {
  FT_CHECK(!calls.empty());
  begin(ChunkKind::Syscall, calls.size(), calls.front().ts, kCallColumns);
  foresight_.clear();
  auto& [callers, sorts, unused] = dictionaries_;
  std::size_t caller_count = 0;
  std::size_t sort_count = 0;
  std::uint64_t last_ts = bits(base_ts_);
  std::array<std::uint64_t*, kCallColumns> to;
  for (std::size_t i = 0; i < kCallColumns; ++i) to[i] = columns_[i].data();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Syscall& call = calls[i];
    const std::uint32_t caller = callers.index_of(pack_caller(call));
    if (caller == caller_count) {
      foresight_.add_caller();
      ++caller_count;
    }
    const std::uint32_t sort = sorts.index_of(pack_sort(call));
    if (sort == sort_count) {
      FT_CHECK(foresight_.add_sort(call.number));
      ++sort_count;
    }
    to[kTs][i] = zigzag(bits(call.ts) - last_ts);
    last_ts = bits(call.ts);
    to[kDur][i] = bits(call.dur) + 1;
    to[kCaller][i] = caller;
    to[kSort][i] = sort;
    to[kStack][i] = id_code(call.stack);
    to[kFile][i] = id_code(call.file);
    const SyscallSurprise surprise = foresight_.code(sort, caller, call.args, call.ret);
    for (std::size_t arg = 0; arg < 6; ++arg) to[kArg0 + arg][i] = surprise.args[arg];
    to[kRet][i] = surprise.ret;
  }
  out_.column(columns_[kTs]);
  out_.column(columns_[kDur]);
  dictionary_column(callers, columns_[kCaller]);
  dictionary_column(sorts, columns_[kSort]);
  for (std::size_t i = kStack; i < kCallColumns; ++i) out_.column(columns_[i]);
  return finish();
}

Result<void> ChunkDecoder::decode(std::string_view chunk, std::vector<Syscall>& calls) {
  ColumnReader in = FT_TRY(open(chunk, ChunkKind::Syscall));
  foresight_.clear();
  std::array<std::span<const std::uint64_t>, kCallColumns> from;
  from[kTs] = FT_TRY(column(in, kTs, size_));
  from[kDur] = FT_TRY(column(in, kDur, size_));
  from[kCaller] = FT_TRY(indices_column(in, kCaller, size_));
  const std::vector<std::uint64_t> callers = dictionary_;
  for (std::size_t i = 0; i < callers.size(); ++i) foresight_.add_caller();
  from[kSort] = FT_TRY(indices_column(in, kSort, size_));
  for (const std::uint64_t packed : dictionary_) {
    if (!is_sort(packed) || !foresight_.add_sort(number_of_sort(packed))) {
      return in.damaged(fmt::format("no such system call: {:#x}", packed));
    }
  }
  for (std::size_t i = kStack; i < kCallColumns; ++i) from[i] = FT_TRY(column(in, i, size_));
  for (const std::size_t place : {kStack, kFile}) {
    for (const std::uint64_t code : from[place]) {
      if (!is_stack_id(code)) return in.damaged("the id of a stack or file out of range");
    }
  }
  FT_TRY_VOID(finish(in));

  calls.resize(size_);
  std::uint64_t ts = bits(base_ts_);
  for (std::size_t i = 0; i < size_; ++i) {
    Syscall& call = calls[i];
    ts += unzigzag(from[kTs][i]);
    call.ts = static_cast<std::int64_t>(ts);
    call.dur = static_cast<std::int64_t>(from[kDur][i] - 1);
    unpack_caller(callers[from[kCaller][i]], call);
    unpack_sort(dictionary_[from[kSort][i]], call);
    call.stack = id_of(from[kStack][i]);
    call.file = id_of(from[kFile][i]);
    SyscallSurprise surprise;
    for (std::size_t arg = 0; arg < 6; ++arg) surprise.args[arg] = from[kArg0 + arg][i];
    surprise.ret = from[kRet][i];
    foresight_.decode(from[kSort][i], from[kCaller][i], surprise, call.args, call.ret);
  }
  return {};
}

}  // namespace ft::recording
