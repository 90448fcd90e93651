// Pages of every kind of a running process: does explain say of each what the kernel's own files
// say, read here by other means, and does map count the folios that are there?
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/fd.h"
#include "base/text.h"
#include "run.h"

namespace ft::e2e {
namespace {

using Json = nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

// Puts a sysfs setting back as it was.
class Setting {
 public:
  Setting(std::string path, const std::string& value) : path_(std::move(path)) {
    const auto text = read_file(path_);
    if (!text) return;
    const std::size_t open = text->find('[');
    before_ = text->substr(open + 1, text->find(']') - open - 1);
    made_ = write(value);
  }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;
  ~Setting() {
    if (made_) write(before_);
  }
  bool made() const { return made_; }

 private:
  bool write(const std::string& value) const {
    std::ofstream file(path_);
    file << value << std::flush;
    return file.good();
  }
  std::string path_;
  std::string before_;
  bool made_ = false;
};

// 64 MiB of swap in a zram device of its own, taken away again at the end.
class Swap {
 public:
  Swap() {
    const auto number = read_file("/sys/class/zram-control/hot_add");
    if (!number) {
      why_ = "the kernel has no zram: " + number.error().message();
      return;
    }
    number_ = trim(*number);
    std::ofstream("/sys/block/zram" + number_ + "/disksize") << (64 << 20) << std::flush;
    const std::string device = "/dev/zram" + number_;
    for (const auto& command : {std::vector<std::string>{"mkswap", device},
                                std::vector<std::string>{"swapon", "-p", "32000", device}}) {
      const Finished done = run(command);
      if (done.exit_status() != 0) {
        why_ = done.err;
        return;
      }
    }
    on_ = true;
  }
  Swap(const Swap&) = delete;
  Swap& operator=(const Swap&) = delete;
  ~Swap() {
    if (number_.empty()) return;
    if (on_) {
      EXPECT_EQ(run({"swapoff", "/dev/zram" + number_}).exit_status(), 0);
    }
    std::ofstream("/sys/block/zram" + number_ + "/reset") << 1 << std::flush;
    std::ofstream("/sys/class/zram-control/hot_remove") << number_ << std::flush;
  }
  const std::string& why_not() const { return why_; }

 private:
  std::string number_;
  std::string why_;
  bool on_ = false;
};

// A page as /proc/PID/pagemap and /proc/kpageflags have it; nothing of the tool's is used.
struct KernelPage {
  std::uint64_t word = 0;
  std::uint64_t flags = 0;
  unsigned order = 0;
  std::uint64_t folio = 0;

  std::uint64_t frame() const { return word & ((1ULL << 55U) - 1); }
  bool present() const { return (word >> 63U & 1U) != 0; }
  bool swapped() const { return (word >> 62U & 1U) != 0; }
};

std::uint64_t number_at(const std::string& path, std::uint64_t index) {
  static std::map<std::string, Fd> files;
  Fd& file = files[path];
  if (!file.valid()) file = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::uint64_t value = 0;
  EXPECT_EQ(::pread(file.get(), &value, 8, static_cast<off_t>(index * 8)), 8) << path;
  return value;
}

KernelPage kernel_page(pid_t pid, std::uint64_t address) {
  KernelPage page{.word = number_at(fmt::format("/proc/{}/pagemap", pid), address / 4096)};
  if (!page.present()) return page;
  const auto flags = [](std::uint64_t frame) { return number_at("/proc/kpageflags", frame); };
  constexpr std::uint64_t kHead = 1U << 15U;
  constexpr std::uint64_t kTail = 1U << 16U;
  page.flags = flags(page.frame());
  page.folio = page.frame();
  if ((page.flags & (kHead | kTail)) != 0) {
    while ((flags(page.folio) & kHead) == 0) --page.folio;
    std::uint64_t end = page.folio + 1;
    while ((flags(end) & kTail) != 0) ++end;
    while ((2ULL << page.order) <= end - page.folio) ++page.order;
  }
  return page;
}

std::map<std::string, std::uint64_t> pages_of(const std::string& output) {
  std::map<std::string, std::uint64_t> pages;
  std::istringstream lines(output);
  for (std::string name, address; lines >> name && name != "ready" && lines >> address;) {
    pages[name] = *parse_integer<std::uint64_t>(std::string_view(address).substr(2), 16);
  }
  return pages;
}

Json explained(pid_t pid, std::uint64_t address) {
  const Finished asked = run({firsttouch(), "explain", fmt::format("{:#x}", address), "-p",
                              std::to_string(pid), "--format", "json"});
  EXPECT_EQ(asked.exit_status(), 0) << asked.err;
  return Json::parse(asked.out, nullptr, false);
}

class LivePages : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, for frame numbers";
    if (number_at("/proc/self/pagemap", reinterpret_cast<std::uint64_t>(this) / 4096) << 9U == 0) {
      GTEST_SKIP() << "the kernel hides frame numbers";
    }
  }
};

TEST_F(LivePages, AreWhatPagemapAndKpageflagsSay) {
  const Swap swap;
  const Setting huge_pages("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
  const Setting folios("/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "madvise");
  const Running process({target("page_kinds"), scratch("page-kinds")});
  ASSERT_TRUE(process.wait_for("ready")) << process.output();
  const auto pages = pages_of(process.output());
  ASSERT_GE(pages.size(), 12U);
  std::map<std::string, Json> told;
  for (const auto& [name, address] : pages) {
    SCOPED_TRACE(name);
    const KernelPage before = kernel_page(process.pid(), address);
    const Json json = explained(process.pid(), address);
    const KernelPage after = kernel_page(process.pid(), address);
    if (before.word != after.word) continue;  // moved meanwhile
    const Json& page = json["page"];
    EXPECT_EQ(page["pagemap"], fmt::format("0x{:016x}", before.word));
    EXPECT_EQ(page["present"], before.present());
    EXPECT_EQ(page["swapped"], before.swapped() && !page["guard"].get<bool>());
    EXPECT_EQ(page["file_or_shared"], (before.word >> 61U & 1U) != 0);
    EXPECT_EQ(page["exclusive"], (before.word >> 56U & 1U) != 0);
    if (before.swapped() && !page["guard"].get<bool>()) {
      EXPECT_EQ(page["swap_area"], before.word & 0x1f);
      EXPECT_EQ(page["swap_slot"], before.word >> 5U & ((1ULL << 50U) - 1));
    }
    if (before.present()) {
      EXPECT_EQ(page["frame"], before.frame());
      const Json& frame = json["frame"];
      EXPECT_EQ(frame["order"], before.order);
      EXPECT_EQ(frame["folio_start"], fmt::format("0x{:x}", before.folio));
      // The marks that other processes' reclaim changes from moment to moment are left out.
      constexpr std::uint64_t kFleeting = 1U << 0U | 1U << 2U | 1U << 6U | 1U << 5U | 1U << 25U;
      const auto flags = parse_integer<std::uint64_t>(
          std::string_view(frame["flags"].get_ref<const std::string&>()).substr(2), 16);
      ASSERT_TRUE(flags);
      EXPECT_EQ(*flags & ~kFleeting, before.flags & ~kFleeting);
    } else {
      EXPECT_FALSE(json.contains("frame"));
    }
    told[name] = json;
  }
  // And are they of the kind that they were made?
  const auto has_flag = [&](const std::string& name, const char* flag) {
    const auto& names = told[name]["frame"]["flag_names"];
    return std::ranges::find(names, flag) != names.end();
  };
  EXPECT_TRUE(has_flag("present", "ANON"));
  EXPECT_TRUE(has_flag("zero", "ZERO_PAGE"));
  EXPECT_FALSE(told["untouched"]["page"]["present"]);
  EXPECT_FALSE(told["reserved"]["page"]["present"]);
  EXPECT_EQ(told["reserved"]["mapping"]["rights"], "---p");
  EXPECT_TRUE(told["closed"]["page"]["present"]);
  EXPECT_EQ(told["closed"]["mapping"]["rights"], "---p");
  EXPECT_TRUE(told["file"]["page"]["file_or_shared"]);
  EXPECT_FALSE(has_flag("file", "ANON"));
  EXPECT_TRUE(told["private_file"]["page"]["file_or_shared"]);
  EXPECT_TRUE(has_flag("copied", "ANON"));
  EXPECT_TRUE(told["shared"]["page"]["file_or_shared"]);
  if (pages.contains("guard")) {
    EXPECT_TRUE(told["guard"]["page"]["guard"]);
  }
  if (huge_pages.made()) {
    EXPECT_EQ(told["huge"]["frame"]["order"], 9);
    EXPECT_TRUE(told["huge"]["page"]["huge"]);
  }
  if (folios.made()) {
    EXPECT_EQ(told["middle"]["frame"]["order"], 4);
  }
  if (!swap.why_not().empty()) GTEST_SKIP() << "no swapped page: " << swap.why_not();
  EXPECT_TRUE(told["swapped"]["page"]["swapped"]);
}

// Resident bytes of the mapping by order, counted page by page.
std::map<std::uint64_t, std::uint64_t> counted(pid_t pid, std::uint64_t start, std::uint64_t end) {
  std::map<std::uint64_t, std::uint64_t> bytes;
  for (std::uint64_t at = start; at < end; at += 4096) {
    const KernelPage page = kernel_page(pid, at);
    const bool zero = (page.flags >> 24U & 1U) != 0;  // the page of zeros is nobody's
    if (page.present() && !zero) bytes[4096ULL << page.order] += 4096;
  }
  return bytes;
}

TEST_F(LivePages, MapCountsFoliosOfEachSize) {
  const Setting huge_pages("/sys/kernel/mm/transparent_hugepage/enabled", "madvise");
  const Setting folios("/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled", "madvise");
  if (!folios.made() || !huge_pages.made()) GTEST_SKIP() << "the kernel has no folios of 64 KiB";
  const Running process({target("page_kinds"), scratch("folios")});
  ASSERT_TRUE(process.wait_for("ready")) << process.output();
  const auto pages = pages_of(process.output());
  const Finished asked =
      run({firsttouch(), "map", "-p", std::to_string(process.pid()), "--format", "json"});
  ASSERT_EQ(asked.exit_status(), 0) << asked.err;
  const Json map = Json::parse(asked.out, nullptr, false);
  std::uint64_t sum = 0;
  for (const auto& [size, bytes] : map["total"]["folios"].items()) {
    sum += bytes.get<std::uint64_t>();
  }
  EXPECT_EQ(sum, map["total"]["resident_bytes"].get<std::uint64_t>() +
                     map["total"]["mapped_again_bytes"].get<std::uint64_t>());
  int looked_at = 0;
  for (const Json& region : map["regions"]) {
    const auto number = [&](const char* key) {
      return *parse_integer<std::uint64_t>(
          std::string_view(region[key].get_ref<const std::string&>()).substr(2), 16);
    };
    const std::uint64_t start = number("start");
    const std::uint64_t end = number("end");
    for (const char* name : {"middle", "present", "shared", "file"}) {
      if (pages.at(name) < start || pages.at(name) >= end) continue;
      ++looked_at;
      std::map<std::uint64_t, std::uint64_t> told;
      for (const auto& [size, bytes] : region["folios"].items()) told[std::stoull(size)] = bytes;
      EXPECT_EQ(told, counted(process.pid(), start, end)) << name;
    }
  }
  EXPECT_EQ(looked_at, 4);
  EXPECT_EQ(map["total"]["folios"]["2097152"].get<std::uint64_t>(), 4U << 20U);
  EXPECT_GE(map["total"]["folios"]["65536"].get<std::uint64_t>(), 16U * 65536U);
}

TEST_F(LivePages, OthersAreToldWhatTheyMayNotSee) {
  const Running process({target("page_kinds"), scratch("of-nobody")});
  ASSERT_TRUE(process.wait_for("ready")) << process.output();
  const auto pages = pages_of(process.output());
  // Root without the capability: the process may be looked at, its frames may not.
  const Finished asked = run({"setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin",
                              firsttouch(), "explain", fmt::format("{:#x}", pages.at("present")),
                              "-p", std::to_string(process.pid())});
  ASSERT_EQ(asked.exit_status(), 0) << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("CAP_SYS_ADMIN"));
  EXPECT_THAT(asked.out, HasSubstr("present"));
  const Finished mapped =
      run({"setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", firsttouch(),
           "map", "-p", std::to_string(process.pid()), "--format", "json"});
  ASSERT_EQ(mapped.exit_status(), 0) << mapped.err;
  const Json map = Json::parse(mapped.out, nullptr, false);
  EXPECT_FALSE(map["total"].contains("folios"));
  EXPECT_THAT(map["missing"].dump(), HasSubstr("folios"));
}

}  // namespace
}  // namespace ft::e2e
