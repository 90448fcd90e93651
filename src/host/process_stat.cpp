#include "host/process_stat.h"

#include "host/line_reader.h"

namespace ft::host {

namespace {

// Reads the words after the name by their number in proc(5), counted from 3.
class Words {
 public:
  Words(const LineReader& at, std::string_view rest) : at_(at), rest_(rest) {}

  template <typename Integer>
  Result<void> read(int field, Integer& value) {
    std::string_view word;
    while (next_ <= field) {
      word = take_word(rest_);
      ++next_;
    }
    const std::optional<Integer> number = parse_integer<Integer>(word);
    if (!number) return at_.expected_at(word.empty() ? rest_ : word, "a number");
    value = *number;
    return {};
  }

 private:
  const LineReader& at_;
  std::string_view rest_;
  int next_ = 4;
};

}  // namespace

Result<ProcessStat> parse_process_stat(std::string_view text, std::string_view name) {
  // The name may hold anything, line ends too: the last parenthesis ends it, and what follows never
  // holds one.
  LineReader lines(text, name);
  const std::string_view line = lines.take_all();
  const std::size_t open = line.find('(');
  const std::size_t close = line.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return lines.expected_at(line, "a process name in parentheses");
  }
  const std::string_view before_name = trim(line.substr(0, open));
  const std::optional<std::int32_t> pid = parse_integer<std::int32_t>(before_name);
  if (!pid) return lines.expected_at(before_name, "a process id");

  ProcessStat stat;
  stat.pid = *pid;
  stat.name.assign(line.substr(open + 1, close - open - 1));

  std::string_view rest = line.substr(close + 1);
  const std::string_view state = take_word(rest);
  if (state.size() != 1) {
    return lines.expected_at(state.empty() ? rest : state, "a state letter after the name");
  }
  stat.state = state.front();

  Words words(lines, rest);
  FT_TRY_VOID(words.read(4, stat.ppid));
  FT_TRY_VOID(words.read(9, stat.flags));
  FT_TRY_VOID(words.read(10, stat.minor_faults));
  FT_TRY_VOID(words.read(11, stat.children_minor_faults));
  FT_TRY_VOID(words.read(12, stat.major_faults));
  FT_TRY_VOID(words.read(13, stat.children_major_faults));
  FT_TRY_VOID(words.read(14, stat.user_ticks));
  FT_TRY_VOID(words.read(15, stat.system_ticks));
  FT_TRY_VOID(words.read(20, stat.threads));
  FT_TRY_VOID(words.read(22, stat.start_ticks));
  FT_TRY_VOID(words.read(23, stat.vm_bytes));
  FT_TRY_VOID(words.read(24, stat.rss_pages));
  return stat;
}

}  // namespace ft::host
