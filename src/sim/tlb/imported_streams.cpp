#include "sim/tlb/imported_streams.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "arch/paging.h"
#include "base/text.h"
#include "base/units.h"

namespace ft::sim::tlb {

namespace {

// The accesses one line stands for: at most a load and a store, each to two pages.
class LineAccesses {
 public:
  void add(std::uint64_t address, AccessKind kind) { all_[count_++] = {address, kind}; }
  void add_each_page(std::uint64_t address, std::uint64_t size, AccessKind kind) {
    add(address, kind);
    const std::uint64_t last = address + size - 1;
    if (page_floor(last) != page_floor(address)) add(page_floor(last), kind);
  }
  bool take(Access& access) {
    if (taken_ == count_) return false;
    access = all_[taken_++];
    return true;
  }
  void clear() { taken_ = count_ = 0; }

 private:
  std::array<Access, 4> all_{};
  unsigned count_ = 0;
  unsigned taken_ = 0;
};

// Reads lines with `parse(feed, line, accesses)`.
template <typename Parse>
class TextStream final : public AccessStream {
 public:
  TextStream(ReadBytes read, std::string name, Parse parse)
      : feed_(std::move(read), std::move(name)), parse_(parse) {}

  Result<std::size_t> next(std::span<Access> out) override {
    std::size_t count = 0;
    while (count < out.size() && !ended_) {
      if (of_line_.take(out[count])) {
        ++count;
        continue;
      }
      auto read = next_line();
      if (read && *read) continue;
      ended_ = true;
      if (!read) return std::unexpected(std::move(read).error());
    }
    return count;
  }

 private:
  Result<bool> next_line() {
    const std::optional<std::string_view> line = FT_TRY(feed_.next());
    if (!line) return false;
    of_line_.clear();
    FT_TRY_VOID(parse_(feed_, *line, of_line_));
    return true;
  }

  LineFeed feed_;
  Parse parse_;
  LineAccesses of_line_;
  bool ended_ = false;
};

Result<std::uint64_t> parse_address(const LineFeed& feed, std::string_view text,
                                    const std::string& remedy) {
  const auto address = parse_integer<std::uint64_t>(text, 16);
  if (!address) {
    return feed.fail_at(
        text,
        fmt::format("expected a hexadecimal address, found '{}'", printable(text.substr(0, 40))),
        remedy);
  }
  if (!arch::is_canonical(*address, arch::Levels::Five)) {
    return feed.fail_at(text, fmt::format("no processor translates the address {}", hex(*address)));
  }
  return *address;
}

// ---- lackey ------------------------------------------------------------------------------------

// Larger than any access of one instruction; with it an access touches two pages at most.
constexpr std::uint64_t kLargestAccess = kPageSize;

const std::string kLackeyRemedy =
    "expected are lines of valgrind --tool=lackey --trace-mem=yes; keep the program's own output "
    "out "
    "of them with --log-file=FILE";

struct LackeyKind {
  std::string_view prefix;
  bool load, store, fetch;
};
constexpr std::array kLackeyKinds = {
    LackeyKind{"I  ", false, false, true}, LackeyKind{" L ", true, false, false},
    LackeyKind{" S ", false, true, false}, LackeyKind{" M ", true, true, false}};

Result<void> parse_lackey(const LineFeed& feed, std::string_view line, LineAccesses& accesses) {
  if (line.empty() || line.starts_with("==") || line.starts_with("--") || line.starts_with("SB "))
    return {};
  const auto* const kind = std::ranges::find_if(
      kLackeyKinds, [&](const LackeyKind& one) { return line.starts_with(one.prefix); });
  if (kind == kLackeyKinds.end()) {
    return feed.fail_at(
        line, fmt::format("expected an access, found '{}'", printable(line.substr(0, 40))),
        kLackeyRemedy);
  }
  std::string_view rest = line.substr(kind->prefix.size());
  const std::uint64_t address = FT_TRY(parse_address(feed, take_until(rest, ','), kLackeyRemedy));
  const auto size = parse_integer<std::uint64_t>(rest);
  if (!size || *size == 0 || *size > kLargestAccess) {
    return feed.fail_at(rest, fmt::format("expected a size between 1 and {}, found '{}'",
                                          kLargestAccess, printable(rest.substr(0, 40))));
  }
  if (address + (*size - 1) < address) {
    return feed.fail_at(rest, "the access passes the last address");
  }
  if (kind->fetch) accesses.add_each_page(address, *size, AccessKind::Fetch);
  if (kind->load) accesses.add_each_page(address, *size, AccessKind::Load);
  if (kind->store) accesses.add_each_page(address, *size, AccessKind::Store);
  return {};
}

// ---- perf script -------------------------------------------------------------------------------

const std::string kPerfRemedy = "print them with perf script -F addr, or -F time,event,addr";

Result<void> parse_perf_script(const LineFeed& feed, std::string_view line,
                               LineAccesses& accesses) {
  const std::string_view fields = trim(line);
  if (fields.empty() || fields.starts_with('#')) return {};
  const std::size_t blank = fields.find_last_of(" \t");
  std::string_view before;  // fields before the address
  std::string_view address_text = fields;
  if (blank != std::string_view::npos) {
    before = trim(fields.substr(0, blank));
    address_text = fields.substr(blank + 1);
  }
  const std::uint64_t address = FT_TRY(parse_address(feed, address_text, kPerfRemedy));
  if (!before.empty() && !before.ends_with(':')) {
    return feed.fail_at(address_text, "expected the time or the event just before the address",
                        kPerfRemedy);
  }
  if (address == 0) return {};
  const std::string_view event = before.substr(before.find_last_of(" \t") + 1);
  const bool store = event.find("store") != std::string_view::npos;
  accesses.add(address, store ? AccessKind::Store : AccessKind::Load);
  return {};
}

}  // namespace

std::unique_ptr<AccessStream> read_lackey(ReadBytes read, std::string name) {
  return std::make_unique<TextStream<decltype(&parse_lackey)>>(std::move(read), std::move(name),
                                                               &parse_lackey);
}

std::unique_ptr<AccessStream> read_perf_script(ReadBytes read, std::string name) {
  return std::make_unique<TextStream<decltype(&parse_perf_script)>>(
      std::move(read), std::move(name), &parse_perf_script);
}

}  // namespace ft::sim::tlb
