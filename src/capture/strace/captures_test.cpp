// The importer, and the printer behind it, on the logs of real JVM starts kept beside the checkout.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <unordered_map>

#include "base/fd.h"
#include "capture/strace/import.h"
#include "capture/strace/test_programs.h"
#include "event/memory_trace.h"
#include "report/strace/print.h"

namespace ft::capture::strace {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> captures_ending(std::string_view ending) {
  std::vector<std::string> paths;
  std::error_code ignored;
  for (const char* folder : {FT_SHARED_DIR "/captures", FT_SHARED_DIR "/captures/flags"}) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().string().ends_with(ending)) paths.push_back(entry.path().string());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

std::string text_of(const std::string& path) {
  return path.ends_with(".gz") ? testing::output_of("zcat " + path) : read_file(path).value();
}

event::Trace import_text(const std::string& text, const std::string& name, ImportSummary& summary) {
  event::MemoryTrace memory;
  const auto result = import_log(text, name, memory);
  EXPECT_TRUE(result) << result.error().message();
  summary = result.value_or(ImportSummary{});
  return memory.trace().value();
}

std::string print_text(const event::Trace& trace) {
  std::string printed;
  EXPECT_TRUE(report::strace::print(trace, [&](std::string_view piece) {
    printed += piece;
    return true;
  }));
  return printed;
}

TEST(Captures, EveryLineIsUnderstood) {
  std::vector<std::string> paths = captures_ending(".strace");
  for (const char* ending : {".strace.gz", ".stracek.gz"}) {
    const std::vector<std::string> more = captures_ending(ending);
    paths.insert(paths.end(), more.begin(), more.end());
  }
  if (paths.empty()) GTEST_SKIP() << "no captures beside the checkout (" FT_SHARED_DIR ")";
  const testing::ScratchFolder folder;
  for (const std::string& path : paths) {
    const std::string text = text_of(path);
    ImportSummary summary;
    const event::Trace trace = import_text(text, path, summary);
    EXPECT_EQ(summary.malformed, 0U) << path;

    const std::string plain = folder.file("log");
    FILE* file = std::fopen(plain.c_str(), "w");
    std::fwrite(text.data(), 1, text.size(), file);
    std::fclose(file);
    std::map<std::string_view, std::uint64_t> counts;
    for (const event::Syscall& call : trace.syscalls) ++counts[event::name_of(call.number)];
    for (const char* name : {"mmap", "munmap", "mprotect", "madvise", "brk", "mremap", "clone3",
                             "fallocate", "ftruncate", "memfd_create", "execve"}) {
      EXPECT_EQ(counts[name], testing::grep_count(plain, name)) << path << " " << name;
    }
  }
}

// strace splits a call in two lines where another thread comes in between. The recording knows when
// a call began and how long it took, but not when strace saw it end, so the two halves are put
// together before they are compared.
std::vector<std::string> whole_calls(const std::string& log) {
  std::vector<std::string> lines;
  std::unordered_map<std::string, std::size_t> open;  // by tid: index of the first half
  std::string_view rest = log;
  while (!rest.empty()) {
    const std::string line(take_until(rest, '\n'));
    const std::string tid = line.substr(0, line.find(' '));
    if (line.find("--- SIG") != std::string::npos) continue;  // not recorded
    if (const std::size_t cut = line.find(" <unfinished ...>"); cut != std::string::npos) {
      open[tid] = lines.size();
      lines.push_back(line.substr(0, cut));
    } else if (const std::size_t at = line.find(" resumed>"); at != std::string::npos) {
      std::string& first = lines.at(open.at(tid));
      const std::string second = line.substr(at + 9);
      // The padding in front of '=' depends on the half's own prefix.
      first += ") " + second.substr(second.find('='));
    } else {
      lines.push_back(line);
    }
  }
  return lines;
}

// For comparing a split call with a whole one.
std::string without_padding(const std::string& line) {
  const std::size_t close = line.find(") ");
  if (close == std::string::npos) return line;
  const std::size_t equals = line.find_first_not_of(' ', close + 1);
  return equals == std::string::npos ? line : line.substr(0, close + 2) + line.substr(equals);
}

// Node masks are pointers to the kernel: what they point to is shown by strace, and not recorded.
std::string without_masks(std::string line) {
  if (line.find("_mempolicy(") == std::string::npos) return line;
  for (std::size_t open = line.find('['); open != std::string::npos;
       open = line.find('[', open + 1)) {
    line.replace(open + 1, line.find(']', open) - open - 1, "...");
  }
  return line;
}

TEST(Captures, PrintedAgainTheyAreTheSameLog) {
  const std::vector<std::string> paths = captures_ending(".strace");
  if (paths.empty()) GTEST_SKIP() << "no captures beside the checkout (" FT_SHARED_DIR ")";
  std::size_t all_lines = 0;
  std::size_t same_lines = 0;
  for (const std::string& path : paths) {
    const std::string log = text_of(path);
    ImportSummary summary;
    const std::string printed = print_text(import_text(log, path, summary));

    std::vector<std::string> expected = whole_calls(log);
    std::vector<std::string> actual = whole_calls(printed);
    for (auto* lines : {&expected, &actual}) {
      for (std::string& line : *lines) line = without_masks(without_padding(line));
      // Lines of one microsecond have no order.
      std::ranges::sort(*lines);
    }
    EXPECT_EQ(actual, expected) << path;

    std::multiset<std::string> printed_lines;
    for (std::string_view line : split(printed, '\n')) printed_lines.insert(std::string(line));
    for (std::string_view line : split(log, '\n')) {
      ++all_lines;
      const auto it = printed_lines.find(std::string(line));
      if (it == printed_lines.end()) continue;
      printed_lines.erase(it);
      ++same_lines;
    }
  }
  RecordProperty("lines", static_cast<int>(all_lines));
  RecordProperty("identical", static_cast<int>(same_lines));
  // Whole calls, with padding, come back byte for byte; the rest are halves of split ones.
  EXPECT_GT(same_lines * 100, all_lines * 90);
}

TEST(Fixtures, WholeCallsComeBackByteForByte) {
  for (const char* name : {"jdk17-g1-start.strace"}) {
    const std::string log =
        read_file(FT_SOURCE_DIR "/tests/fixtures/strace/" + std::string(name)).value();
    ImportSummary summary;
    EXPECT_EQ(print_text(import_text(log, name, summary)), log);
  }
}

// That log was written by hand: strace itself prints MAP_FIXED before MAP_ANONYMOUS.
TEST(Fixtures, TheLogOfTheAnalysisComesBackInStracesOrderOfFlags) {
  const std::string log =
      read_file(FT_SOURCE_DIR "/tests/fixtures/strace/jvm-start-ten-groups.strace").value();
  ImportSummary summary;
  const std::string printed = print_text(import_text(log, "ten groups", summary));
  std::string expected;
  for (std::string_view line : split(log, '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    constexpr std::string_view kByHand = "MAP_ANONYMOUS|MAP_FIXED";
    std::string whole(line);
    if (const std::size_t at = whole.find(kByHand); at != std::string::npos) {
      whole.replace(at, kByHand.size(), "MAP_FIXED|MAP_ANONYMOUS");
    }
    expected += whole + "\n";
  }
  EXPECT_EQ(printed, expected);
}

TEST(Fixtures, SplitCallsComeBack) {
  const std::string log =
      read_file(FT_SOURCE_DIR "/tests/fixtures/strace/jdk17-g1-threads.strace").value();
  ImportSummary summary;
  const event::Trace trace = import_text(log, "threads", summary);
  EXPECT_EQ(summary.malformed, 0U);
  std::vector<std::string> expected = whole_calls(log);
  std::vector<std::string> actual = whole_calls(print_text(trace));
  std::ranges::sort(expected);
  std::ranges::sort(actual);
  EXPECT_EQ(actual, expected);
}

TEST(Fixtures, StacksOfAJvmStart) {
  const std::string log =
      read_file(FT_SOURCE_DIR "/tests/fixtures/strace/jdk17-g1-stacks.stracek").value();
  ImportSummary summary;
  const event::Trace trace = import_text(log, "stacks", summary);
  EXPECT_EQ(summary.malformed, 0U);
  ASSERT_FALSE(trace.stacks.empty());
  EXPECT_EQ(trace.processes.at(0).command.at(2), "-Xmx8g");
  // strace guesses the loader's functions from its dynamic symbols: far beyond any of their sizes.
  const event::Frame& frame = trace.stacks.at(0).frames.at(0);
  EXPECT_EQ(frame.symbol, "_dl_catch_error");
  EXPECT_EQ(frame.symbol_offset, 0x26f0U);
  EXPECT_EQ(frame.module_offset, 0x1ab70U);
}

// What is printed can be read again: the same calls, every line understood.
void expect_readable_again(const std::string& log) {
  ImportSummary summary;
  const std::string printed = print_text(import_text(log, "first", summary));
  ImportSummary again;
  import_text(printed, "again", again);
  EXPECT_EQ(again.malformed, 0U) << printed;
  EXPECT_EQ(again.calls, summary.calls) << printed;
}

// Found by fuzzing: the pids were left out because the first lines had none, and the halves of
// split calls could no longer be told apart.
TEST(FuzzFindings, LinesWithAndWithoutAPidInOneLog) {
  expect_readable_again(
      "mprotect(0x1000, 16384, PROT_NONE) = 0 <0.000016>\n"
      "17392 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0 <unfinished ...>\n"
      "17403 munmap(0x1000, 4096) = 0 <0.000012>\n"
      "17392 <... mmap resumed>) = 0x7f0000000000 <0.000030>\n");
}

// Found by fuzzing: an address of all ones was printed as a pointer that is not shown.
TEST(FuzzFindings, AnAddressOfAllOnes) {
  expect_readable_again("clone(child_stack=0xffffffffffffffff, flags=0) = 7\n");
  expect_readable_again("munmap(0xffffffffffffffff, 18446744073709551615) = 0\n");
}

}  // namespace
}  // namespace ft::capture::strace
